"""An object was uploaded: give it its variants, its record and its completion."""

import logging
import time
from dataclasses import replace

from chalicelib.errors import NotFound, PermanentError
from chalicelib.identity import image_id
from chalicelib.model import Failure, Record, Status, StorageChange
from chalicelib.pipelines import is_original
from chalicelib.usecases.announce import announce
from chalicelib.usecases.ports import Checkpoint, Halftone, StoredObject, now
from chalicelib.usecases.produce import by_pipeline, locations, produce

log = logging.getLogger("halftone.ingest")


def ingest(change: StorageChange, halftone: Halftone, checkpoint: Checkpoint) -> Record | None:
    """Process the object as it is now; None when there is nothing to do, and the log says why.

    A permanent error ends in a failed record and a completion. A transient one is raised, with the record left in
    `processing`, for Lambda to try again.
    """
    if not is_original(halftone.pipeline.source, change.key):
        return _skip(change, "its key is no original of the pipeline")
    started = time.perf_counter()
    try:
        with halftone.storage.open(change.bucket, change.key) as original:
            if original.metadata.get("resized") == "true":
                return _skip(change, "it is a variant")
            record = halftone.catalogue.claim(_processing(change, original, halftone), change.sequencer)
            if record is None:
                return _skip(change, "this change was dealt with, or a newer one was seen")
            outcome = _outcome(original, record, halftone, checkpoint)
    except NotFound:
        return _skip(change, "the object is gone")
    halftone.storage.remove(locations(record.variants) - locations(outcome.variants))
    outcome = replace(outcome, updated_at=now(), processing_ms=round(1000 * (time.perf_counter() - started)))
    if not halftone.catalogue.save(outcome, change.sequencer):
        return _skip(change, "a newer change came in meanwhile")
    announce(outcome, halftone)
    log.info("Ingested", extra={"image_id": outcome.image_id, "status": outcome.status, "ms": outcome.processing_ms})
    return outcome


def _processing(change: StorageChange, original: StoredObject, halftone: Halftone) -> Record:
    moment = now()
    return Record(
        image_id=image_id(change.bucket, change.key),
        status=Status.PROCESSING,
        bucket=change.bucket,
        key=change.key,
        etag=original.etag,
        version_id=original.version_id,
        pipeline=halftone.pipeline.name,
        created_at=moment,
        updated_at=moment,
    )


def _outcome(original: StoredObject, record: Record, halftone: Halftone, checkpoint: Checkpoint) -> Record:
    try:
        return produce(
            original, record, halftone.pipeline.variants, by_pipeline(record, halftone), halftone, checkpoint
        )
    except PermanentError as error:
        log.warning(
            "The original cannot be processed", extra={"image_id": record.image_id, "code": error.code}, exc_info=True
        )
        return replace(record, status=Status.FAILED, variants=(), error=Failure(code=error.code, message=str(error)))


def _skip(change: StorageChange, why: str) -> Record | None:
    log.info("Skipped: %s", why, extra={"bucket": change.bucket, "key": change.key})
    return None
