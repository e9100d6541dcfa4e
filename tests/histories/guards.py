"""The guards of the protocol, each as it would be without: the histories have to find out.

`python -m tests.histories 10000 --without margin` plays until a history ends badly.
"""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.aws import catalogue, storage
from chalicelib.usecases import ad_hoc, claim, decide, entry, follow, outcome, reconcile, take_over, transitions
from chalicelib.usecases.decide import Decision

Patch = pytest.MonkeyPatch


def without_row(words: str, instead: Decision | None = None) -> Callable[[Patch], None]:
    """Leave a row out of the decision table, or have it decide otherwise."""

    def take_out(patch: Patch) -> None:
        (row,) = (row for row in decide.TABLE if row[0].startswith(words))
        changed = [(row[0], row[1], instead)] if instead else []
        at = decide.TABLE.index(row)
        patch.setattr(decide, "TABLE", (*decide.TABLE[:at], *changed, *decide.TABLE[at + 1 :]))

    return take_out


def setting(module: Any, name: str, value: Any) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(module, name, value)


def no_possible_locations(patch: Patch) -> None:
    patch.setattr(claim, "possible_locations", lambda *_: set())


def no_owner(patch: Patch) -> None:
    """Remove what lies in shared places, whosever it is."""
    patch.setattr(reconcile, "_is_shared", lambda *_: False)
    patch.setattr(claim, "Possible", lambda *fields: entry.Possible(*fields[:4]))


def unconditional_put(patch: Patch) -> None:
    def put(_self: storage.S3Storage, place: Any, data: bytes, **options: Any) -> str:
        return storage._put(place, data, options["content_type"], {"resized": "true", "image-id": options["owner"]})  # noqa: SLF001

    patch.setattr(storage.S3Storage, "put_instead", put)


def unconditional_removal(patch: Patch) -> None:
    remove = storage.S3Storage.remove
    patch.setattr(storage.S3Storage, "remove", lambda self, places: remove(self, dict.fromkeys(places)))


def no_claims(patch: Patch) -> None:
    """Save ad hoc variants although somebody claimed the image in between."""
    claimed = transitions.claimed
    patch.setattr(claim, "claimed", lambda old, *args, **more: replace(claimed(old, *args, **more), claims=old.claims))


def unknown_to_the_sweep(patch: Patch) -> None:
    """Keep it from the sweep that a holder's event was repeated."""
    patch.setattr(claim, "noted", lambda old, seq: replace(transitions.noted(old, seq), lease=old.lease))


def nothing_in_flight(patch: Patch) -> None:
    patch.setattr(claim, "given_up", lambda *args, **_: transitions.given_up(*args, in_flight=False))


def nothing_owed(patch: Patch) -> None:
    settled, extended = transitions.settled, transitions.extended
    patch.setattr(reconcile, "settled", lambda *args, **_: settled(*args))
    patch.setattr(ad_hoc, "extended", lambda *args, **_: extended(*args, owed=0))


class Answered:
    """Believe that every try was answered."""

    @property
    def unanswered(self) -> bool:
        return False

    @unanswered.setter
    def unanswered(self, _: bool) -> None: ...


def left_padded(patch: Patch) -> None:
    patch.setattr(follow, "comparable", lambda sequencer: sequencer.rjust(64, "0"))


def nothing_unfinished(patch: Patch) -> None:
    patch.setattr(catalogue.DynamoCatalogue, "unfinished", lambda *_, **__: iter(()))


GUARDS: dict[str, tuple[str, Callable[[Patch], None]]] = {
    "margin": ("faults", setting(entry, "MARGIN", 0)),
    "note": ("calm", without_row("held; a newer change", Decision.LEAVE)),
    "note to our own delivery": ("faults", without_row("our delivery holds it", Decision.LEAVE)),
    "note for the sweep": ("faults", unknown_to_the_sweep),
    "epoch": ("calm", without_row("an attempt that began later")),
    "waiting for another pipeline": ("calm", without_row("held by code with another pipeline", Decision.NOTE)),
    "redo": ("faults", without_row("the lease has expired", Decision.CLAIM)),
    "announcing again": ("faults", without_row("our delivery settled it", Decision.LEAVE)),
    "owed": ("faults", nothing_owed),
    "sweep": ("faults", nothing_unfinished),
    "deaths": ("faults", setting(outcome, "MOST_DEATHS", 10**6)),
    "possible locations": ("faults", no_possible_locations),
    "claims": ("calm", no_claims),
    "in flight": ("faults", nothing_in_flight),
    "tries without an answer": ("faults", setting(storage, "tries", Answered())),
    "right padding": ("calm", left_padded),
    "if nothing is there": ("calm", unconditional_put),
    "owner": ("shared", no_owner),
    "removing what was seen": ("shared", unconditional_removal),
    "waiting for the replacer": ("shared", setting(reconcile, "wait_for_replacer", lambda *_: None)),
    "replaced": ("shared", setting(take_over, "_replace", lambda *_: None)),
}
"""By name: the kind of histories that find out, and how the guard is taken out."""
