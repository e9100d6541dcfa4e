"""Hand a completion to everything behind the topic, each target on its own."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Protocol

import msgspec

from chalicelib.errors import CompletionsUnavailable, PermanentError, TransientError
from chalicelib.model.completion import Announcement, Completion, Handover

log = logging.getLogger("halftone.fan_out")

PATIENCE = 20.0
"""Seconds until a target counts as one that failed: what is left of the function's 30 is for handing it over."""


class Target(Protocol):
    """Something behind the completions topic that wants to hear of each one."""

    name: str

    def deliver(self, completion: Completion) -> None:
        """Hand one completion over; after any exception but a PermanentError another attempt may end better."""


class Outlets(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind the completions topic of one stage, wired.

    `targets` hear of every completion; `webhook` makes a target of the URL that a caller gave. `hand_over` leaves one
    target to a function that tries as long as Lambda does; it raises CompletionsUnavailable when that is out of reach.
    """

    targets: tuple[Target, ...]
    webhook: Callable[[str], Target]
    hand_over: Callable[[Handover], None]


def fan_out(announcements: Sequence[Announcement], outlets: Outlets, *, patience: float = PATIENCE) -> None:
    """Deliver every completion to every target, side by side; hand over the targets that fail, each by itself.

    None hears twice because another one failed. The exception: where the hand-over fails too, CompletionsUnavailable
    is raised, Lambda tries the whole event again, and those hear twice that had heard already.
    """
    lost = [
        name
        for announcement in announcements
        for name in _failing(announcement, outlets, patience)
        if not _handed_over(name, announcement, outlets)
    ]
    if lost:
        raise CompletionsUnavailable(f"neither delivered nor handed over: {', '.join(dict.fromkeys(lost))}")


def deliver_again(handover: Handover, outlets: Outlets) -> None:
    """Deliver a completion to the one target that has not had it; raises what that raises, for Lambda to retry."""
    target = _targets(handover, outlets).get(handover.target)
    if target is None:
        log.warning("Given up: the stage has no such target any more", extra=_about(handover.target, handover))
        return
    try:
        target.deliver(handover.completion)
    except PermanentError as error:
        _give_up(target.name, handover, error)


def _targets(announcement: Announcement, outlets: Outlets) -> dict[str, Target]:
    """Return who is to hear of it, by name; a caller's URL that is one of the stage's hears once."""
    url = announcement.callback_url
    called_back = () if url is None else (outlets.webhook(url),)
    return {target.name: target for target in (*outlets.targets, *called_back)}


def _failing(announcement: Announcement, outlets: Outlets, patience: float) -> list[str]:
    """Deliver one completion, and name the targets that another attempt may reach."""
    targets = _targets(announcement, outlets)
    pool = ThreadPoolExecutor(max_workers=len(targets))
    attempts = {name: pool.submit(target.deliver, announcement.completion) for name, target in targets.items()}
    done, _ = wait(attempts.values(), timeout=patience)
    pool.shutdown(wait=False)
    failing = []
    for name, attempt in attempts.items():
        error = attempt.exception() if attempt in done else TimeoutError(f"no end after {patience:.0f} s")
        if isinstance(error, PermanentError):
            _give_up(name, announcement, error)
        elif error is not None:
            log.warning("Not delivered, to be tried again", extra=_about(name, announcement), exc_info=error)
            failing.append(name)
    return failing


def _handed_over(name: str, announcement: Announcement, outlets: Outlets) -> bool:
    handover = Handover(target=name, completion=announcement.completion, callback_url=announcement.callback_url)
    try:
        outlets.hand_over(handover)
    except TransientError:
        log.exception("Not handed over", extra=_about(name, announcement))
        return False
    return True


def _give_up(name: str, announcement: Announcement, error: PermanentError) -> None:
    log.warning("Given up: %s", error, extra=_about(name, announcement))


def _about(name: str, announcement: Announcement) -> dict[str, str]:
    return {"target": name, "image_id": announcement.completion.image_id}
