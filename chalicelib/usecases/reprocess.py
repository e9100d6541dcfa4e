"""Bring an image up to date that no change of its object calls for: after a new pipeline, or by hand."""

from chalicelib.model import Record, Status, StorageChange
from chalicelib.pipelines import is_original
from chalicelib.usecases.align import align
from chalicelib.usecases.ports import Call, Halftone, Image, Overtaken, Since
from chalicelib.usecases.settle import settle


def reprocess(change: StorageChange, halftone: Halftone, call: Call) -> Record | None:
    """Process the object as it is now, unless today's pipeline has; None when there is nothing to do."""
    if not is_original(halftone.pipeline.source, change.key):
        return None
    image = Image(change.bucket, change.key)
    entry = halftone.catalogue.get(image.id)
    at_rest = entry is not None and entry.record.status is not Status.PROCESSING
    if entry and at_rest and entry.digest == halftone.digest and change.kind == "created":
        return settle(entry, halftone, call)
    try:
        return align(image, Since(entry.generation if entry else 0), halftone, call)
    except Overtaken as overtaken:
        return settle(overtaken.entry, halftone, call)
