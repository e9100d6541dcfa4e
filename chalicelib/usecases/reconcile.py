"""Bring an image's variants and record in line with its original: claim, look, make, save, announce.

Uploads, deletions, reviews, orders and the chain of Step Functions all come through here. Only the holder of an image's
lease writes the pipeline's variants. Who comes meanwhile leaves a note, and the holder looks again before it is done.
What a dead holder left is found by the sweep. `decide.py` says who does what, `transitions.py` what is written down.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from operator import attrgetter

from msgspec.structs import replace

from chalicelib.model.record import Record
from chalicelib.usecases.announce import announce_owed
from chalicelib.usecases.claim import Reason, claim, giving_up
from chalicelib.usecases.decide import ORDERS, Cause
from chalicelib.usecases.entry import Entry, Image, Location, Outcome, Possible, locations
from chalicelib.usecases.locations import possible_locations
from chalicelib.usecases.outcome import is_news, is_of, opened, outcome
from chalicelib.usecases.ports import Call, Halftone, now
from chalicelib.usecases.produce import store
from chalicelib.usecases.take_over import wait_for_replacer
from chalicelib.usecases.transitions import settled, still_held

log = logging.getLogger("halftone.reconcile")


def reconcile(
    image: Image, reason: Reason, halftone: Halftone, call: Call, *, seen: Entry | None = None
) -> Record | None:
    """Bring everything in line with the object as it is now, and return the record.

    None where somebody else does, or did. Raises ImageBusy where a retry has to do it, and the other TransientErrors.
    """
    entry = claim(image, reason, halftone, call, seen=seen)
    if entry is None:
        return None
    owed = call.attempt.until if reason.cause in ORDERS else 0
    with giving_up(entry, halftone, call):
        while True:
            result = write(entry, image, reason.cause, halftone, call)
            saved = _saved(entry, result, image, halftone, call, owed=owed)
            if saved.record != result.record:
                log.info("Somebody else took over", extra={"image_id": image.id})
                return None
            if saved.owed or result.record != entry.record:
                saved = announce_owed(saved, halftone, call.callback_url)
            if not saved.held_by(call.attempt):
                return result.record
            entry = saved


def write(entry: Entry, image: Image, cause: Cause, halftone: Halftone, call: Call) -> Outcome:
    """Look at the object, write its variants and remove all others; only the record is left to be saved."""
    call.checkpoint()
    started = time.perf_counter()
    wait_for_replacer(entry, halftone)
    with opened(image, halftone) as original:
        result, placed = outcome(original, image, entry, cause, halftone, call)
    if placed or result.record != entry.record:
        record = replace(
            result.record,
            variants=(*store(placed, image, halftone), *result.record.variants),
            generation=result.record.generation + is_news(result.record),
            updated_at=now(),
            processing_ms=round(1000 * (time.perf_counter() - started)),
        )
        result = replace(result, record=record)
    _remove_others(result.record, entry, image, halftone, call)
    return result


def _saved(held: Entry, result: Outcome, image: Image, halftone: Halftone, call: Call, *, owed: int) -> Entry:
    """Save the result; the lease stays if a note came meanwhile and the object is another one by now."""

    def with_result(stands: Entry) -> Entry:
        done = settled(stands, result, call.attempt, owed=owed)
        if stands is held or not stands.held_by(call.attempt):
            return done
        with opened(image, halftone) as latest:
            if is_of(result.record, latest):
                return done
            return still_held(stands, done, latest.etag if latest else None)

    return halftone.catalogue.change(held, with_result)


def _remove_others(record: Record, entry: Entry, image: Image, halftone: Halftone, call: Call) -> None:
    """Remove whatever lies where this image's variants are or may be, and is not on the record."""
    written = set() if entry.redo else possible_locations(image, halftone)  # this attempt knows what it wrote
    left = [
        *(one for one in entry.possible_locations if one.nonce != call.attempt.nonce or one.location not in written),
        *(Possible(one.bucket, one.key, shared=_is_shared(one.name, entry, halftone)) for one in entry.record.variants),
    ]
    own = locations(record.variants)
    gone = {one.location: one.shared for one in sorted(left, key=attrgetter("shared")) if one.location not in own}
    halftone.storage.remove(
        {place: None for place, shared in gone.items() if not shared}
        | dict(_ours((place for place, shared in gone.items() if shared), image, halftone))
    )


def _ours(shared: Iterable[Location], image: Image, halftone: Halftone) -> Iterator[tuple[Location, str]]:
    """List what is this image's of what lies where others may write too, with the ETag it has.

    A dead holder may have removed its own before, and another image may have put something there since, or may do so
    before the removal takes effect.
    """
    for place in shared:
        stat = halftone.storage.stat(*place)
        if stat and stat.owner == image.id:
            yield place, stat.etag


def _is_shared(name: str, entry: Entry, halftone: Halftone) -> bool:
    """Tell whether other images may write to a variant's place: its caller chose it, or the pipeline shares keys."""
    asked = entry.asked(name)
    return asked.order.dest_key is not None if asked else halftone.pipeline.shared_keys
