"""All that the catalogue holds of an image. Pure.

An entry without a lease is settled: its record is true, and the variants it names are in the buckets.
"""

from collections.abc import Iterable
from functools import cached_property

import msgspec
from msgspec.structs import replace

from chalicelib.identity import image_id
from chalicelib.model.order import AdHoc
from chalicelib.model.record import Failure, Record, Status, Variant

Location = tuple[str, str]
"""A bucket and a key."""

MARGIN = 60
"""Seconds within which what was sent takes effect or never will, and by which clocks differ at most."""

LONGEST_PAUSE = 12
"""Doublings of MARGIN between two sweeps of an image that fails each time: almost three days."""


class Image(msgspec.Struct, frozen=True, dict=True):
    """Which original is meant."""

    bucket: str
    key: str

    @cached_property
    def id(self) -> str:
        """The image id."""
        return image_id(self.bucket, self.key)


class Attempt(msgspec.Struct, frozen=True):
    """One invocation that works for a delivery, from `began` (Unix milliseconds) to `until` (Unix seconds) at most.

    Lambda's retries of an event are one delivery, a duplicate of the event is another. Lambda may also deliver an event
    twice under one name, even at once: `nonce` tells such twins apart.
    """

    delivery: str
    nonce: str
    until: int
    began: int = 0


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Who alone may write the pipeline's variants, and until when (Unix seconds).

    `redo`: what is in the buckets is in doubt. `takes_notes`: the holder looks again when a newer change was noted.
    `repeated`: if the holder dies, Lambda repeats its event, and the repetition leaves a note. Until then the sweep
    need not know of the lease.
    `given_up`: its work is unfinished, and what it sent until then may still take effect. `denied`: what it was not
    allowed to do.
    """

    delivery: str
    nonce: str
    until: int
    digest: str
    redo: bool = False
    takes_notes: bool = True
    repeated: bool = False
    given_up: bool = False
    denied: Failure | None = None

    def is_over(self, moment: float) -> bool:
        """Tell whether nothing that the holder does can take effect any more."""
        return self.until + MARGIN <= moment


class Possible(msgspec.Struct, frozen=True):
    """A place where an attempt may have written, or may yet write until its deadline.

    What is only left to be removed has no attempt. `shared`: another image's object may lie there, which is not ours to
    remove.
    """

    bucket: str
    key: str
    nonce: str = ""
    until: int = 0
    shared: bool = False

    @property
    def location(self) -> Location:
        return self.bucket, self.key

    def is_over(self, moment: float) -> bool:
        """Tell whether nothing can appear here any more."""
        return self.until + MARGIN <= moment


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An ad hoc variant that was asked for: of the version on record, last at `at` (Unix seconds).

    `error` says why there is none: it took longer than a function may run, and would again.
    """

    order: AdHoc
    at: int
    error: Failure | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalogue holds of an image.

    `record` is as it was settled last; its status is PROCESSING only before that. `revision` grows with every write,
    `claims` whenever the image is claimed or replaced. `sequencer` is of the newest change that was claimed or noted.
    `digest` is of the pipeline and limits that settled the record, `epoch` is when the latest of those who claimed or
    reviewed it began (Unix milliseconds).
    `settled_by` is the delivery that settled it, or added to it, last. `owed` is 0, or the deadline (Unix seconds) of
    who has still to announce it. `replaced_by` is the image that wrote its variants over this one's. `attempted` is the
    ETag that a claim was last made for, and `deaths` counts the attempts that died on it; `failures` counts those that
    gave up since the image was settled.
    """

    record: Record
    revision: int = 0
    claims: int = 0
    lease: Lease | None = None
    sequencer: str = ""
    digest: str = ""
    epoch: int = 0
    settled_by: str = ""
    possible_locations: tuple[Possible, ...] = ()
    ad_hoc: tuple[Asked, ...] = ()
    owed: int = 0
    replaced_by: str | None = None
    attempted: str | None = None
    deaths: int = 0
    failures: int = 0

    @property
    def due(self) -> int | None:
        """When the sweep has to look at it, in Unix seconds: the first is over who might write, finish or announce.

        None is never. While somebody has the lease, it is his turn to finish; each failure doubles the pause.
        """
        if self.lease and self.lease.repeated:
            return None
        if self.lease:
            pause = 2 ** min(self.failures, LONGEST_PAUSE) if self.lease.given_up else 1
            return self.lease.until + MARGIN * pause
        ends = [place.until for place in self.possible_locations] + ([self.owed] if self.owed else [])
        return min(ends) + MARGIN if ends else None

    @property
    def shown(self) -> Record:
        """The record as outsiders see it: it is being processed while there is a lease, also one that was given up."""
        return replace(self.record, status=Status.PROCESSING, error=self.lease.denied) if self.lease else self.record

    @property
    def redo(self) -> bool:
        """Whether the holder has to make everything anew."""
        return self.lease is not None and self.lease.redo

    def held_by(self, attempt: Attempt) -> bool:
        """Tell whether the lease is this attempt's."""
        return self.lease is not None and self.lease.nonce == attempt.nonce

    def asked(self, name: str) -> Asked | None:
        """Return the ad hoc variant of that name, if it was asked for."""
        return next((asked for asked in self.ad_hoc if asked.order.spec.name == name), None)

    def variant(self, name: str) -> Variant | None:
        """Return the variant of that name on record."""
        return next((variant for variant in self.record.variants if variant.name == name), None)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an image comes to; the record stays the very same where it says so already.

    `digest` is of the pipeline that it was made by, `ad_hoc` are the ad hoc variants that stay.
    """

    record: Record
    digest: str
    ad_hoc: tuple[Asked, ...] = ()


def comparable(sequencer: str) -> str:
    """Return a sequencer so that text order is S3's order of the changes of one key.

    S3 User Guide, "Event message structure": pad the shorter one with zeros on the right. To leave out the zeros at the
    end is the same.

    >>> comparable("0067A0B0C0D90281E5") < comparable("0067a0bed0f90281")
    True
    """
    return sequencer.upper().rstrip("0")


def locations(variants: Iterable[Variant]) -> set[Location]:
    """Return where the variants are."""
    return {(variant.bucket, variant.key) for variant in variants}
