"""Add an ad hoc variant to a settled image: without a lease, so that many sizes of one picture do not queue up.

Its place is named before it is written. What lies there counts only if nobody claimed the image in between; otherwise
whoever did removes it, and the order looks again.
"""

import time
from collections.abc import Callable

from msgspec.structs import replace

from chalicelib.errors import DeadlineExceeded, ImageBusy, InvalidRequest
from chalicelib.model.order import AdHoc
from chalicelib.model.record import Failure, Record, Variant
from chalicelib.usecases.announce import announce_owed
from chalicelib.usecases.entry import Asked, Entry, Image, locations
from chalicelib.usecases.ports import Call, Halftone, Overtaken, Stat, StoredObject, Taken, now
from chalicelib.usecases.produce import Placed, produce, stored_variant
from chalicelib.usecases.transitions import extended, with_place, without_place


def add(order: AdHoc, entry: Entry, original: StoredObject, image: Image, halftone: Halftone, call: Call) -> Record:
    """Make an ad hoc variant of the version on record, announce it, and return the record that names it.

    Raises a PermanentError for what is wrong with the order alone, such as a place that is taken: the variants stay as
    they are. Raises Overtaken where the image was claimed meanwhile, and TransientError.
    """
    started = time.perf_counter()
    asked = Asked(order=order, at=int(now().timestamp()))
    try:
        _, [(rendered, place)] = produce(original, image, [order], halftone, call)
    except DeadlineExceeded as late:
        asked = replace(asked, error=Failure(code=late.code, message=str(late)))
        _change(entry, lambda stands: extended(stands, asked, None, call.attempt, owed=stands.owed), halftone)
        raise
    chosen = order.dest_key is not None
    entry = _change(entry, lambda stands: with_place(stands, call.attempt, place, shared=chosen), halftone)
    variant = _stored((rendered, place), entry, image, halftone, call, chosen=chosen)

    def with_variant(stands: Entry) -> Entry:
        done = extended(stands, asked, variant, call.attempt, owed=call.attempt.until)
        record = replace(
            done.record,
            generation=stands.record.generation + 1,
            updated_at=now(),
            processing_ms=round(1000 * (time.perf_counter() - started)),
        )
        return replace(done, record=record)

    entry = _change(entry, with_variant, halftone)
    announce_owed(entry, halftone, call.callback_url)
    return entry.record


def _change(entry: Entry, transition: Callable[[Entry], Entry], halftone: Halftone) -> Entry:
    """Change an entry, whoever else adds to it at that moment; raises Overtaken when somebody claimed the image."""

    def unless_claimed(stands: Entry) -> Entry:
        if stands.claims != entry.claims:
            raise Overtaken
        return transition(stands)

    return halftone.catalogue.change(entry, unless_claimed)


def _stored(placed: Placed, entry: Entry, image: Image, halftone: Halftone, call: Call, *, chosen: bool) -> Variant:
    """Write a variant where nothing is yet, and describe it.

    A place of the version's own holds the very same if it is taken. One that the caller has `chosen` may hold anything:
    raises InvalidRequest, or ImageBusy while another order of this image may be writing there.
    """
    rendered, place = placed
    while True:
        try:
            etag = halftone.storage.put_instead(
                place, rendered.data, content_type=rendered.content_type, owner=image.id, instead_of=None
            )
        except Taken:
            stat = halftone.storage.stat(*place)
        else:
            return stored_variant(rendered, place, etag)
        if stat and not chosen:
            return replace(stored_variant(rendered, place, stat.etag), bytes=stat.size)
        if stat:
            _clear(placed, stat, entry.claims, image, halftone, call)


def _clear(placed: Placed, stat: Stat, claims: int, image: Image, halftone: Halftone, call: Call) -> None:
    """Remove what an order of this image left where a caller wants a variant; raises where it is something else."""
    rendered, place = placed
    moment = now().timestamp()
    entry = halftone.catalogue.get(image.id)  # after the look: whoever wrote what lies there named the place before
    if entry is None or entry.claims != claims:
        raise Overtaken
    others = [one for one in entry.possible_locations if one.location == place and one.nonce != call.attempt.nonce]
    listed = place in locations(entry.record.variants)
    own = stat.owner == image.id and not listed
    if own and all(one.is_over(moment) for one in others):
        halftone.storage.remove({place: stat.etag})
        return
    _change(entry, lambda stands: without_place(stands, call.attempt, place), halftone)
    if listed and entry.asked(rendered.spec.name):
        raise Overtaken  # another order for the very same was quicker
    if own:
        raise ImageBusy(f"another order is writing to {place[1]}")
    raise InvalidRequest("dest_key: there is something else already; choose another place", field="dest_key")
