"""What becomes of an entry, step by step. Pure.

Every function returns the entry as it is to be written, for `Catalogue.change`: the very same where nothing is.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from chalicelib.errors import ImageBusy, Replaced
from chalicelib.model.record import Failure, Status, Variant
from chalicelib.usecases.entry import (
    MARGIN,
    Asked,
    Attempt,
    Entry,
    Image,
    Lease,
    Location,
    Outcome,
    Possible,
    locations,
)

MOST_POSSIBLE = 100
"""Places that orders of one image may be writing to: its entry has to fit in a DynamoDB item."""

AD_HOC_BYTES = 100_000
"""What the ad hoc variants of one image may take of its item, as JSON. A DynamoDB item holds 400 KB."""


def claimed(
    entry: Entry, lease: Lease, places: Iterable[Possible], *, epoch: int, sequencer: str, etag: str | None
) -> Entry:
    """Take the lease, and name every place that may be written to.

    `etag` is of the version to be made; None if it is unknown. Who takes over from another answers for its places.
    """
    before, new = entry.lease, tuple(places)
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
    )


def noted(entry: Entry, sequencer: str) -> Entry:
    """Leave the holder a note, of a newer change for one: what it is about to save will not be taken as it is.

    It may have died, and whoever leaves the note does not come again: from now on the sweep sees to it.
    """
    lease = entry.lease and replace(entry.lease, repeated=False)
    return replace(entry, lease=lease, sequencer=max(entry.sequencer, sequencer))


def given_up(entry: Entry, attempt: Attempt, moment: int, *, in_flight: bool, denied: Failure | None = None) -> Entry:
    """End the attempt's lease with its work unfinished, and put down what it was not allowed to do.

    `in_flight`: what was sent may still take effect.
    """
    if entry.lease is None or not entry.held_by(attempt):
        return entry
    until = moment if in_flight else moment - MARGIN
    return replace(
        entry,
        lease=replace(entry.lease, until=until, repeated=False, given_up=True, denied=denied),
        possible_locations=tuple(
            replace(place, until=until) if place.nonce == attempt.nonce else place for place in entry.possible_locations
        ),
        failures=entry.failures + 1,
    )


def settled(entry: Entry, outcome: Outcome, attempt: Attempt, *, owed: int = 0) -> Entry:
    """Put down what an image came to, and end the attempt's lease.

    A place is forgotten if its attempt was over before this one began: nothing can appear there any more. The others
    are looked at once more.
    """
    if not entry.held_by(attempt):
        return entry
    changes: dict[str, Any] = {}
    if outcome.record != entry.record:
        changes = {"record": outcome.record, "settled_by": attempt.delivery, "owed": owed, "replaced_by": None}
    return replace(
        entry,
        lease=None,
        digest=outcome.digest,
        possible_locations=tuple(
            one
            for one in entry.possible_locations
            if one.nonce != attempt.nonce and not one.is_over(attempt.began / 1000)
        ),
        ad_hoc=outcome.ad_hoc,
        deaths=0,
        failures=0,
        **changes,
    )


def still_held(entry: Entry, done: Entry, etag: str | None) -> Entry:
    """Put down what is done, and keep the lease to go on with the version that has this ETag."""
    lease = entry.lease and replace(entry.lease, redo=False, repeated=False)
    return replace(done, lease=lease, possible_locations=entry.possible_locations, attempted=etag)


def announced(entry: Entry, generation: int) -> Entry:
    """Put down that subscribers were told of this generation, unless it is a later one that is owed by now."""
    return replace(entry, owed=0) if entry.owed and entry.record.generation == generation else entry


def with_place(entry: Entry, attempt: Attempt, place: Location, *, shared: bool) -> Entry:
    """Name the place of an ad hoc variant before it is written; raises ImageBusy where there are too many."""
    if len(entry.possible_locations) >= MOST_POSSIBLE:
        raise ImageBusy("too many variants of this image are being made at once")
    possible = Possible(*place, attempt.nonce, attempt.until, shared)
    return replace(entry, possible_locations=(*entry.possible_locations, possible))


def without_place(entry: Entry, attempt: Attempt, place: Location) -> Entry:
    """Take back that the attempt named a place: what it wrote there is on record, or it wrote nothing."""
    mine = (attempt.nonce, place)
    left = tuple(one for one in entry.possible_locations if (one.nonce, one.location) != mine)
    return replace(entry, possible_locations=left)


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
            gone.append(Possible(left.bucket, left.key, shared=order.dest_key is not None))
    done = without_place(entry, attempt, (variant.bucket, variant.key)) if variant else entry
    return replace(
        done,
        record=replace(entry.record, variants=tuple(variants.values())),
        settled_by=attempt.delivery if variant else entry.settled_by,
        possible_locations=(*done.possible_locations, *gone),
        ad_hoc=tuple(kept),
        owed=owed,
    )


def asked_again(entry: Entry, name: str, moment: int) -> Entry:
    """Put down that an ad hoc variant is still in use: those that are not make room for others."""
    used = tuple(replace(one, at=moment) if one.order.spec.name == name else one for one in entry.ad_hoc)
    return entry if used == entry.ad_hoc else replace(entry, ad_hoc=used)


def replaced(entry: Entry, place: Location, by: Image, moment: datetime) -> Entry:
    """Put down that another image takes a place of this one's variants: the sweep removes what it has of them.

    Raises ImageBusy while somebody is at work on it.
    """
    if entry.lease and not entry.lease.is_over(moment.timestamp()):
        raise ImageBusy(f"{entry.record.key} is being processed, and {place[1]} is its place too")
    places = locations(entry.record.variants)
    if place not in places and entry.replaced_by == by.id:
        return entry
    void = replace(
        entry,
        claims=entry.claims + 1,  # an order in the middle of its work begins again,
        lease=entry.lease and replace(entry.lease, nonce=""),  # and a chain saves nothing any more
        replaced_by=by.id,
    )
    if place not in places:
        return void
    left = (Possible(*one, shared=True) for one in sorted(places))
    return replace(
        void,
        record=replace(
            entry.record,
            status=Status.FAILED,
            variants=(),
            error=Failure(code=Replaced.code, message=f"{by.key} has the same place for its variants, and came later"),
            generation=entry.record.generation + 1,
            updated_at=moment,
        ),
        possible_locations=(*entry.possible_locations, *left),
        ad_hoc=(),
        owed=int(moment.timestamp()),
    )
