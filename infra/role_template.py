"""The functions' roles as a CloudFormation template, so that they can have tags and a permissions boundary. Pure."""

from infra.roles import KINDS, Estate, policies
from infra.stage import APP, Json

TRUST: Json = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def template(estate: Estate, boundary: str) -> Json:
    """Give each function a role of its own; `boundary` is the ARN of their permissions boundary, or empty."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "What the functions of a Halftone stage may do.",
        "Resources": {
            logical_id(handler): _role(role_name(estate.stage, handler), document, boundary)
            for kind, document in policies(estate).items()
            for handler in KINDS[kind]
        },
    }


def logical_id(handler: str) -> str:
    """Name a function's role in the template.

    >>> logical_id("on_upload")
    'OnUploadRole'
    """
    return f"{handler.title().replace('_', '')}Role"


def role_name(stage: str, handler: str) -> str:
    """Name a function's role.

    Chalice made roles without the suffix before. The dot is in no name of a stage and in none of a handler.
    """
    return f"{APP}-{stage}-{handler}.role"


def role_arns(estate: Estate) -> dict[str, str]:
    """Return the ARN of each function's role, also of functions that the stage's pipeline has no use for."""
    handlers = [handler for handlers in KINDS.values() for handler in handlers]
    begins = f"arn:{estate.partition}:iam::{estate.account}:role"
    return {handler: f"{begins}/{role_name(estate.stage, handler)}" for handler in handlers}


def _role(name: str, document: Json, boundary: str) -> Json:
    properties = {
        "RoleName": name,
        "AssumeRolePolicyDocument": TRUST,
        "Policies": [{"PolicyName": "function", "PolicyDocument": document}],
    }
    return {
        "Type": "AWS::IAM::Role",
        "Properties": properties | ({"PermissionsBoundary": boundary} if boundary else {}),
    }
