"""An event for each function, with which it does what it is there for."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.identity import image_id
from localcloud.stage import SCHEDULED

SAMPLE = Path(__file__).with_name("sample.jpg").read_bytes()

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ground:
    """A stage where nothing happens by itself. `invoke` calls a deployed function and returns its result."""

    s3: Any
    source: str
    dest: str
    invoke: Callable[[str, Event], Any]

    def photo(self) -> str:
        """Put a new original, and return its key."""
        key = f"{uuid.uuid4()}.jpg"
        self.s3.put_object(Bucket=self.source, Key=key, Body=SAMPLE)
        return key

    def ready(self) -> str:
        """Put a new original, have its variants made, and return its key."""
        key = self.photo()
        self.invoke("on_upload", upload(self, key))
        return key


def upload(ground: Ground, key: str | None = None) -> Event:
    item = {"key": key or ground.photo(), "sequencer": "0055AED6DCD90281E5"}
    return {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": ground.source}, "object": item}}]}


def _written(ground: Ground) -> Event:
    item = {"key": "nobody-keeps-this.jpg", "sequencer": "0055AED6DCD90281E5"}
    return {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": ground.dest}, "object": item}}]}


def _completion() -> Event:
    return {
        "event": "image.ready",
        "image_id": str(uuid.uuid4()),
        "bucket": "source",
        "key": "a.jpg",
        "etag": "0",
        "version_id": None,
        "generation": 1,
        "status": "ready",
        "pipeline": "default",
        "variants": [],
        "error": None,
        "processing_ms": 100,
        "original_bytes": 1000,
        "occurred_at": "2026-01-01T00:00:00Z",
    }


def _announced(_: Ground) -> Event:
    return {"Records": [{"Sns": {"Message": json.dumps(_completion()), "Subject": "", "MessageAttributes": {}}}]}


def _handed_over(_: Ground) -> Event:
    return {"target": "eventbridge", "completion": _completion(), "callback_url": None}


def _order(ground: Ground) -> Event:
    return {"bucket": ground.source, "key": ground.photo()}


def _request(ground: Ground) -> Event:
    image = image_id(ground.source, ground.ready())
    return {
        "requestContext": {"httpMethod": "GET", "resourcePath": "/images/{image_id}", "path": f"/images/{image}"},
        "pathParameters": {"image_id": image},
        "multiValueQueryStringParameters": None,
        "headers": {},
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
    }


EVENTS: Mapping[str, Callable[[Ground], Event]] = {
    "api_handler": _request,
    "chain_notify": lambda ground: {"record": ground.invoke("chain_store", EVENTS["chain_store"](ground))["record"]},
    "chain_resize": _order,
    "chain_store": lambda ground: dict(ground.invoke("chain_resize", _order(ground))),
    "on_completion": _announced,
    "on_destination": _written,
    "on_upload": upload,
    "redeliver": _handed_over,
    "resize_later": _order,
    "resize_task": _order,
    "sweep": lambda _: SCHEDULED,
}
