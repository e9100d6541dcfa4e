"""AWS event dictionaries become the model: the only code that indexes them."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from chalicelib.model import Completion, StorageChange

log = logging.getLogger("halftone.events")

_REMOVALS = ("ObjectRemoved:", "LifecycleExpiration:")


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


def _changes(records: list[dict[str, Any]]) -> Iterator[StorageChange]:
    for record in records:
        name = str(record.get("eventName", "")).removeprefix("s3:")
        if not name.startswith(("ObjectCreated:", *_REMOVALS)):
            log.warning("Left out an S3 record of another kind", extra={"event_name": name})
            continue
        item = record["s3"]["object"]
        yield StorageChange(
            kind="removed" if name.startswith(_REMOVALS) else "created",
            bucket=record["s3"]["bucket"]["name"],
            key=unquote_plus(item["key"]),
            sequencer=item.get("sequencer"),
        )


def completions(event: Mapping[str, Any]) -> list[Completion]:
    """List the completions that an SNS event carries."""
    return [msgspec.json.decode(record["Sns"]["Message"], type=Completion) for record in event.get("Records", [])]
