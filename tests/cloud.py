"""A local cloud for the test session, on a free port and in a folder of its own: it runs beside `make up`."""

import json
import os
import shutil
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from localcloud import cloud as clouds
from localcloud import project, venvs
from localcloud.home import LOCAL, Home

ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}
"""What Step Functions says of an execution that has come to its end."""

PATIENCE = 60.0  # seconds until a wait counts as in vain


def eventually(look: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Look until there is something to see, and return it."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < deadline, f"still {found!r} after {patience:.0f} s"
        time.sleep(0.05)
    return found


@dataclass
class Client:
    """A client of a running cloud, with credentials of its own: nothing comes from the environment.

    `user` has the credentials that the commands of a stage run with, by environment variable: without, they may do all.
    """

    cloud: clouds.Cloud
    user: Mapping[str, str] = field(default_factory=dict)

    def of(self, service: str) -> Any:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=clouds.REGION)
        return session.client(service, endpoint_url=self.cloud.url)

    def turn(self, knob: str, values: Any) -> None:
        """Set one of the front door's knobs (`localcloud/front_door.py`)."""
        url = f"{self.cloud.url}/_halftone/{knob}"
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(values).encode(), method="PUT")):
            pass


def fresh_home(name: str) -> Iterator[Home]:
    """Lend a folder for one cloud of this session, and leave neither behind, nor those of sessions that were killed."""
    home = Home(LOCAL / "test" / f"{os.getpid()}-{name}")
    home.folder.mkdir(parents=True)
    for folder in home.folder.parent.iterdir():
        if not clouds.is_alive(int(folder.name.split("-")[0])):
            remove(Home(folder))
    yield home
    remove(home)


def remove(home: Home) -> None:
    clouds.stop(home)
    shutil.rmtree(home.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    yield from fresh_home("app")


@pytest.fixture(scope="session")
def cloud(home: Home) -> clouds.Cloud:
    venvs.ensure(venvs.CLOUD, venvs.CLOUD_REQUIREMENTS)
    return clouds.start(home, clouds.free_port(), enforce_iam=True)


@pytest.fixture(scope="session")
def client(cloud: clouds.Cloud) -> Client:
    return Client(cloud)


def make_queue(sqs: Any, name: str) -> tuple[str, str]:
    """Create a queue that SNS, EventBridge and S3 may send to; return its URL and ARN."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    principal = {"Service": ["sns.amazonaws.com", "events.amazonaws.com", "s3.amazonaws.com"]}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


def notification(queue: str) -> dict[str, Any]:
    """Return how a bucket notifies somebody's queue, and EventBridge, of what does not concern a stage."""
    prefix = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "invoices/"}]}}
    of_invoices = {"Id": "theirs", "QueueArn": queue, "Events": ["s3:ObjectCreated:*"], "Filter": prefix}
    return {"EventBridgeConfiguration": {}, "QueueConfigurations": [of_invoices]}


class Deployed:
    """The app on the session's cloud, and a subscriber to its completions."""

    def __init__(self, client: Client, exports: dict[str, str]) -> None:
        self.s3, self.sqs = client.of("s3"), client.of("sqs")
        self.table = boto3.resource(
            "dynamodb",
            endpoint_url=client.cloud.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name=clouds.REGION,
        ).Table(exports["IMAGES_TABLE"])
        self.source, self.dest, self.api = exports["SOURCE_BUCKET"], exports["DEST_BUCKET"], exports["API_URL"]
        self.topic = exports["COMPLETIONS_TOPIC_ARN"]
        self.client = client
        self.envelopes: list[dict[str, Any]] = []
        self.queue, arn = make_queue(self.sqs, "subscriber")
        client.of("sns").subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)

    def upload(self, key: str, data: bytes, **options: Any) -> str:
        """Put an original into the source bucket, and return its image id."""
        self.s3.put_object(Bucket=self.source, Key=key, Body=data, **options)
        return self.image_id(key)

    def image_id(self, key: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"s3://{self.source}/{key}"))

    def item(self, image_id: str) -> dict[str, Any]:
        return self.table.get_item(Key={"image_id": image_id}, ConsistentRead=True).get("Item", {})

    def record(self, image_id: str, status: str) -> dict[str, Any]:
        """Wait for the record to have this status."""
        return eventually(lambda: (item := self.item(image_id)).get("status") == status and item)

    def variant_keys(self) -> set[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.dest)
        return {found["Key"] for page in pages for found in page.get("Contents", [])}

    def completions(self, image_id: str) -> list[dict[str, Any]]:
        """All completions of an image so far; envelopes are received once and kept."""
        while found := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                self.envelopes.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        messages = [json.loads(envelope["Message"]) for envelope in self.envelopes]
        return [message for message in messages if message["image_id"] == image_id]

    def completion(self, image_id: str, event: str) -> dict[str, Any]:
        """Wait for this event of an image."""
        return eventually(lambda: next((m for m in self.completions(image_id) if m["event"] == event), None))

    def refuse(self, *operations: str) -> None:
        """Have the cloud refuse the functions these operations from now on, and no others."""
        self.client.turn("faults", list(operations))

    def request(self, path: str, body: Any = None) -> tuple[int, str, Any]:
        """Call the API: GET, or POST where there is a body; return status, content type and JSON."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.api}{path}", data, {"Content-Type": "application/json"} if data is not None else {}
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.headers["Content-Type"], json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Content-Type"], json.load(error)

    def run(self, task: dict[str, Any]) -> dict[str, Any]:
        """Start a workflow over HTTP, and return what the API says of it in the end."""
        status, _, started = self.request("/workflows", task)
        assert (status, set(started)) == (202, {"execution_id"})

        def look() -> dict[str, Any] | None:
            status, _, found = self.request(f"/workflows/{started['execution_id']}")
            assert (status, found["execution_id"]) == (200, started["execution_id"])
            return found if found["status"] in ENDED else None

        return eventually(look)


@pytest.fixture(scope="session")
def deployed(home: Home, client: Client) -> Deployed:
    venvs.ensure(venvs.APP, venvs.APP_REQUIREMENTS)
    project.deploy(home, client.cloud, None)
    exports = project.exports(home, client.cloud)
    for bucket in (exports["SOURCE_BUCKET"], exports["DEST_BUCKET"]):
        assert_tls_only(client, bucket)
        client.of("s3").delete_bucket_policy(Bucket=bucket)
    return Deployed(client, exports)


def assert_tls_only(client: Client, bucket: str) -> None:
    """See the bucket refuse plain HTTP to a user who may read it: the local cloud speaks nothing else.

    So the other tests need that policy gone. All else that they see is what the functions' own policy allows.
    """
    iam, user = client.of("iam"), f"reader-of-{bucket}"[:64]
    iam.create_user(UserName=user)
    allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    iam.put_user_policy(
        UserName=user, PolicyName="read", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    )
    key = iam.create_access_key(UserName=user)["AccessKey"]
    reader = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=clouds.REGION).client(
        "s3", endpoint_url=client.cloud.url
    )
    with pytest.raises(ClientError, match=r"AccessDenied.*explicit deny in a resource-based policy"):
        reader.get_object(Bucket=bucket, Key="any")
