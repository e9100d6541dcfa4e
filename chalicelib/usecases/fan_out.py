"""Hand a completion to everything behind the topic."""

import logging
from collections.abc import Sequence

from chalicelib.errors import CompletionsUnavailable
from chalicelib.model import Completion
from chalicelib.usecases.ports import Target

log = logging.getLogger("halftone.fan_out")


def fan_out(completions: Sequence[Completion], targets: Sequence[Target]) -> None:
    """Deliver every completion to every target, whatever happens to the others.

    Raises CompletionsUnavailable in the end, naming the targets that failed, so that Lambda tries again.
    """
    failed = [target.name for completion in completions for target in targets if not _delivered(completion, target)]
    if failed:
        raise CompletionsUnavailable(f"not delivered to {', '.join(dict.fromkeys(failed))}")


def _delivered(completion: Completion, target: Target) -> bool:
    try:
        target.deliver(completion)
    except Exception:  # a target may fail in any way it likes; the others must not notice
        log.exception("Not delivered", extra={"target": target.name, "image_id": completion.image_id})
        return False
    return True
