"""Bring an image's variants and record in line with its original: claim, look, make, save, announce.

Uploads, deletions, reviews, orders and the chain of Step Functions all come through here. Only the holder of an image's
lease writes the pipeline's variants. Who comes meanwhile leaves a note, and the holder looks again before it is done.
What a dead holder left is found by the sweep. `decide.py` says who does what, `transitions.py` what is written down.
"""

import logging
import time
from dataclasses import replace

from chalicelib.model.record import Record
from chalicelib.usecases.announce import announce, mark_announced
from chalicelib.usecases.claim import Claim, Reason, claim, giving_up
from chalicelib.usecases.decide import ORDERS, Cause
from chalicelib.usecases.entry import Entry, Image, Written, locations
from chalicelib.usecases.locations import possible_locations
from chalicelib.usecases.outcome import is_news, is_of, opened, outcome
from chalicelib.usecases.ports import Call, Conflict, Halftone, Overtaken, now
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
    held = claim(image, reason, halftone, call, seen=seen)
    if held is None:
        return None
    owed = call.attempt.until if reason.cause in ORDERS else 0
    with giving_up(held, halftone, call):
        while True:
            written = write(held, image, reason.cause, halftone, call)
            try:
                entry, again = _saved(held.entry, written, image, halftone, call, owed=owed)
            except Overtaken:
                log.info("Somebody else took over", extra={"image_id": image.id})
                return None
            entry = _announce_saved(entry, written, halftone, call)
            if not again:
                return written.record
            held = Claim(entry, redo=False)


def write(held: Claim, image: Image, cause: Cause, halftone: Halftone, call: Call) -> Written:
    """Look at the object, write its variants and remove all others; only the record is left to be saved."""
    call.checkpoint()
    started = time.perf_counter()
    with opened(image, halftone) as original:
        result = outcome(original, image, held, cause, halftone, call)
    record = result.record
    wait_for_replacer(held.entry, halftone)
    if result.changed:
        made = store(result.placed, image, halftone)
        staying = (held.entry.variant(asked.order.spec.name) for asked in result.ad_hoc)
        record = replace(
            record,
            variants=(*made, *(one for one in staying if one and not locations([one]) & locations(made))),
            generation=record.generation + is_news(record),
            updated_at=now(),
            processing_ms=round(1000 * (time.perf_counter() - started)),
        )
    moment = now().timestamp()
    _remove_others(record, held, image, halftone, call)
    listed = {variant.name for variant in record.variants}
    return Written(
        record=record,
        digest=result.digest,
        ad_hoc=tuple(asked for asked in result.ad_hoc if asked.error or asked.order.spec.name in listed),
        changed=result.changed,
        moment=moment,
    )


def _saved(
    entry: Entry, written: Written, image: Image, halftone: Halftone, call: Call, *, owed: int
) -> tuple[Entry, bool]:
    """Save, and tell whether to go again, because a note came and the object is another one by now.

    Raises Overtaken.
    """
    wanted, again = settled(entry, written, call.attempt, owed=owed), False
    while True:
        try:
            return halftone.catalogue.put(wanted), again
        except Conflict as conflict:
            entry = conflict.entry
        if not entry.held_by(call.attempt):
            if written.changed and entry.record == written.record:
                return entry, False  # it was saved: the answer was lost, and somebody came since
            raise Overtaken
        wanted = settled(entry, written, call.attempt, owed=owed)
        with opened(image, halftone) as latest:
            again = not is_of(written.record, latest)
            if again:
                wanted = still_held(entry, wanted, latest.etag if latest else None)


def _announce_saved(entry: Entry, written: Written, halftone: Halftone, call: Call) -> Entry:
    """Announce what was saved, if anybody has to hear of it, and put down that this is done where it was owed."""
    if entry.owed or written.changed:
        announce(written.record, halftone, call.callback_url)
    return mark_announced(entry, written.record.generation, halftone)


def _remove_others(record: Record, held: Claim, image: Image, halftone: Halftone, call: Call) -> None:
    """Remove whatever lies where this image's variants are or may be, and is not on the record.

    Where others may write too, it is removed only if it is this image's: what a dead holder has removed before may have
    been replaced since.
    """
    own, entry = locations(record.variants), held.entry
    unused = () if held.redo else possible_locations(image, halftone)  # this attempt knows what it wrote
    left = [
        place for place in entry.possible_locations if place.nonce != call.attempt.nonce or place.location not in unused
    ]
    shared = {place.location for place in left if place.shared} | {
        (variant.bucket, variant.key) for variant in entry.record.variants if _is_shared(variant.name, entry, halftone)
    }
    gone = (locations(entry.record.variants) | {place.location for place in left}) - own
    stats = {place: halftone.storage.stat(*place) for place in gone & shared}
    foreign = {place for place, stat in stats.items() if not stat or stat.owner != image.id}
    halftone.storage.remove(gone - foreign)


def _is_shared(name: str, entry: Entry, halftone: Halftone) -> bool:
    """Tell whether other images may write to a variant's place: its caller chose it, or the pipeline shares keys."""
    asked = entry.asked(name)
    return asked.order.dest_key is not None if asked else halftone.pipeline.shared_keys
