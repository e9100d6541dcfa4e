"""An AWS in this process whose every call can be held up, fail or be the last thing that its caller does.

Workers are greenlets: at each call they hand control back, so that a test decides who goes on and how the call ends.
S3, SNS and the queue of events are small and written here; DynamoDB is moto's, so that the adapters' own expressions
decide. A real client stands between the use cases and this only in `tests/aws` and `tests/e2e`.
"""

import copy
import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from hashlib import md5
from typing import Any

import greenlet
from botocore.exceptions import ClientError, ReadTimeoutError
from moto.dynamodb.exceptions import ConditionalCheckFailed
from moto.dynamodb.models import DynamoDBBackend

SOURCE, DEST = "originals", "variants"


class Fault(Enum):
    """How a call ends."""

    NONE = "it works"
    THROTTLE = "it is refused"
    TIMEOUT = "it works, and the answer is lost"
    TWICE = "it works, the answer is lost, and the client tries again"
    CRASH_BEFORE = "the worker dies before it"
    CRASH_AFTER = "the worker dies after it"


class Crash(BaseException):
    """The worker's process ends here."""


@dataclass
class Worker:
    """One invocation under way."""

    name: str
    greenlet: Any
    done: Callable[[Any], None]
    failed: Callable[[BaseException], None]
    waiting_for: str = ""


@dataclass
class Stored:
    data: bytes
    metadata: dict[str, str] = field(default_factory=dict)
    content_type: str = ""
    version: str = "null"

    @property
    def etag(self) -> str:
        return md5(self.data, usedforsecurity=False).hexdigest()


class World:
    """The services, and the workers on them."""

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, Stored]] = {SOURCE: {}, DEST: {}}
        self.published: list[dict[str, Any]] = []
        self.settled: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.workers: list[Worker] = []
        self.table = DynamoDBBackend("eu-west-1", "123456789012")
        self.table.create_table(
            "images",
            schema=[{"AttributeName": "image_id", "KeyType": "HASH"}],
            throughput=None,
            attr=[{"AttributeName": "image_id", "AttributeType": "S"}],
            global_indexes=None,
            indexes=None,
            streams=None,
            billing_mode="PAY_PER_REQUEST",
            sse_specification=None,
            tags=[],
            deletion_protection_enabled=None,
            warm_throughput=None,
        )
        self._next = Fault.NONE

    def client(self, service: str) -> Any:
        return {"s3": S3, "dynamodb": DynamoDB, "sns": Sns}[service](self)

    def start(
        self, name: str, work: Callable[[], Any], done: Callable[[Any], None], failed: Callable[[BaseException], None]
    ) -> None:
        """Begin an invocation, and let it run up to its first call."""
        worker = Worker(name, greenlet.greenlet(work), done, failed)
        self.workers.append(worker)
        self._run(worker)

    def go_on(self, worker: Worker, fault: Fault) -> None:
        """Let a worker make the call that it waits for, with this end, and run up to the next one."""
        self._next = fault
        self._run(worker)

    def _run(self, worker: Worker) -> None:
        try:
            result = worker.greenlet.switch()
        except BaseException as error:  # noqa: BLE001 - a worker may end in any way; the test is told
            self.workers.remove(worker)
            worker.failed(error)
            return
        if worker.greenlet.dead:
            self.workers.remove(worker)
            worker.done(result)
        else:
            worker.waiting_for = result

    def pause(self, _seconds: float) -> None:
        """Sleep until the test lets the worker go on; all that can go wrong is that it dies."""
        greenlet.getcurrent().parent.switch("sleep")
        fault, self._next = self._next, Fault.NONE
        if fault in {Fault.CRASH_BEFORE, Fault.CRASH_AFTER}:
            raise Crash

    def call(self, name: str, effect: Callable[[], Any]) -> Any:
        """Make a call: wait for the test to say how it ends, and end so."""
        if greenlet.getcurrent().parent is None:
            return effect()
        greenlet.getcurrent().parent.switch(name)
        fault, self._next = self._next, Fault.NONE
        self.calls.append(name)
        if fault is Fault.CRASH_BEFORE:
            raise Crash
        if fault is Fault.THROTTLE:
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "less"}}, name)
        if fault in {Fault.TIMEOUT, Fault.CRASH_AFTER}:
            with suppress(ClientError):
                effect()
            raise Crash if fault is Fault.CRASH_AFTER else ReadTimeoutError(endpoint_url=name)
        if fault is Fault.TWICE:
            with suppress(ClientError):
                effect()
        return effect()


class S3:
    def __init__(self, world: World) -> None:
        self._world = world

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            stored = self._find(Bucket, Key)
            return {
                "ETag": f'"{stored.etag}"',
                "VersionId": stored.version,
                "ContentLength": len(stored.data),
                "Metadata": stored.metadata,
                "Body": io.BytesIO(stored.data),
            }

        return self._world.call("GetObject", effect)

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        return self._world.call("HeadObject", lambda: {"ETag": f'"{self._find(Bucket, Key).etag}"'})

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, Metadata: dict[str, str], ContentType: str) -> Any:
        def effect() -> dict[str, Any]:
            stored = Stored(Body, Metadata, ContentType)
            self._world.buckets[Bucket][Key] = stored
            return {"ETag": f'"{stored.etag}"'}

        return self._world.call("PutObject", effect)

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> Any:
        def effect() -> dict[str, Any]:
            for entry in Delete["Objects"]:
                self._world.buckets[Bucket].pop(entry["Key"], None)
            return {}

        return self._world.call("DeleteObjects", effect)

    def _find(self, bucket: str, key: str) -> Stored:
        stored = self._world.buckets[bucket].get(key)
        if stored is None:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": key}}, "GetObject")
        return stored


class DynamoDB:
    def __init__(self, world: World) -> None:
        self._world = world

    def get_item(self, *, TableName: str, Key: dict[str, Any], ConsistentRead: bool) -> dict[str, Any]:
        assert ConsistentRead

        def effect() -> dict[str, Any]:
            item = self._world.table.get_item(TableName, Key)
            return {"Item": item.to_json()["Attributes"]} if item else {}

        return self._world.call("GetItem", effect)

    def update_item(self, **request: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            old = self._world.table.get_item(request["TableName"], request["Key"])
            before = copy.deepcopy(old.to_json()["Attributes"]) if old else None
            try:
                item = self._world.table.update_item(
                    request["TableName"],
                    request["Key"],
                    update_expression=request["UpdateExpression"],
                    expression_attribute_names=request.get("ExpressionAttributeNames", {}),
                    expression_attribute_values=request["ExpressionAttributeValues"],
                    condition_expression=request["ConditionExpression"],
                )
            except ConditionalCheckFailed as error:
                response: Any = {"Error": {"Code": "ConditionalCheckFailedException", "Message": "no"}, "Item": before}
                raise ClientError(response, "UpdateItem") from error
            after = item.to_json()["Attributes"]
            self._world.settled.append(after)
            return {"Attributes": copy.deepcopy(after)}

        return self._world.call("UpdateItem", effect)


class Sns:
    def __init__(self, world: World) -> None:
        self._world = world

    def publish(self, **message: Any) -> Any:
        return self._world.call("Publish", lambda: self._world.published.append(message))
