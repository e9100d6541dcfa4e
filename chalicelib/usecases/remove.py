"""An original was deleted: take its variants away and say so."""

from chalicelib.errors import NotFound
from chalicelib.model.record import Record
from chalicelib.model.storage import StorageChange
from chalicelib.pipelines.keys import is_original
from chalicelib.usecases.align import clear_out, original_of, take_in
from chalicelib.usecases.ports import Call, Halftone, Image, Newer, Overtaken, StoredObject
from chalicelib.usecases.settle import settle


def remove(change: StorageChange, halftone: Halftone, call: Call) -> Record | None:
    """Remove the variants of a deleted original and mark its record; None when there is nothing to do.

    Where versions are kept, the deletion of one, or of a delete marker, brings an older one back: it is taken in.
    """
    image = Image(change.bucket, change.key)
    if not is_original(halftone.pipeline.source, change.key) and halftone.catalogue.get(image.id) is None:
        return None
    grounds = Newer(change.sequencer, halftone.digest)
    try:
        try:
            with original_of(image, halftone) as original:
                entry = halftone.catalogue.get(image.id)
                if entry is not None and _describes(entry.record, original):
                    return settle(entry, halftone, call)
                return take_in(original, image, grounds, halftone, call)
        except NotFound:
            return clear_out(image, grounds, halftone, call)
    except Overtaken as overtaken:
        return settle(overtaken.entry, halftone, call)


def _describes(record: Record, original: StoredObject) -> bool:
    return (record.etag, record.version_id) == (original.etag, original.version_id)
