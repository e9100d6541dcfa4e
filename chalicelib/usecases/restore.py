"""Somebody put an object of their own among the variants: give them the original back instead."""

import logging
from collections.abc import Sequence

from chalicelib.errors import InvalidRequest, NotFound, TransientError
from chalicelib.model.pipeline import Restore
from chalicelib.model.storage import Restoration, StorageChange
from chalicelib.usecases.ports import Halftone

log = logging.getLogger("halftone.restore")


def restore(changes: Sequence[StorageChange], halftone: Halftone) -> list[Restoration]:
    """Look at every object that appeared in the destination bucket, then raise the first transient error, if any.

    Doing it once more changes nothing. There is no loop: what is copied goes to where it is no original, and the
    variants of originals are marked as ours.
    """
    rule = halftone.pipeline.restore
    assert rule, "on_destination is registered only for a pipeline that restores"
    found: list[Restoration] = []
    errors: list[TransientError] = []
    for change in changes:
        try:
            found.append(_looked_at(change, rule, halftone))
        except TransientError as error:
            log.exception("Not done, to be tried again", extra={"bucket": change.bucket, "key": change.key})
            errors.append(error)
    if errors:
        raise errors[0]
    return found


def _looked_at(change: StorageChange, rule: Restore, halftone: Halftone) -> Restoration:
    try:
        with halftone.storage.open(change.bucket, change.key) as appeared:
            ours = appeared.metadata.get("resized") == "true"
    except NotFound:
        return Restoration(message="the object is gone", bucket=change.bucket, key=change.key)
    if ours:
        return Restoration(message="a variant of our own", bucket=change.bucket, key=change.key)
    return _restored(change, rule, halftone)


def _restored(change: StorageChange, rule: Restore, halftone: Halftone) -> Restoration:
    source = halftone.settings.source_bucket
    copy = rule.target + change.key
    try:
        halftone.storage.copy((source, rule.origin + change.key), (source, copy))
    except NotFound:
        log.info("Manual upload, no matching original", extra={"bucket": change.bucket, "key": change.key})
        return Restoration(message="manual upload, no matching original", bucket=change.bucket, key=change.key)
    except InvalidRequest as error:
        log.warning("Manual upload, original not restored: %s", error, extra={"bucket": change.bucket})
        return Restoration(message="manual upload, original cannot be restored", bucket=change.bucket, key=change.key)
    log.info("Manual upload, original restored", extra={"bucket": change.bucket, "key": change.key, "to": copy})
    return Restoration(
        message="manual upload, original restored", bucket=change.bucket, key=change.key, restored_to=copy
    )
