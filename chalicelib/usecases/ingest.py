"""An object was uploaded: give it its variants, its record and its completion."""

import logging

from chalicelib.errors import NotFound
from chalicelib.model.record import Record
from chalicelib.model.storage import StorageChange
from chalicelib.pipelines.keys import is_original
from chalicelib.usecases.align import clear_out, original_of, take_in
from chalicelib.usecases.ports import Call, Halftone, Image, Newer, Overtaken
from chalicelib.usecases.settle import settle

log = logging.getLogger("halftone.ingest")


def ingest(change: StorageChange, halftone: Halftone, call: Call) -> Record | None:
    """Process the object as it is now; None when there is nothing to do.

    A permanent error ends in a failed record and a completion. A transient one is raised, with the record left in
    `processing`, for Lambda to try again.
    """
    if not is_original(halftone.pipeline.source, change.key):
        return _skipped(change, "its key is no original of the pipeline")
    image = Image(change.bucket, change.key)
    grounds = Newer(change.sequencer, halftone.digest)
    try:
        try:
            with original_of(image, halftone) as original:
                return take_in(original, image, grounds, halftone, call)
        except NotFound as absence:
            if halftone.catalogue.get(image.id) is None:
                return _skipped(change, str(absence))
            return clear_out(image, grounds, halftone, call)
    except Overtaken as overtaken:
        return settle(overtaken.entry, halftone, call) or _skipped(change, "it was dealt with, or is out of date")


def _skipped(change: StorageChange, why: str) -> Record | None:
    log.info("Skipped: %s", why, extra={"bucket": change.bucket, "key": change.key})
    return None
