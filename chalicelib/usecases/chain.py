"""What becomes of an upload, in steps that are invoked one by one: resize, store the record, notify.

The steps are those of `align.py`. What they hand on is the entry as it is to be saved. A step may be done again: its
retries are of one delivery, and so are the steps.
"""

from dataclasses import replace

from chalicelib.errors import CatalogueUnavailable, PermanentError
from chalicelib.model.order import ResizeOrder
from chalicelib.model.record import Record, Status
from chalicelib.usecases.align import begin, write
from chalicelib.usecases.ports import Call, Entry, Halftone, Image, Overtaken, Since
from chalicelib.usecases.resize import check, refuse_variant
from chalicelib.usecases.settle import settle


def resize_step(order: ResizeOrder, halftone: Halftone, call: Call) -> Entry:
    """Claim the image, write its variants, and return its entry as it is to be saved; `owner` is who claimed.

    An original that is at fault comes out as a failed record. Raises what check() raises, InvalidRequest, NotFound and
    TransientError.
    """
    check(order, halftone)
    image = Image(order.bucket, order.key)
    entry = halftone.catalogue.get(image.id)
    try:
        with halftone.storage.open(image.bucket, image.key) as original:
            refuse_variant(original, image)
            grounds = Since(entry.generation if entry else 0)
            claimed, outcome = begin(original, image, grounds, halftone, call)
    except PermanentError:
        settle(halftone.catalogue.get(image.id), halftone, call)  # an attempt before this one may have claimed
        raise
    except Overtaken as overtaken:
        settle(overtaken.entry, halftone, call)
        raise CatalogueUnavailable("something else happened to this image at that moment") from None
    record = write(claimed, outcome, halftone)
    return replace(claimed, record=record, places=frozenset(), extras=tuple(outcome.extras), digest=halftone.digest)


def store_step(entry: Entry, halftone: Halftone, call: Call) -> Record | None:
    """Save what resize_step() returned, and return the record to notify of.

    None where something else happened to the image since: then it is settled, and whoever claimed it notifies.
    """
    assert entry.owner, "resize_step() claimed it"
    assert entry.digest, "resize_step() says by which pipeline"
    try:
        halftone.catalogue.save(entry, entry.record, worker=entry.owner, digest=entry.digest, extras=entry.extras)
    except Overtaken as overtaken:
        if overtaken.entry.owner == entry.owner and overtaken.entry.record.status is not Status.PROCESSING:
            return overtaken.entry.record  # the save had its effect before
        settle(overtaken.entry, halftone, call)
        return None
    return entry.record
