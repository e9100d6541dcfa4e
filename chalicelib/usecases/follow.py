"""Follow what S3 says: each change of a batch on its own, so that a bad one neither hides nor repeats the others."""

import logging
from collections.abc import Callable, Sequence

from chalicelib.model.record import Record
from chalicelib.model.storage import StorageChange
from chalicelib.usecases.ingest import ingest
from chalicelib.usecases.ports import Call, Halftone
from chalicelib.usecases.remove import remove
from chalicelib.usecases.reprocess import reprocess

log = logging.getLogger("halftone.follow")


def follow(changes: Sequence[StorageChange], halftone: Halftone, call: Call) -> dict[str, int]:
    """Deal with every change, then raise the first error, if there was one, so that the batch comes again.

    What is finished is sealed before that: it is not announced once more. Returns how many changes were handled and
    how many were skipped.
    """
    handled: list[Record] = []
    errors: list[Exception] = []
    for change in changes:
        try:
            record = _verb(change)(change, halftone, call)
        except Exception as error:  # one that nobody foresaw is no reason either to leave the others undone
            log.exception("Not done, to be tried again", extra={"bucket": change.bucket, "key": change.key})
            errors.append(error)
            continue
        if record is not None:
            log.info("Done", extra={"image_id": record.image_id, "status": record.status, "ms": record.processing_ms})
            handled.append(record)
    if errors:
        for record in handled:
            halftone.catalogue.seal(record.image_id, delivery=call.worker.delivery)
        raise errors[0]
    return {"handled": len(handled), "skipped": len(changes) - len(handled)}


def _verb(change: StorageChange) -> Callable[[StorageChange, Halftone, Call], Record | None]:
    if not change.sequencer:
        return reprocess
    return ingest if change.kind == "created" else remove
