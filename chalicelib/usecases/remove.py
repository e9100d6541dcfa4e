"""An original was deleted: take its variants away and say so."""

import logging
from dataclasses import replace

from chalicelib.errors import NotFound
from chalicelib.identity import image_id
from chalicelib.model import Record, Status, StorageChange
from chalicelib.usecases.announce import announce
from chalicelib.usecases.ports import Halftone, now
from chalicelib.usecases.produce import locations

log = logging.getLogger("halftone.remove")


def remove(change: StorageChange, halftone: Halftone) -> Record | None:
    """Remove the variants of a deleted original and mark its record; None when there is nothing to remove.

    An object that is there again was uploaded since: its own event brings the record up to date.
    """
    record = halftone.catalogue.get(image_id(change.bucket, change.key))
    if record is None or record.status is Status.DELETED:
        return None
    if _is_there(change, halftone):
        log.info("Skipped: the object is there again", extra={"bucket": change.bucket, "key": change.key})
        return None
    halftone.storage.remove(locations(record.variants))
    outcome = replace(record, status=Status.DELETED, variants=(), error=None, updated_at=now())
    if not halftone.catalogue.save(outcome, change.sequencer):
        log.info("Skipped: a newer change came in", extra={"bucket": change.bucket, "key": change.key})
        return None
    announce(outcome, halftone)
    return outcome


def _is_there(change: StorageChange, halftone: Halftone) -> bool:
    try:
        with halftone.storage.open(change.bucket, change.key):
            return True
    except NotFound:
        return False
