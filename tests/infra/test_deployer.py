"""The deployer's policy: narrow, wide enough for what CloudFormation does in its name, and with nothing to spare.

That it is wide enough for the commands themselves is seen where they run with it (test_deploy.py, test_packaged.py).
"""

import json
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import boto3
import cfnlint
import pytest
from botocore.exceptions import ClientError

from chalicelib.model.pipeline import Pipeline, Restore, Source
from infra import roles
from infra.additions import Additions
from localcloud.cloud import REGION
from tests import deployer
from tests.cloud import Client
from tests.iam import allowed

SCHEMAS = Path(cfnlint.__file__).parent / "data" / "schemas" / "resources"
"""CloudFormation's own, with what each type's handlers ask for in the name of whoever applies a template."""

UNUSED = {
    "s3tables:*": "no metadata tables",
    "s3:*Metadata*": "no metadata tables",
    "s3:Put[AI]*Configuration": "no acceleration, analytics, inventory, tiers of their own",
    "s3:PutMetricsConfiguration": "no metrics for requests",
    "s3:Put*Replication*": "no replication",
    "s3:*ObjectLockConfiguration": "no object lock",
    "s3:Put*A[cbC][lLa]*": "no access control lists, no ABAC",
    "s3:PutBucketLogging": "no access logs",
    "s3:*BucketWebsite": "no web site",
    "s3:*BucketC[Oo][Rr][Ss]": "no CORS",
    "s3:DeleteBucket[!P]*": "nothing of a bucket is taken away again",
    "s3:REST.PUT.OBJECT": "no delivery of logs to S3",
    "s3files:*": "no file systems",
    "elasticfilesystem:*": "no file systems",
    "dynamodb:*Replica": "no global tables",
    "dynamodb:[BPU]*Item": "copies of replicas and imports",
    "dynamodb:Query": "copies of replicas and imports",
    "dynamodb:Scan": "copies of replicas and imports",
    "dynamodb:*Import*": "no import",
    "dynamodb:UpdateContributorInsights": "no contributor insights",
    "dynamodb:UpdateTimeToLive": "no time to live",
    "dynamodb:*ableKinesis*": "no streams",
    "dynamodb:UpdateKinesis*": "no streams",
    "dynamodb:*eteResourcePolicy": "no policy of the table's own",
    "dynamodb:PutResourcePolicy": "no policy of the table's own",
    "kinesis:*": "no streams",
    "firehose:*": "no delivery of logs",
    "kms:*": "a key of one's own lets its users in by its own policy (docs/security.md)",
    "ec2:*": "only in a VPC: an administrator adds them (docs/deploying.md)",
    "iam:CreateServiceLinkedRole": "no replicas that scale",
    "iam:AttachRolePolicy": "roles have policies of their own alone",
    "iam:DeleteRolePermissionsBoundary": "it would let the deployer out of the boundary",
    "lambda:GetCodeSigningConfig": "no code signing",
    "lambda:[DP]*CodeSigningConfig": "no code signing",
    "lambda:*CapacityProvider": "no instances of one's own",
    "lambda:*RuntimeAlias": "no custom runtime",
    "lambda:PutFunction[RS]*Config": "recursion and scaling are as Lambda has them",
    "lambda:PutRuntimeManagementConfig": "Lambda updates the runtime",
    "lambda:PublishVersion": "no versions",
    "logs:*LogDelivery": "no delivery of logs",
    "logs:*DataProtectionPolicy": "nothing is masked",
    "logs:*IndexPolic*": "no indexes",
    "logs:*ResourcePolic*": "nobody else writes logs",
    "logs:PutBearer*": "no access by token",
    "logs:PutLogGroupDeletionProtection": "logs may be deleted",
    "logs:DeleteRetentionPolicy": "logs expire",
    "logs:*LogStream*": "copies of replicas and imports",
    "logs:PutLogEvents": "copies of replicas and imports",
    "sns:PutDataProtectionPolicy": "nothing is masked",
    "apigateway:UpdateRestApiPolicy": "the API has no policy of its own",
}
"""What handlers ask for and no template of ours needs, because of the properties that it does not set."""

BESIDE = {
    "cloudformation:CreateChangeSet": "packages",
    "cloudformation:DescribeChangeSet": "packages",
    "cloudformation:ExecuteChangeSet": "packages",
    "cloudformation:DescribeStackEvents": "why a stack failed",
    "cloudformation:TagResource": "a stack's tags, beside CreateStack and UpdateStack",
    "cloudformation:UntagResource": "the same",
    "lambda:GetAccountSettings": "whether there is so much concurrency as is to be reserved",
    "lambda:GetFunctionConcurrency": "the same",
    "ssm:AddTagsToResource": "the stage's secrets, where there are any",
    "s3:DeleteObjectVersion": "make destroy EMPTY_BUCKETS=yes, and the canary in a bucket with versions",
    "s3:ListBucketVersions": "the same",
    "s3:GetBucket*": "what CloudFormation reads of a bucket: seventeen actions",
}
"""What is allowed though neither the tests' deployments call it nor a handler asks for it, and what it is for."""


def assert_nothing_is_allowed_for_no_reason(called: set[str], template: dict[str, Any]) -> None:
    """See each action be `called` by a deployment, an update and a deletion, or be asked for, or have a reason."""
    assert granted() - called - asked_for(template) == set(BESIDE)


def granted() -> set[str]:
    return {action for one in deployer.statements(*deployer.POLICIES) for action in one["Action"]}


def asked_for(template: dict[str, Any]) -> set[str]:
    """Return what CloudFormation's handlers ask for to create, read, update and delete what is in a template."""
    types = {resource["Type"] for resource in template["Resources"].values()}
    found = {schema["typeName"]: schema["handlers"] for schema in _schemas(types)}
    assert found.keys() == types
    return {
        action
        for handlers in found.values()
        for name, handler in handlers.items()
        if name != "list"
        for action in handler["permissions"]
    }


def _schemas(types: set[str]) -> Iterator[dict[str, Any]]:
    for path in SCHEMAS.glob("*.json"):
        schema = json.loads(path.read_text())
        if schema.get("typeName") in types:
            yield schema


def is_granted(action: str) -> bool:
    return any(fnmatch(action, pattern) for pattern in granted())


def test_what_cloudformation_asks_for_is_granted_or_not_needed(translated: dict[str, Any]) -> None:
    missing = {action for action in asked_for(translated) if not is_granted(action)}
    assert {action for action in missing if not any(fnmatch(action, pattern) for pattern in UNUSED)} == set()
    assert {pattern for pattern in UNUSED if not any(fnmatch(action, pattern) for action in missing)} == set()
    assert {action for action in granted() if any(fnmatch(action, pattern) for pattern in UNUSED)} == set()


def test_what_knows_narrower_resources_is_bound_to_the_stage() -> None:
    names = ("halftone-gone", "halftone/gone", *deployer.ATTACHED.values())
    for statement in deployer.statements(*deployer.POLICIES):
        narrow = all(any(name in resource for name in names) for resource in statement["Resource"])
        assert narrow or statement["Sid"].startswith("Any") or statement["Sid"] == "Sam", statement["Sid"]


def test_it_can_be_attached() -> None:
    """A managed policy may have 6,144 characters (IAM User Guide, "IAM and AWS STS quotas")."""
    for policy in (*deployer.POLICIES, "Boundary"):
        document = {"Version": "2012-10-17", "Statement": deployer.statements(policy, Stage="s" * 20)}
        assert len(json.dumps(document, separators=(",", ":"))) < 6144 - 400, "places can have longer names"


def test_roles_are_made_within_the_boundary_alone() -> None:
    making = ("iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary")
    for statement in deployer.statements(*deployer.POLICIES):
        if set(making) & set(statement["Action"]):
            assert statement["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": {"Ref": "Boundary"}}}
    assert not [action for action in granted() if action.startswith("iam:") and action.endswith(("Policies*", ":*"))]
    for way_out in ("iam:CreatePolicyVersion", "iam:DeleteRolePermissionsBoundary", "iam:AttachRolePolicy"):
        assert not is_granted(way_out)


def test_functions_may_do_within_the_boundary_all_that_their_policies_allow() -> None:
    place = f"{REGION}:{deployer.ACCOUNT}"
    variables = {
        "SOURCE_BUCKET": deployer.ATTACHED["SourceBucket"],
        "DEST_BUCKET": f"halftone-gone-variants-{deployer.ACCOUNT}-{REGION}",
        "IMAGES_TABLE": "halftone-gone-images",
        "COMPLETIONS_TOPIC_ARN": f"arn:aws:sns:{place}:halftone-gone-completions",
        "WORKFLOW_ARN": f"arn:aws:states:{place}:stateMachine:halftone-gone-workflow",
        "EVENT_BUS": "default",
    }
    key = f"arn:aws:kms:{place}:key/1"
    every = [handler for handlers in roles.KINDS.values() for handler in handlers]
    pipeline = Pipeline(name="mine", source=Source(), variants=(), restore=Restore(origin="in/", target="back/"))
    added = Additions(keys=[key], in_vpc=every, traced=True)
    estate = roles.Estate("gone", REGION, deployer.ACCOUNT, "aws", variables, pipeline, additions=added)
    boundary = deployer.statements("Boundary")
    for policy in roles.policies(estate).values():
        for statement in policy["Statement"]:
            if statement["Effect"] == "Allow":
                for resource in statement["Resource"]:
                    missing = set(statement["Action"]) - allowed(boundary, resource)
                    assert missing == set(), (statement["Sid"], resource)


ANOTHERS = f"halftone-local-source-{deployer.ACCOUNT}-{REGION}"


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("lambda", "delete_function", {"FunctionName": "halftone-local-on_upload"}),
        ("lambda", "invoke", {"FunctionName": "halftone-gone-on_upload"}),
        ("s3", "put_bucket_policy", {"Bucket": ANOTHERS, "Policy": "{}"}),
        ("s3", "get_object", {"Bucket": ANOTHERS, "Key": "photo.jpg"}),
        ("s3", "delete_object", {"Bucket": ANOTHERS, "Key": "photo.jpg"}),
        ("dynamodb", "scan", {"TableName": "halftone-gone-images"}),
        ("iam", "create_user", {"UserName": "another"}),
        ("iam", "create_role", {"RoleName": "halftone-gone-any.role", "AssumeRolePolicyDocument": "{}"}),
        ("iam", "create_policy_version", {"PolicyArn": "arn:aws:iam::000000000000:policy/x", "PolicyDocument": "{}"}),
        ("ssm", "get_parameter", {"Name": "/halftone-local/webhook-secret"}),
        ("cloudformation", "delete_stack", {"StackName": "deployer"}),
    ],
)
@pytest.mark.usefixtures("deployed")
def test_it_may_do_nothing_else(client: Client, service: str, operation: str, parameters: dict[str, str]) -> None:
    user = deployer.credentials(client.cloud.url)
    session = boto3.Session(user["AWS_ACCESS_KEY_ID"], user["AWS_SECRET_ACCESS_KEY"], region_name=REGION)
    with pytest.raises(ClientError, match="AccessDenied"):
        getattr(session.client(service, endpoint_url=client.cloud.url), operation)(**parameters)
