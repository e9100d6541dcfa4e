"""What a worker owes that was overtaken: it may have written over what the winner wrote."""

import logging

from chalicelib.model import Record, Status
from chalicelib.usecases.align import align, locations
from chalicelib.usecases.announce import announce
from chalicelib.usecases.ports import Call, Entry, Halftone, Image, Overtaken, Since

log = logging.getLogger("halftone.settle")


def settle(entry: Entry | None, halftone: Halftone, call: Call) -> Record | None:
    """Leave an image in order that this delivery has no claim to any more; None when nothing of it changed.

    - This delivery settled it, and perhaps died before it could say so: it is announced again.
    - This delivery never claimed it, or is known to be done: nothing is owed.
    - Another delivery is at work: that one is made to write over whatever this one wrote.
    - This delivery died at work, or what is stored is not what the record says: it is done again.
    """
    while entry is not None:
        at_rest = entry.record.status is not Status.PROCESSING
        if call.delivery not in entry.claimants:
            if not at_rest or entry.owner != call.delivery:
                return None
            announce(entry.record, halftone, call)
            return entry.record
        try:
            if not at_rest and entry.owner != call.delivery:
                halftone.catalogue.disturb(entry, delivery=call.delivery)
                return None
            if at_rest and _in_order(entry, halftone):
                halftone.catalogue.leave(entry, delivery=call.delivery)
                return None
            log.warning("Done again", extra={"image_id": entry.record.image_id})
            return align(Image(entry.record.bucket, entry.record.key), Since(entry.generation), halftone, call)
        except Overtaken as overtaken:
            entry = overtaken.entry
    return None


def _in_order(entry: Entry, halftone: Halftone) -> bool:
    """Tell whether every place holds what the record says, and nothing else does."""
    expected = {(variant.bucket, variant.key): variant.etag for variant in entry.record.variants}
    places = entry.places | locations(entry.record.variants)
    return all(halftone.storage.etag(bucket, key) == expected.get((bucket, key)) for bucket, key in places)
