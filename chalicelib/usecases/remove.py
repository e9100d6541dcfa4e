"""An original was deleted: take its variants away and say so."""

from chalicelib.errors import NotFound
from chalicelib.model import Record, StorageChange
from chalicelib.pipelines import is_original
from chalicelib.usecases.align import clear_out
from chalicelib.usecases.ports import Call, Halftone, Image, Newer, Overtaken
from chalicelib.usecases.settle import settle


def remove(change: StorageChange, halftone: Halftone, call: Call) -> Record | None:
    """Remove the variants of a deleted original and mark its record; None when there is nothing to do.

    An object that is there again was uploaded since: its own event brings the record up to date.
    """
    if not is_original(halftone.pipeline.source, change.key):
        return None
    image = Image(change.bucket, change.key)
    try:
        with halftone.storage.open(image.bucket, image.key):
            return settle(halftone.catalogue.get(image.id), halftone, call)
    except NotFound:
        pass
    try:
        return clear_out(image, Newer(change.sequencer, halftone.digest), halftone, call)
    except Overtaken as overtaken:
        return settle(overtaken.entry, halftone, call)
