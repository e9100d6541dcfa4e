"""What becomes of an upload, in steps that are invoked one by one: resize, store the record, notify.

The steps are those of `reconcile.py`. The lease lasts for the step that writes; what is written is saved if nobody took
over. Changes leave no notes meanwhile: they come again.
"""

import msgspec

from chalicelib.model.order import ResizeOrder
from chalicelib.model.record import Record
from chalicelib.usecases.claim import Reason, claim, giving_up
from chalicelib.usecases.decide import Cause
from chalicelib.usecases.entry import Attempt, Image, Outcome
from chalicelib.usecases.ports import Call, Halftone
from chalicelib.usecases.reconcile import write
from chalicelib.usecases.resize import check, refuse_variant
from chalicelib.usecases.transitions import settled


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What the first step hands to the second: who holds the lease, and what was written."""

    attempt: Attempt
    outcome: Outcome


def resize_step(order: ResizeOrder, halftone: Halftone, call: Call) -> Step:
    """Claim the image, and write its variants.

    An original that is at fault comes out as a failed record. Raises what check() raises, InvalidRequest, NotFound and
    TransientError.
    """
    check(order, halftone)
    image = Image(order.bucket, order.key)
    entry = halftone.catalogue.get(image.id)
    with halftone.storage.open(image.bucket, image.key) as original:
        refuse_variant(original, image)
        reason = Reason(cause=Cause.ORDER, etag=original.etag)
    held = claim(image, reason, halftone, call, seen=entry, chain=True)
    assert held, "an order either claims or raises ImageBusy"
    with giving_up(held, halftone, call):
        return Step(attempt=call.attempt, outcome=write(held, image, Cause.ORDER, halftone, call))


def store_step(step: Step, halftone: Halftone) -> Record | None:
    """Save what resize_step() wrote, and return the record to notify of; None where somebody else took over."""
    record = step.outcome.record
    entry = halftone.catalogue.get(record.image_id)
    if entry:
        entry = halftone.catalogue.change(entry, lambda stands: settled(stands, step.outcome, step.attempt))
    return record if entry and entry.record == record else None
