"""Follow what S3 says: each change of a batch on its own, so that a bad one neither hides nor repeats the others."""

import logging
from collections.abc import Sequence

from chalicelib.model.record import Record
from chalicelib.model.storage import StorageChange
from chalicelib.pipelines.keys import is_original, is_within
from chalicelib.usecases.claim import Reason
from chalicelib.usecases.decide import Cause
from chalicelib.usecases.entry import Image, comparable
from chalicelib.usecases.ports import Call, Halftone
from chalicelib.usecases.reconcile import reconcile

log = logging.getLogger("halftone.follow")

_CAUSES = {"review": Cause.REVIEW, "sweep": Cause.SWEEP}


def follow(changes: Sequence[StorageChange], halftone: Halftone, call: Call) -> dict[str, int]:
    """Deal with every change, then raise the first error, if there was one, so that the batch comes again.

    Returns how many changes were handled and how many were skipped.
    """
    handled = 0
    errors: list[Exception] = []
    for change in changes:
        try:
            record = _followed(change, halftone, call)
        except Exception as error:  # one that nobody foresaw is no reason either to leave the others undone
            log.exception("Not done, to be tried again", extra={"bucket": change.bucket, "key": change.key})
            errors.append(error)
            continue
        if record is None or record.generation == 0:
            log.info("Skipped: %s", _why(record), extra={"bucket": change.bucket, "key": change.key})
            continue
        log.info("Done", extra={"image_id": record.image_id, "status": record.status, "ms": record.processing_ms})
        handled += 1
    if errors:
        raise errors[0]
    return {"handled": handled, "skipped": len(changes) - handled}


def _why(record: Record | None) -> str:
    if record is None:
        return "it was dealt with, is out of date, or is left to somebody else"
    return record.error.message if record.error else f"there is no object {record.key} in bucket {record.bucket}"


def _followed(change: StorageChange, halftone: Halftone, call: Call) -> Record | None:
    image = Image(change.bucket, change.key)
    cause, sequencer = _CAUSES.get(change.kind, Cause.CHANGE), comparable(change.sequencer)
    if cause is Cause.CHANGE and is_within(halftone.pipeline.source, change.key):
        return reconcile(image, Reason(cause=cause, sequencer=sequencer, etag=change.etag), halftone, call)
    if change.kind == "created":
        return None  # an original only if somebody orders it, and each order looks
    entry = halftone.catalogue.get(image.id)
    if entry is None and not (cause is Cause.REVIEW and is_original(halftone.pipeline.source, change.key)):
        return None
    stat = halftone.storage.stat(change.bucket, change.key)
    reason = Reason(
        cause=cause,
        sequencer=sequencer,
        etag=stat.etag if stat else None,
        version_id=stat.version_id if stat else None,
    )
    return reconcile(image, reason, halftone, call, seen=entry)
