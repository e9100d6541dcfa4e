"""An AWS in this process whose every call can be held up, fail or be the last thing that its caller does.

Workers are greenlets: at each call they hand control back, so that a test decides who goes on and how the call ends.
The services are small and written here: of DynamoDB's expressions only the two that the adapter has, whose effect
`tests/aws` sees on moto. A real client stands between the use cases and this only there and in `tests/e2e`.
"""

import copy
import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from hashlib import md5
from random import Random
from typing import Any

import greenlet
from botocore.exceptions import ClientError, ReadTimeoutError

from chalicelib.aws.clients import tries
from chalicelib.usecases.entry import Attempt

SOURCE, DEST = "originals", "variants"

LANDING = 30.0
"""Seconds within which what was sent takes effect. Clocks differ by the rest of the protocol's minute."""


class Fault(Enum):
    """How a call ends."""

    NONE = "it works"
    THROTTLE = "it is refused"
    TIMEOUT = "it works, and the answer is lost"
    TWICE = "it works, the answer is lost, and the client tries again"
    LATE = "the answer does not come, and it works only later"
    LATE_TOO = "the answer does not come, the client tries again, which works, and the first try works later, too"
    CRASH_BEFORE = "the worker dies before it"
    CRASH_AFTER = "the worker dies after it"
    CRASH_LATE = "the worker dies, and it works only later"


class Crash(BaseException):
    """The worker's process ends here."""


@dataclass
class Worker:
    """One invocation under way. Lambda ends it at `until`; its clock is `skew` seconds fast."""

    name: str
    until: float
    skew: float
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
        self.calls: list[str] = []
        self.workers: list[Worker] = []
        self.clock = 1_767_225_600.0  # Unix seconds
        self.late: list[tuple[float, Callable[[], Any]]] = []
        self.random = Random(0)
        self.puts = 0
        self.stale_items: dict[str, dict[str, Any]] | None = None
        self.items: dict[str, dict[str, Any]] = {}
        self._next = Fault.NONE

    def client(self, service: str) -> Any:
        return {"s3": S3, "dynamodb": DynamoDB, "sns": Sns}[service](self)

    def start(
        self,
        attempt: Attempt,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None],
        *,
        skew: float = 0,
    ) -> None:
        """Begin an invocation, and let it run up to its first call."""
        worker = Worker(attempt.delivery, attempt.until - skew, skew, greenlet.greenlet(work), done, failed)
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

    def pass_time(self, seconds: float) -> None:
        """Let time pass: what was sent takes effect, and Lambda ends who is over time."""
        end = self.clock + seconds
        while True:
            moments = [worker.until for worker in self.workers] + [landing[0] for landing in self.late]
            self.clock = max(self.clock, min((moment for moment in moments if moment <= end), default=end))
            landings = [landing for landing in self.late if landing[0] <= self.clock]
            over = [worker for worker in self.workers if worker.until <= self.clock]
            if not landings and not over:
                return
            for landing in landings:
                self.late.remove(landing)
                with suppress(ClientError):
                    landing[1]()
            for worker in over:
                self.go_on(worker, self.random.choice((Fault.CRASH_LATE, Fault.CRASH_BEFORE)))

    def time(self) -> float:
        """Return the time by the clock of whoever asks."""
        current = greenlet.getcurrent()
        return self.clock + next((worker.skew for worker in self.workers if worker.greenlet is current), 0.0)

    def pause(self, _seconds: float) -> None:
        """Sleep until the test lets the worker go on; all that can go wrong is that it dies."""
        greenlet.getcurrent().parent.switch("sleep")
        fault, self._next = self._next, Fault.NONE
        if fault in {Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.CRASH_LATE}:
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
        if fault is Fault.LATE_TOO:
            self.late.append((self.clock + self.random.uniform(0, LANDING), effect))
            tries.unanswered = True
            return effect()
        if fault in {Fault.LATE, Fault.CRASH_LATE}:
            self.late.append((self.clock + self.random.uniform(0, LANDING), effect))
            raise Crash if fault is Fault.CRASH_LATE else ReadTimeoutError(endpoint_url=name)
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
        def effect() -> dict[str, Any]:
            stored = self._find(Bucket, Key)
            return {
                "ETag": f'"{stored.etag}"',
                "VersionId": stored.version,
                "ContentLength": len(stored.data),
                "Metadata": stored.metadata,
            }

        return self._world.call("HeadObject", effect)

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: bytes,
        Metadata: dict[str, str],
        ContentType: str,
        IfNoneMatch: str | None = None,
        IfMatch: str | None = None,
    ) -> Any:
        def effect() -> dict[str, Any]:
            present = self._world.buckets[Bucket].get(Key)
            if (IfNoneMatch and present) or (IfMatch and (present is None or IfMatch != f'"{present.etag}"')):
                raise ClientError({"Error": {"Code": "PreconditionFailed", "Message": Key}}, "PutObject")
            stored = Stored(Body, Metadata, ContentType)
            self._world.puts += 1
            self._world.buckets[Bucket][Key] = stored
            return {"ETag": f'"{stored.etag}"'}

        return self._world.call("PutObject", effect)

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> Any:
        def effect() -> dict[str, Any]:
            objects = self._world.buckets[Bucket]
            for entry in Delete["Objects"]:
                present = objects.get(entry["Key"])
                if present and entry.get("ETag") in {None, f'"{present.etag}"'}:
                    del objects[entry["Key"]]
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
        assert (TableName, ConsistentRead) == ("images", True)

        def effect() -> dict[str, Any]:
            item = self._world.items.get(Key["image_id"]["S"])
            return {"Item": item} if item else {}

        return self._world.call("GetItem", effect)

    def put_item(self, **request: Any) -> dict[str, Any]:
        item = copy.deepcopy(request["Item"])
        condition = request["ConditionExpression"]
        expected = request.get("ExpressionAttributeValues", {}).get(":revision")
        assert condition == ("revision = :revision" if expected else "attribute_not_exists(image_id)")

        def effect() -> dict[str, Any]:
            old = self._world.items.get(item["image_id"]["S"])
            if (old or {}).get("revision") != expected:
                response: Any = {"Error": {"Code": "ConditionalCheckFailedException", "Message": "no"}, "Item": old}
                raise ClientError(response, "PutItem")
            self._world.items[item["image_id"]["S"]] = item
            return {}

        return self._world.call("PutItem", effect)

    def get_paginator(self, operation: str) -> Any:
        assert operation == "query"
        return self

    def paginate(self, *, ExpressionAttributeValues: dict[str, Any], **_: Any) -> Any:
        """Read the index of what is unfinished, which may lag behind the table."""
        digit, before = ExpressionAttributeValues[":digit"]["S"], int(ExpressionAttributeValues[":before"]["N"])
        items = self._world.call("Query", lambda: list((self._world.stale_items or self._world.items).values()))
        yield {
            "Items": [
                item
                for item in items
                if item.get("unfinished", {}).get("S") == digit and int(item["due"]["N"]) <= before
            ]
        }


class Sns:
    def __init__(self, world: World) -> None:
        self._world = world

    def publish(self, **message: Any) -> Any:
        return self._world.call("Publish", lambda: self._world.published.append(message))
