"""A cloud without the app, and small functions on it."""

import io
import json
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcloud import cloud as clouds
from localcloud import venvs
from localcloud.home import Home
from tests.cloud import Client, eventually, fresh_home


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    yield from fresh_home("bare")


@pytest.fixture(scope="session")
def cloud(home: Home) -> clouds.Cloud:
    """Start a cloud as `make up` does: no policies, so that the functions here need none."""
    venvs.ensure(venvs.CLOUD, venvs.CLOUD_REQUIREMENTS)
    return clouds.start(home, clouds.free_port())


@pytest.fixture(scope="session")
def client(cloud: clouds.Cloud) -> Client:
    client, iam = Client(cloud), Client(cloud).of("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    for role, action in {LOGGING: "logs:*", SILENT: "logs:PutLogEvents"}.items():
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=document(trust))
        allowed = {"Effect": "Allow", "Action": action, "Resource": "*"}
        iam.put_role_policy(RoleName=role, PolicyName="logs", PolicyDocument=document(allowed))
    return client


def document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


LOGGING, SILENT = "logging", "silent"
"""Roles: one may make log groups, the other only write to those that there are."""

REPORT = """
import json, os, time, uuid, boto3
s3 = boto3.client("s3")
def report(what):
    name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    s3.put_object(Bucket="reports", Key=f"{name}/{uuid.uuid4()}", Body=json.dumps(what).encode())
"""


class Function:
    """A function under test; what it hands to `report(...)` can be read here."""

    def __init__(self, client: Client, name: str, body: str, role: str) -> None:
        self.name, self.s3, self.lambda_ = name, client.of("s3"), client.of("lambda")
        self.s3.create_bucket(Bucket="reports")
        self.arn = self.lambda_.create_function(
            FunctionName=name,
            Runtime=f"python3.{sys.version_info.minor}",
            Role=f"arn:aws:iam::000000000000:role/{role}",
            Handler="index.handler",
            Code={"ZipFile": _archive(body)},
            Timeout=20,
        )["FunctionArn"]
        self._wait_until_active()

    def update(self, body: str) -> None:
        """Deploy other code."""
        self.lambda_.update_function_code(FunctionName=self.name, ZipFile=_archive(body))
        self._wait_until_active()

    def _wait_until_active(self) -> None:
        eventually(lambda: self.lambda_.get_function(FunctionName=self.name)["Configuration"]["State"] == "Active")

    def invoke(self, event: Any, *, asynchronously: bool = False) -> Any:
        kind = "Event" if asynchronously else "RequestResponse"
        answer = self.lambda_.invoke(FunctionName=self.name, InvocationType=kind, Payload=json.dumps(event))
        text = answer["Payload"].read()
        return json.loads(text) if text else None

    def reports(self) -> list[Any]:
        found = self.s3.list_objects_v2(Bucket="reports", Prefix=f"{self.name}/").get("Contents", [])
        bodies = [self.s3.get_object(Bucket="reports", Key=entry["Key"])["Body"].read() for entry in found]
        return [json.loads(body) for body in bodies]

    def wait_for(self, count: int) -> list[Any]:
        """Wait for as many reports, and then for whether more would come."""
        eventually(lambda: len(self.reports()) >= count)
        time.sleep(0.5)
        return self.reports()


def _archive(body: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", REPORT + body)
    return archive.getvalue()


@pytest.fixture
def function(client: Client) -> Callable[..., Function]:
    return lambda name, body, role=LOGGING: Function(client, name, body, role)
