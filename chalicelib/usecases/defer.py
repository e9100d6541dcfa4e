"""An order that nobody waits for: taken on now, carried out later."""

import logging
from collections.abc import Callable
from contextlib import suppress

from chalicelib.errors import PermanentError, TimeIsUp, TransientError
from chalicelib.identity import image_id
from chalicelib.model.order import ResizeOrder
from chalicelib.model.record import Failure, Record
from chalicelib.usecases.announce import announce_refusal
from chalicelib.usecases.ports import Call, Halftone
from chalicelib.usecases.resize import check, resize

log = logging.getLogger("halftone.defer")


def defer(order: ResizeOrder, halftone: Halftone, hand_over: Callable[[ResizeOrder], None]) -> str:
    """Hand an order over, and return the id of its image. Raises what is wrong with the order, as resize() would.

    `hand_over` leaves it to the function that carries it out; it raises WorkflowsUnavailable when that is out of reach.
    """
    check(order, halftone)
    hand_over(order)
    return image_id(order.bucket, order.key)


def resize_or_defer(
    order: ResizeOrder, halftone: Halftone, hand_over: Callable[[ResizeOrder], None], call: Call
) -> Record:
    """Carry an order out as resize() does; one that takes too long here is handed over before TimeIsUp is raised."""
    try:
        return resize(order, halftone, call)
    except TimeIsUp:
        with suppress(TransientError):
            hand_over(order)
        raise


def carry_out(order: ResizeOrder, halftone: Halftone, call: Call) -> None:
    """Do what was ordered, and announce it however it ends; only a TransientError is raised, for Lambda to retry."""
    try:
        resize(order, halftone, call, tell=True)
    except PermanentError as error:
        log.warning("The order cannot be carried out", extra={"key": order.key, "code": error.code}, exc_info=True)
        announce_refusal(order, Failure(code=error.code, message=str(error)), halftone)
