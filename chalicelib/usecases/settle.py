"""What a worker owes that was overtaken: it may have written over what the winner wrote."""

import logging

from chalicelib.model.record import Record, Status
from chalicelib.usecases.align import align, locations
from chalicelib.usecases.announce import announce
from chalicelib.usecases.ports import Call, Entry, Halftone, Image, Overtaken, Since

log = logging.getLogger("halftone.settle")


def settle(entry: Entry | None, halftone: Halftone, call: Call) -> Record | None:
    """Leave an image in order that this worker has no claim to any more; None when nothing of it changed.

    What a worker owes it owes for its delivery: for itself, and for those before it or beside it that may be dead.

    - Its delivery never claimed, or what is stored is what the record says: nothing is owed. If the delivery settled
      it, it perhaps died before it could say so: it is announced again.
    - Another is at work: that one is made to write over whatever was written for this delivery.
    - The delivery died at work, or what is stored is not what the record says: it is done again.
    """
    while entry is not None:
        at_rest = entry.record.status is not Status.PROCESSING
        owned = entry.owner is not None and entry.owner.delivery == call.worker.delivery
        claimed = call.worker in entry.claimants
        owing = any(claimant.delivery == call.worker.delivery for claimant in entry.claimants)
        try:
            if at_rest and (not owing or in_order(entry, halftone)):
                if claimed:
                    halftone.catalogue.leave(entry, worker=call.worker)
                elif owned:
                    announce(entry.record, halftone, call)
                    return entry.record
                return None
            if not owing:
                return None
            if not at_rest and (entry.owner != call.worker if claimed else not owned):
                halftone.catalogue.disturb(entry, worker=call.worker)
                return None
            log.warning("Done again", extra={"image_id": entry.record.image_id})
            return align(Image(entry.record.bucket, entry.record.key), Since(entry.generation), halftone, call)
        except Overtaken as overtaken:
            entry = overtaken.entry
    return None


def in_order(entry: Entry, halftone: Halftone) -> bool:
    """Tell whether every place holds what the record says, and nothing else does."""
    expected = {(variant.bucket, variant.key): variant.etag for variant in entry.record.variants}
    places = entry.places | locations(entry.record.variants)
    return all(halftone.storage.etag(bucket, key) == expected.get((bucket, key)) for bucket, key in places)
