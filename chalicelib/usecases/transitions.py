"""What becomes of an entry, step by step. Pure.

Every function returns the entry as it is to be written; `Catalogue.put` writes it only if nobody wrote in between.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from chalicelib.model.record import Variant
from chalicelib.usecases.entry import MARGIN, Asked, Attempt, Entry, Lease, Location, Possible, Written

LONGEST_PAUSE = 12
"""Doublings of MARGIN between two sweeps of an image that fails each time: almost three days."""

AD_HOC_BYTES = 100_000
"""What the ad hoc variants of one image may take of its item, as JSON. A DynamoDB item holds 400 KB."""


def claimed(
    entry: Entry, lease: Lease, *, possible_locations: Iterable[Possible], epoch: int, sequencer: str, etag: str | None
) -> Entry:
    """Take the lease, and name every place that may be written to.

    `etag` is of the version to be made; None if it is unknown. Who takes over from another answers for its places.
    """
    before, new = entry.lease, tuple(possible_locations)
    mine = {one.location for one in new} if before else set()
    died = before is not None and not before.given_up and before.nonce != lease.nonce
    same = etag is None or etag == entry.attempted
    return replace(
        entry,
        lease=lease,
        claims=entry.claims + 1,
        sequencer=max(entry.sequencer, sequencer),
        epoch=max(entry.epoch, epoch),
        possible_locations=(*(one for one in entry.possible_locations if one.location not in mine), *new),
        attempted=entry.attempted if etag is None else etag,
        deaths=entry.deaths + died if before and same else 0,
        due=lease.until + MARGIN,
    )


def noted(entry: Entry, sequencer: str) -> Entry:
    """Leave the holder a note, of a newer change for one: what it is about to save will not be taken as it is."""
    return replace(entry, sequencer=max(entry.sequencer, sequencer))


def still_held(entry: Entry, done: Entry, etag: str | None) -> Entry:
    """Put down what is done, and keep the lease to go on with the version that has this ETag."""
    return replace(done, lease=entry.lease, possible_locations=entry.possible_locations, attempted=etag, due=entry.due)


def given_up(entry: Entry, attempt: Attempt, moment: int, *, in_flight: bool) -> Entry:
    """End the attempt's lease with its work unfinished. `in_flight`: what was sent may still take effect."""
    assert entry.lease, "only its holder gives a lease up"
    until = moment if in_flight else moment - MARGIN
    failures = entry.failures + 1
    return replace(
        entry,
        lease=replace(entry.lease, until=until, given_up=True),
        possible_locations=tuple(
            replace(place, until=until) if place.nonce == attempt.nonce else place for place in entry.possible_locations
        ),
        failures=failures,
        due=moment + MARGIN * 2 ** min(failures, LONGEST_PAUSE),
    )


def settled(entry: Entry, written: Written, attempt: Attempt, *, owed: int) -> Entry:
    """Put down what an image came to, and give the lease up.

    A place is forgotten if its attempt was over when the removal began: nothing can appear there any more. The others
    are looked at once more.
    """
    changes: dict[str, Any] = {}
    if written.changed:
        changes = {"record": written.record, "settled_by": attempt.delivery, "owed": owed, "replaced_by": None}
    return _with_due(
        replace(
            entry,
            lease=None,
            digest=written.digest,
            possible_locations=tuple(
                one
                for one in entry.possible_locations
                if one.nonce != attempt.nonce and not one.is_over(written.moment)
            ),
            ad_hoc=written.ad_hoc,
            deaths=0,
            failures=0,
            **changes,
        )
    )


def announced(entry: Entry) -> Entry:
    """Put down that subscribers were told of the record."""
    return _with_due(replace(entry, owed=0))


def named(entry: Entry, attempt: Attempt, place: Location, *, shared: bool) -> Entry:
    """Name the place of an ad hoc variant before it is written."""
    possible = Possible(*place, attempt.nonce, attempt.until, shared)
    return _with_due(replace(entry, possible_locations=(*entry.possible_locations, possible)))


def extended(entry: Entry, asked: Asked, variant: Variant | None, attempt: Attempt, *, owed: int = 0) -> Entry:
    """Put down an ad hoc variant that was made, or of None why there is none; nothing more will be written for it.

    Of all of them together at most AD_HOC_BYTES are kept: those that were asked for longest ago go, and the sweep
    removes their objects.
    """
    name = asked.order.spec.name
    others = (one for one in entry.ad_hoc if one.order.spec.name != name)
    kept = [*sorted(others, key=lambda one: one.at), asked]
    variants = {one.name: one for one in entry.record.variants if one.name != name} | (
        {name: variant} if variant else {}
    )
    gone: list[Possible] = []
    sizes = [len(msgspec.json.encode((one, variants.get(one.order.spec.name)))) for one in kept]
    while sum(sizes) > AD_HOC_BYTES and len(kept) > 1:
        sizes.pop(0)
        order = kept.pop(0).order
        if left := variants.pop(order.spec.name, None):
            gone.append(Possible(left.bucket, left.key, "", 0, shared=order.dest_key is not None))
    done = unnamed(entry, attempt, (variant.bucket, variant.key)) if variant else entry
    return _with_due(
        replace(
            done,
            record=replace(entry.record, variants=tuple(variants.values())),
            settled_by=attempt.delivery if variant else entry.settled_by,
            possible_locations=(*done.possible_locations, *gone),
            ad_hoc=tuple(kept),
            owed=owed,
        )
    )


def unnamed(entry: Entry, attempt: Attempt, place: Location) -> Entry:
    """Take back that the attempt named a place: what it wrote there is on record, or it wrote nothing."""
    mine = (attempt.nonce, place)
    return _with_due(
        replace(
            entry,
            possible_locations=tuple(one for one in entry.possible_locations if (one.nonce, one.location) != mine),
        )
    )


def without_variants(entry: Entry, places: Iterable[Location]) -> Entry:
    """Leave what lies in these places to the sweep: the record names it no more."""
    left = (Possible(*place, "", 0, shared=True) for place in sorted(places))
    return _with_due(replace(entry, possible_locations=(*entry.possible_locations, *left), ad_hoc=()))


def _with_due(entry: Entry) -> Entry:
    """Say when the sweep has to look at an entry: when the first is over who might write, finish or announce."""
    ends = [place.until for place in entry.possible_locations]
    if entry.lease:
        ends.append(entry.lease.until)
    if entry.owed:
        ends.append(entry.owed)
    return replace(entry, due=min(ends) + MARGIN if ends else None)
