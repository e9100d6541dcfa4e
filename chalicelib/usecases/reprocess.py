"""Bring an image up to date that no change of its object calls for: after a new pipeline, or by hand."""

from chalicelib.errors import DeadlineExceeded
from chalicelib.model.record import Record, Status
from chalicelib.model.storage import StorageChange
from chalicelib.pipelines.keys import is_original
from chalicelib.usecases.align import align
from chalicelib.usecases.ports import Call, Entry, Halftone, Image, Overtaken, Since
from chalicelib.usecases.settle import in_order, settle


def reprocess(change: StorageChange, halftone: Halftone, call: Call) -> Record | None:
    """Process the object as it is now, unless all is as today's pipeline has it; None when there is nothing to do."""
    image = Image(change.bucket, change.key)
    entry = halftone.catalogue.get(image.id)
    if entry is None and not is_original(halftone.pipeline.source, change.key):
        return None
    if entry and change.kind == "created" and _is_done(entry, halftone):
        return settle(entry, halftone, call)
    try:
        return align(image, Since(entry.generation if entry else 0), halftone, call)
    except Overtaken as overtaken:
        return settle(overtaken.entry, halftone, call)


def _is_done(entry: Entry, halftone: Halftone) -> bool:
    """Tell whether nothing is left to do; an image that took too long is worth another try."""
    error = entry.record.error
    return (
        entry.record.status is not Status.PROCESSING
        and entry.digest == halftone.digest
        and not (error and error.code == DeadlineExceeded.code)
        and in_order(entry, halftone)
    )
