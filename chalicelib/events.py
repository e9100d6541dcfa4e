"""AWS event dictionaries become the model: the only code that indexes them."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import quote_plus, unquote_plus

import msgspec

from chalicelib import orders
from chalicelib.model.completion import Announcement, Completion, Handover
from chalicelib.model.order import ResizeOrder
from chalicelib.model.record import Record
from chalicelib.model.storage import StorageChange
from chalicelib.usecases.chain import Step

log = logging.getLogger("halftone.events")

REDRIVEN = "redriven"
"""Where an event names the delivery that it belongs to: one that was given up on and is handed in again, and each
attempt of a workflow at its task.
"""

SWEEP = "ObjectCreated:Sweep"
"""What the sweep calls its events; S3 has no such name."""

_REMOVALS = ("ObjectRemoved:", "LifecycleExpiration:")


def delivery(event: Mapping[str, Any]) -> str | None:
    """Return the delivery that an event carries on; None for one that comes by itself."""
    return event.get(REDRIVEN)


def storage_changes(event: Mapping[str, Any]) -> list[StorageChange]:
    """List what an S3 event says, in its order; nothing for S3's test event and for an event without records.

    Keys are decoded here, once. Names of events that are neither a creation nor a removal (a restore, a tag) are
    logged and left out.
    """
    if event.get("Event") == "s3:TestEvent":
        log.info("S3 sent its test event: the notification is set up")
        return []
    if not event.get("Records"):
        log.warning("The event has no Records: nothing to do. An S3 event has one record for each object")
        return []
    return list(_changes(event["Records"]))


def _changes(records: list[Any]) -> Iterator[StorageChange]:
    for record in records:
        name = str(record.get("eventName", "")).removeprefix("s3:") if isinstance(record, dict) else ""
        if not name.startswith(("ObjectCreated:", *_REMOVALS)):
            log.warning("Left out an S3 record of another kind", extra={"event_name": name})
            continue
        try:
            item = record["s3"]["object"]
            sequencer = item.get("sequencer", "")
            yield StorageChange(
                kind=_kind(name) if sequencer else "sweep" if name == SWEEP else "review",
                bucket=record["s3"]["bucket"]["name"],
                key=unquote_plus(item["key"]),
                sequencer=sequencer,
                etag=item.get("eTag"),
            )
        except (KeyError, TypeError, AttributeError):
            log.warning("Left out an S3 record without bucket or key", extra={"event_name": name})


def _kind(name: str) -> Literal["created", "removed"]:
    return "removed" if name.startswith(_REMOVALS) else "created"


def without_sequencer(bucket: str, key: str, *, name: str) -> bytes:
    """Write an event like S3's, but without a sequencer: the app looks at the object as it is now."""
    item = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}}
    return msgspec.json.encode({"Records": [{"eventName": name, "s3": item}]})


def announcements(event: Mapping[str, Any]) -> list[Announcement]:
    """List the completions that an SNS event carries, each with the URL that is told of it, if there is one."""
    messages = [record["Sns"] for record in event.get("Records", [])]
    return [
        Announcement(
            completion=msgspec.json.decode(message["Message"], type=Completion),
            callback_url=message.get("MessageAttributes", {}).get("callback_url", {}).get("Value"),
        )
        for message in messages
    ]


def handover(event: Mapping[str, Any]) -> Handover:
    """Read the input of `redeliver`, as `on_completion` wrote it."""
    return msgspec.convert(event, Handover)


def resize_order(task: Mapping[str, Any]) -> ResizeOrder:
    """Read the input of the resize task: the fields of POST /resize. Raises InvalidRequest."""
    return orders.parse(_without_delivery(task))


def original_order(task: Mapping[str, Any]) -> ResizeOrder:
    """Read the input of the chain: a bucket and a key. Raises InvalidRequest."""
    return orders.parse_original(_without_delivery(task))


def written_step(step: Mapping[str, Any]) -> Step:
    """Read the input of `chain_store`, as `chain_resize` returned it."""
    return msgspec.convert(step, Step)


def stored_record(step: Mapping[str, Any]) -> Record:
    """Read the input of `chain_notify`, as `chain_store` returned it."""
    return msgspec.convert(step["record"], Record)


def deferred_order(event: Mapping[str, Any]) -> ResizeOrder:
    """Read the input of `resize_later`, as POST /resize wrote it."""
    return msgspec.convert(event, ResizeOrder)


def _without_delivery(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != REDRIVEN}
