"""Find what dead workers left, and have it finished."""

import logging

from chalicelib.errors import TimeIsUp
from chalicelib.usecases.ports import Call, Halftone, Sweeping, now

log = logging.getLogger("halftone.sweep")


def sweep(halftone: Halftone, sweeping: Sweeping, call: Call) -> dict[str, int]:
    """Hand over every image that is due, and return how many; what there is no time for, the next sweep finds.

    Each goes to an invocation of its own: a file that kills its function is not to keep the others from being finished.
    """
    handed = 0
    try:
        for image in halftone.catalogue.unfinished(before=int(now().timestamp())):
            call.checkpoint()
            sweeping.look_at(image)
            handed += 1
    except TimeIsUp:
        log.warning("There is more than one sweep can hand over", extra={"handed_over": handed})
    return {"handed_over": handed}
