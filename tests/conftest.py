"""A stage on an in-process AWS: real adapters, real protocol, no network."""

import io
import secrets
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from moto import mock_aws
from msgspec.structs import replace
from PIL import Image

from chalicelib import settings, wiring
from chalicelib.aws import clients
from chalicelib.identity import image_id
from chalicelib.imaging.render import render
from chalicelib.model.completion import Completion
from chalicelib.model.picture import Rendering
from chalicelib.model.record import Record
from chalicelib.model.storage import StorageChange
from chalicelib.usecases.entry import MARGIN, Attempt, Entry
from chalicelib.usecases.follow import follow
from chalicelib.usecases.ports import Call, Halftone, Render

pytest_plugins = ["tests.cloud"]


ENVIRONMENT = {
    "SOURCE_BUCKET": "originals",
    "DEST_BUCKET": "variants",
    "IMAGES_TABLE": "images",
    "COMPLETIONS_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:completions",
    "WORKFLOW_ARN": "arn:aws:states:eu-west-1:123456789012:stateMachine:workflow",
    "ALLOWED_BUCKETS": "extra",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "POWERTOOLS_METRICS_NAMESPACE": "Halftone",
    "POWERTOOLS_SERVICE_NAME": "halftone",
}


def picture(width: int = 400, height: int = 300, *, form: str = "JPEG", mode: str = "RGB", **options: Any) -> bytes:
    """Encode a picture with a gradient in it."""
    gradient = Image.linear_gradient("L").resize((width, height))
    buffer = io.BytesIO()
    gradient.convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


def call(delivery: str = "delivery-1") -> Call:
    """Another invocation, for one delivery, with all the time in the world."""
    moment = time.time()
    attempt = Attempt(delivery, nonce=secrets.token_hex(4), until=int(moment) + 120, began=int(1000 * moment))
    return Call(attempt, checkpoint=lambda: None, fair_seconds=0)


def over(delivery: str = "dead") -> Call:
    """An invocation that is over by now, with all that it sent."""
    alive = call(delivery)
    return replace(alive, attempt=replace(alive.attempt, until=int(time.time()) - MARGIN))


def change(key: str = "photo.jpg", sequencer: str = "01", *, kind: Any = "created", **more: Any) -> StorageChange:
    return StorageChange(kind=kind, bucket="originals", key=key, sequencer=sequencer, **more)


class Died(BaseException):
    """The worker's process ended here."""


def failing(error: BaseException) -> Callable[..., Any]:
    """Something that is called and fails."""

    def fail(*_args: Any, **_options: Any) -> None:
        raise error

    return fail


class Stage(msgspec.Struct):
    """The stage under test, and the eyes on what it does."""

    halftone: Halftone
    s3: Any
    sqs: Any
    queue: str
    received: list[dict[str, Any]] = msgspec.field(default_factory=list)
    render: Render = render

    def upload(self, key: str, data: bytes, *, bucket: str = "originals", **options: Any) -> str:
        return self.s3.put_object(Bucket=bucket, Key=key, Body=data, **options)["ETag"].strip('"')

    def keys(self, bucket: str) -> set[str]:
        return {entry["Key"] for entry in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])}

    def image(self, bucket: str, key: str) -> Image.Image:
        return Image.open(io.BytesIO(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()))

    def tell(
        self, key: str = "photo.jpg", sequencer: str = "01", *, by: Call | None = None, **more: Any
    ) -> Record | None:
        """Let the app hear of a change, in a delivery of its own; return the record, None where nothing was done."""
        before = self.entry(key)
        done = follow([change(key, sequencer, **more)], self.halftone, by or call(secrets.token_hex(4)))
        after = self.entry(key)
        silent = after is not None and after != before and after.record.generation == 0 and not after.lease
        return self.record(key) if done["handled"] or silent else None

    def entry(self, key: str = "photo.jpg", *, bucket: str = "originals") -> Entry | None:
        return self.halftone.catalogue.get(image_id(bucket, key))

    def record(self, key: str, *, bucket: str = "originals") -> Record | None:
        """The record as outsiders see it."""
        entry = self.entry(key, bucket=bucket)
        return entry.shown if entry else None

    def envelopes(self) -> list[dict[str, Any]]:
        """All SNS envelopes so far."""
        while found := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                self.received.append(msgspec.json.decode(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return self.received

    def completions(self) -> list[Completion]:
        return [msgspec.json.decode(envelope["Message"], type=Completion) for envelope in self.envelopes()]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "PIPELINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stage(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:  # noqa: ARG001 - it only has to be set
    with mock_aws(config={"core": {"mock_credentials": False, "reset_boto3_session": False}}):
        wiring.halftone.cache_clear()
        wiring.parameters.cache_clear()
        s3, sns, sqs, dynamodb = (clients.client(service) for service in ("s3", "sns", "sqs", "dynamodb"))
        for bucket in ("originals", "variants", "extra"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        dynamodb.create_table(
            TableName="images",
            KeySchema=[{"AttributeName": "image_id", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": kind}
                for name, kind in (("image_id", "S"), ("unfinished", "S"), ("due", "N"))
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "unfinished",
                    "KeySchema": [
                        {"AttributeName": "unfinished", "KeyType": "HASH"},
                        {"AttributeName": "due", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["bucket", "key"]},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        topic = sns.create_topic(Name="completions")["TopicArn"]
        queue = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
        queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
        assert settings.load().completions_topic_arn == topic

        def in_this_process(*args: Any, **more: Any) -> Rendering:
            return tested.render(*args, **more)

        rendering = SimpleNamespace(start=lambda: None, render=in_this_process)
        monkeypatch.setattr(wiring, "renderer", lambda: rendering)
        tested = Stage(wiring.halftone(), s3, sqs, queue)
        yield tested
        wiring.halftone.cache_clear()
        wiring.parameters.cache_clear()
