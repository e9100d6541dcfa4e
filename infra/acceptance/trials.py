"""What a stage is tried with: each trial uses it as people do, and says which functions and routes that takes.

A function or route that is in no trial has to be in UNTRIED, with the reason; a test sees to it.
"""

import io
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from PIL import Image

from infra import stage as stages
from infra.acceptance.ground import Document, Ground, expect, until
from infra.errors import DeployError

Route = tuple[str, str]
"""A method, and a path as `app.py` writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Something that a stage is used for. Of the functions (handlers), those are named that no earlier trial takes."""

    name: str
    do: Callable[[Ground], None]
    functions: Collection[str] = ()
    routes: Collection[Route] = ()


def ask_for_health(ground: Ground) -> None:
    expect("the health", "ok", ground.told(200, "GET", "/health")["status"])


def upload(ground: Ground) -> None:
    _settle(ground, ground.put(ground.picture), ground.picture)


def resize(ground: Ground) -> None:
    order = {**ground.original, "width": 24}
    record = ground.told(200, "POST", "/resize", order)
    expect("its variants of width 24", 1, len(_of_width(24, record)))
    _see_variants(ground, record)


def resize_later(ground: Ground) -> None:
    order = {**ground.original, "width": 20, "mode": "async"}
    ground.told(202, "POST", "/resize", order)
    _see_variants(ground, ground.record("a variant of width 20", lambda record: bool(_of_width(20, record))))


def run_workflow(ground: Ground) -> None:
    started = ground.told(202, "POST", "/workflows", {**ground.original, "width": 16})
    path = f"/workflows/{started['execution_id']}"

    def look() -> Any:
        status, document = ground.ask("GET", path)
        return document if status == 200 and document["status"] not in {"RUNNING", "PENDING_REDRIVE"} else None

    ended = until("the workflow to end", look)
    expect(f"the end of the workflow ({ended['error']})", "SUCCEEDED", ended["status"])


def run_chain(ground: Ground) -> None:
    states = ground.place.client("stepfunctions")
    machine, order = ground.variables["CHAIN_ARN"], json.dumps(ground.original)
    execution = states.start_execution(stateMachineArn=machine, input=order)["executionArn"]

    def look() -> Any:
        found = states.describe_execution(executionArn=execution)
        return found if found["status"] != "RUNNING" else None

    ended = until("the chain to end", look)
    expect(f"the end of the chain ({ended.get('error')} {ended.get('cause')})", "SUCCEEDED", ended["status"])


def sweep(ground: Ground) -> None:
    """See that the schedule is on; it may take minutes, so its event is sent by hand as well."""
    rule = f"{stages.APP}-{ground.stage}-sweep-event"
    expect(f"schedule {rule}", "ENABLED", ground.place.client("events").describe_rule(Name=rule)["State"])
    ground.invoke("sweep", SCHEDULED)


def redeliver(ground: Ground) -> None:
    """Hand over a completion once more, for the event bus. Completions may come twice."""
    record = ground.told(200, "GET", ground.image)
    kept = {name: record[name] for name in RECORDED}
    completion = {**kept, "event": "image.ready", "original_bytes": None, "occurred_at": record["updated_at"]}
    ground.invoke("redeliver", {"target": "eventbridge", "completion": completion, "callback_url": None})


def overwrite(ground: Ground) -> None:
    before = ground.told(200, "GET", ground.image)
    after = _settle(ground, ground.put(ground.other), ground.other)
    if after["generation"] <= before["generation"]:
        raise DeployError(f"expected a generation above {before['generation']}, got {after['generation']}")


def delete(ground: Ground) -> None:
    variants = ground.told(200, "GET", ground.image)["variants"]
    s3 = ground.place.client("s3")
    s3.delete_object(Bucket=ground.original["bucket"], Key=ground.key)
    ground.record("the record to say deleted", lambda record: record["status"] == "deleted")
    until("the variants to be gone", lambda: all(_is_gone(s3, variant) for variant in variants) or None)


TRIALS = (
    Trial(name="health", do=ask_for_health, functions=["api_handler"], routes=[("GET", "/health")]),
    Trial(
        name="upload: record and variants",
        do=upload,
        functions=["on_upload", "on_completion", "on_destination"],  # the last with pipelines that restore
        routes=[("GET", "/images/{image_id}")],
    ),
    Trial(name="resize over HTTP", do=resize, routes=[("POST", "/resize")]),
    Trial(name="resize over HTTP, later", do=resize_later, functions=["resize_later"]),
    Trial(
        name="workflow over HTTP",
        do=run_workflow,
        functions=["resize_task"],
        routes=[("POST", "/workflows"), ("GET", "/workflows/{execution_id}")],
    ),
    Trial(name="chain", do=run_chain, functions=["chain_resize", "chain_store", "chain_notify"]),
    Trial(name="sweep", do=sweep, functions=["sweep"]),
    Trial(name="redeliver", do=redeliver, functions=["redeliver"]),
)
CHANGES = (Trial(name="overwrite the original", do=overwrite), Trial(name="delete the original", do=delete))
"""What the stage is tried with after it was deployed again, in this order."""

UNTRIED: Mapping[str, str] = {}
"""Functions and routes that no trial uses, and why."""

RECORDED = (
    "image_id",
    "bucket",
    "key",
    "etag",
    "version_id",
    "generation",
    "status",
    "pipeline",
    "variants",
    "error",
    "processing_ms",
)
"""What a completion repeats of a record."""

SCHEDULED = {
    "version": "0",
    "id": "by-hand",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-01-01T00:00:00Z",
    "region": "",
    "resources": [],
    "detail": {},
}
"""What a schedule sends (EventBridge User Guide, "Scheduled events")."""


def _settle(ground: Ground, etag: str, picture: bytes) -> Any:
    """Wait until this version of the original is on record, and see that its variants are what the record says."""
    record = ground.record(
        f"a record that is ready, with the ETag {etag}", lambda r: (r["status"], r["etag"]) == ("ready", etag)
    )
    with Image.open(io.BytesIO(picture)) as image:
        size = {"width": image.width, "height": image.height, "bytes": len(picture)}
    expect("the original on record", size, {name: record["original"][name] for name in size})
    _see_variants(ground, record)
    return record


def _see_variants(ground: Ground, record: Document) -> None:
    """Read every variant, and compare it with the record."""
    s3 = ground.place.client("s3")
    for variant in record["variants"]:
        data = s3.get_object(Bucket=variant["bucket"], Key=variant["key"])["Body"].read()
        with Image.open(io.BytesIO(data)) as image:
            found = {
                "width": image.width,
                "height": image.height,
                "bytes": len(data),
                "format": str(image.format).lower(),
            }
        expect(f"s3://{variant['bucket']}/{variant['key']}", {name: variant[name] for name in found}, found)


def _of_width(width: int, record: Document) -> list[Document]:
    return [variant for variant in record["variants"] if variant["width"] == width]


def _is_gone(s3: Any, variant: Document) -> bool:
    try:
        s3.head_object(Bucket=variant["bucket"], Key=variant["key"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        return True
    return False
