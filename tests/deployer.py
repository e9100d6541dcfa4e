"""The user who may deploy the stage of the tests by `infra/deployer.yaml`, and may do nothing else."""

import json
import urllib.request
from functools import cache
from typing import Any

import boto3
from chalice.package import YAMLTemplateSerializer

from infra import anywhere
from localcloud.cloud import ACCESS_KEY, REGION
from localcloud.home import ROOT

TEMPLATE = ROOT / "infra" / "deployer.yaml"
STAGE, ACCOUNT = "gone", "000000000000"
ATTACHED = {"SourceBucket": "photos-since-2009", "DestBucket": "small-photos", "ArtefactsBucket": "artefacts"}
POLICIES = ("Stacks", "Functions")
PLACE = {"${AWS::Partition}": "aws", "${AWS::Region}": REGION, "${AWS::AccountId}": ACCOUNT}


def statements(*policies: str, **parameters: str) -> list[dict[str, Any]]:
    """Return what the template says, for the tests' stage and place; actions and resources are lists."""
    document = YAMLTemplateSerializer().load_template(TEMPLATE.read_text())
    chosen = {"Stage": STAGE, "GitHubSubject": "", **ATTACHED, **parameters}
    resources = anywhere.resolved(document, chosen)["Resources"]
    text = json.dumps([resources[name]["Properties"]["PolicyDocument"]["Statement"] for name in policies])
    for pseudo, value in PLACE.items():
        text = text.replace(pseudo, value)
    found = [one for document in json.loads(text) for one in document if one]
    for one in found:
        one["Action"] = [one["Action"]] if isinstance(one["Action"], str) else one["Action"]
        resource = one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]
        one["Resource"] = [anywhere.text(name) for name in resource]
    return found


@cache
def credentials(url: str) -> dict[str, str]:
    """Make the user on a cloud, once, and return what its programs find in their environment."""
    session = boto3.Session(ACCESS_KEY, "test", region_name=REGION)
    cloudformation, iam = (session.client(name, endpoint_url=url) for name in ("cloudformation", "iam"))
    parameters = [
        {"ParameterKey": name, "ParameterValue": value} for name, value in {"Stage": STAGE, **ATTACHED}.items()
    ]
    cloudformation.create_stack(
        StackName="deployer",
        TemplateBody=TEMPLATE.read_text(),
        Parameters=parameters,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName="deployer", WaiterConfig={"Delay": 1})
    iam.create_user(UserName="deployer")
    for policy in POLICIES:
        found = cloudformation.describe_stack_resource(StackName="deployer", LogicalResourceId=policy)
        arn = found["StackResourceDetail"]["PhysicalResourceId"]
        iam.attach_user_policy(UserName="deployer", PolicyArn=arn)
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def called(url: str) -> set[str]:
    """Return the IAM actions that the user has taken so far."""
    with urllib.request.urlopen(f"{url}/_halftone/users") as answer:
        return set(json.load(answer).get(credentials(url)["AWS_ACCESS_KEY_ID"], {}))
