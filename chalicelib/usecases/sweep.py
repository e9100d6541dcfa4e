"""Find what dead workers left, and have it finished."""

import logging
from collections.abc import Callable

from chalicelib.errors import TimeIsUp
from chalicelib.usecases.entry import Image
from chalicelib.usecases.ports import Call, Halftone, now

log = logging.getLogger("halftone.sweep")


def sweep(halftone: Halftone, look_at: Callable[[Image], None], call: Call) -> dict[str, int]:
    """Hand over every image that is due, and return how many; what there is no time for, another sweep finds.

    `look_at` hands one to an invocation of its own: a file that kills its function is not to keep the others from being
    finished. It raises WorkflowsUnavailable when Lambda is out of reach.
    """
    handed = 0
    try:
        for image in halftone.catalogue.unfinished(before=int(now().timestamp())):
            call.checkpoint()
            look_at(image)
            handed += 1
    except TimeIsUp:
        log.warning("There is more than one sweep can hand over", extra={"handed_over": handed})
    return {"handed_over": handed}
