"""The deployed local stage, for programs that play with it. They run in the app's environment, with its exports set."""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import msgspec
from botocore.config import Config

from chalicelib.aws.catalogue import DynamoCatalogue
from chalicelib.identity import image_id
from chalicelib.model.completion import Completion
from chalicelib.pipelines import loading
from chalicelib.usecases.entry import Entry
from infra.estimate import item_bytes
from infra.stage import APP
from localcloud.home import STAGE
from localcloud.invariant import Version

THREADS = 8
ON_UPLOAD = f"{APP}-{STAGE}-on_upload"
SWEEP = f"{APP}-{STAGE}-sweep"
SCHEDULED = {
    "version": "0",
    "id": "made-by-hand",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-01-01T00:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {},
}
"""What the sweep's schedule sends."""

PARTITIONS = "0123456789abcdef"
"""Of the index `unfinished`: the first digits of image ids."""

LOOKS = 5  # in a row without an event under way, until nothing is taken to come any more
PAUSE = 0.2  # seconds between two looks


class Stage:
    """All that such a program does and sees: originals, events, records, variants, completions and workers."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.source, self.dest = environ["SOURCE_BUCKET"], environ["DEST_BUCKET"]
        self.pipeline = loading.load(environ["PIPELINE"])
        self.session = boto3.Session()
        self._url, self._scratch = environ["AWS_ENDPOINT_URL"], environ["TMPDIR"]
        config = Config(max_pool_connections=2 * THREADS)
        self.s3 = self.session.client("s3", config=config)
        self._lambda = self.session.client("lambda", config=config)
        self._sqs = self.session.client("sqs", config=config)
        self._dynamodb = self.session.client("dynamodb")
        self._table = environ["IMAGES_TABLE"]
        self._catalogue = DynamoCatalogue(self._table)
        self._completions = self._queue("play-completions")
        self.session.client("sns").subscribe(
            TopicArn=environ["COMPLETIONS_TOPIC_ARN"],
            Protocol="sqs",
            Endpoint=self._arn(self._completions),
            Attributes={"RawMessageDelivery": "true"},
        )
        self._events = self._queue("play-events")
        told = self.s3.get_bucket_notification_configuration(Bucket=self.source)
        told.pop("ResponseMetadata")
        told["QueueConfigurations"] = [
            {"QueueArn": self._arn(self._events), "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
        ]
        self.s3.put_bucket_notification_configuration(Bucket=self.source, NotificationConfiguration=told)

    def versions(self, key: str) -> list[Version]:
        """Read what an original is and ever was, the latest first."""
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.source, Prefix=key)
        found = [item for page in pages for part in ("Versions", "DeleteMarkers") for item in page.get(part, [])]
        own = sorted((item for item in found if item["Key"] == key), key=lambda item: not item["IsLatest"])
        return [Version(id=item["VersionId"], data=self._data(item) if "ETag" in item else None) for item in own]

    def entry(self, key: str) -> Entry | None:
        return self._catalogue.get(image_id(self.source, key))

    def item_bytes(self, key: str) -> int:
        """Return the size of an image's item, as DynamoDB counts."""
        found = self._dynamodb.get_item(TableName=self._table, Key={"image_id": {"S": image_id(self.source, key)}})
        return item_bytes(found["Item"])

    def unfinished(self) -> list[int]:
        """Say when each image that is unfinished may be taken over, in Unix seconds."""
        return [int(item["due"]["N"]) for partition in PARTITIONS for item in self._unfinished(partition)]

    def leased(self) -> list[str]:
        """List the keys of images whose lease somebody holds."""
        scan = self._dynamodb.get_paginator("scan")
        pages = scan.paginate(TableName=self._table, FilterExpression="attribute_exists(lease)", ConsistentRead=True)
        return sorted(item["key"]["S"] for page in pages for item in page["Items"])

    def variants(self) -> dict[tuple[str, str], str]:
        """List the ETags of all that is in the destination bucket."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.dest)
        found = [item for page in pages for item in page.get("Contents", [])]
        return {(self.dest, item["Key"]): item["ETag"].strip('"') for item in found}

    def completions(self) -> list[Completion]:
        """Receive what was announced since the last look."""
        return [msgspec.json.decode(body, type=Completion) for body in self._received(self._completions)]

    def events(self) -> list[bytes]:
        """Receive S3's events since the last look, each as the function got it."""
        return [event for event in self._received(self._events) if b'"Records"' in event]  # S3 also sends a test

    def invoke(self, event: bytes) -> None:
        """Hand an event to `on_upload`, once more."""
        self._lambda.invoke(FunctionName=ON_UPLOAD, InvocationType="Event", Payload=event)

    def sweep(self) -> None:
        """Have the sweep look for what may be taken over, now."""
        self._lambda.invoke(FunctionName=SWEEP, InvocationType="Event", Payload=json.dumps(SCHEDULED))

    def limit(self, seconds: int) -> None:
        """Give `on_upload` less time: what one of its workers leaves when it dies may be taken over sooner."""
        self._lambda.update_function_configuration(FunctionName=ON_UPLOAD, Timeout=seconds)
        self._lambda.get_waiter("function_updated_v2").wait(FunctionName=ON_UPLOAD)

    def log_renderings(self) -> None:
        """Have `on_upload` log the CPU time of each rendering, which it does at DEBUG."""
        told = self._lambda.get_function_configuration(FunctionName=ON_UPLOAD)["Environment"]["Variables"]
        environment = {"Variables": {**told, "LOG_LEVEL": "DEBUG"}}
        self._lambda.update_function_configuration(FunctionName=ON_UPLOAD, Environment=environment)
        self._lambda.get_waiter("function_updated_v2").wait(FunctionName=ON_UPLOAD)

    def under_way(self) -> int:
        """Count the events that are neither done nor given up."""
        return int(self._door("events"))

    def calls(self) -> dict[str, int]:
        """Count the calls that the functions have made, by operation."""
        counted: dict[str, int] = self._door("calls")
        return counted

    def units(self) -> dict[str, int]:
        """Count what DynamoDB charges for."""
        counted: dict[str, int] = self._door("units")
        return counted

    def refusals(self) -> int:
        """Count the calls that were refused."""
        return int(self._door("refusals"))

    def refuse(self, *operations: str) -> None:
        """Refuse the functions these operations from now on, and no others."""
        self._door("faults", operations)

    def wait(self, milliseconds: Mapping[str, float]) -> None:
        """Have the calls of functions wait from now on, by operation; none is no wait."""
        self._door("waits", milliseconds)

    def rest(self, look: Callable[[int], None]) -> None:
        """Wait until nothing is under way; `look` is told how much is."""
        still = 0
        while still < LOOKS:
            count = self.under_way()
            look(count)
            still = 0 if count else still + 1
            time.sleep(PAUSE)

    def workers(self) -> dict[int, str]:
        """Return the process ids of the workers, each with the name of its function."""
        mark = f"{self._scratch}/ministack-lambda-"
        listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True)
        lines = [line.split(maxsplit=1) for line in listed.stdout.splitlines() if mark in line]
        return {int(pid): args.partition(mark)[2].rpartition("/")[0].rpartition("-")[0] for pid, args in lines}

    def _unfinished(self, partition: str) -> Iterator[Mapping[str, Any]]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="unfinished",
            KeyConditionExpression="unfinished = :partition",
            ExpressionAttributeValues={":partition": {"S": partition}},
        )
        for page in pages:
            yield from page["Items"]

    def _data(self, version: Mapping[str, Any]) -> bytes:
        answer = self.s3.get_object(Bucket=self.source, Key=version["Key"], VersionId=version["VersionId"])
        data: bytes = answer["Body"].read()
        return data

    def _queue(self, name: str) -> str:
        url: str = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        return url

    def _arn(self, queue: str) -> str:
        answer = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        arn: str = answer["Attributes"]["QueueArn"]
        return arn

    def _received(self, queue: str) -> Iterator[bytes]:
        while found := self._sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            receipts = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(found)]
            self._sqs.delete_message_batch(QueueUrl=queue, Entries=receipts)
            yield from (message["Body"].encode() for message in found)

    def _door(self, what: str, content: Any = None) -> Any:
        data = json.dumps(content).encode() if content is not None else None
        request = urllib.request.Request(f"{self._url}/_halftone/{what}", data, method="PUT" if data else "GET")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


def here() -> Stage:
    return Stage(os.environ)
