"""Bring an image's variants and record in line with its original: claim, render, write, settle, announce.

Workers on the same image may overlap in any way and die at any point. What keeps them from undoing one another:

- A claim names every place it may write to before it writes, and joins the claimants of the entry.
- A save holds only if nothing was claimed since. Who is overtaken may have overwritten what the winner wrote, and
  makes good for it (`settle.py`) before it is done; who dies first is still a claimant when the event comes again,
  and until nobody who began so early can be alive.
- The winner removes what lies in any place that is not its own.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chalicelib.errors import NotFound, PermanentError
from chalicelib.model import Extra, Failure, Record, Status, Variant
from chalicelib.usecases.announce import announce
from chalicelib.usecases.ports import (
    Call,
    Entry,
    Halftone,
    Image,
    Location,
    Newer,
    Overtaken,
    Since,
    StoredObject,
    now,
)
from chalicelib.usecases.produce import Placed, possible_places, produce, store

log = logging.getLogger("halftone.align")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an image comes to: its record but for the variants, the variants to write, and which of them are ad-hoc.

    `started` is when work on it began, by time.perf_counter().
    """

    started: float
    record: Record
    placed: Sequence[Placed] = ()
    extras: Sequence[Extra] = ()


def align(image: Image, grounds: Newer | Since, halftone: Halftone, call: Call) -> Record:
    """Bring everything in line with the object as it is now, or with its absence; raises Overtaken."""
    try:
        with halftone.storage.open(image.bucket, image.key) as original:
            return take_in(original, image, grounds, halftone, call)
    except NotFound:
        return clear_out(image, grounds, halftone, call)


def take_in(original: StoredObject, image: Image, grounds: Newer | Since, halftone: Halftone, call: Call) -> Record:
    """Give the object its variants: the pipeline's, and the ad-hoc ones that were asked for of this very version.

    An original that cannot be processed ends as a failed record. Raises Overtaken, and TransientError.
    """
    record = _concluded(*begin(original, image, grounds, halftone, call), halftone, call)
    announce(record, halftone, call)
    return record


def begin(
    original: StoredObject, image: Image, grounds: Newer | Since, halftone: Halftone, call: Call
) -> tuple[Entry, Outcome]:
    """Claim an image, and say what its object comes to; nothing is written yet but the claim. Raises likewise."""
    started = time.perf_counter()
    wanted = tuple(Extra(spec=spec) for spec in halftone.pipeline.variants)
    entry = halftone.catalogue.claim(
        _begun(image, halftone, original),
        grounds,
        worker=call.worker,
        places=possible_places(wanted, image, halftone),
    )
    extras = entry.extras if entry.extras_etag == original.etag else ()
    try:
        rendering, placed = produce(original, image, (*wanted, *extras), halftone, call)
    except PermanentError as error:
        failure = Failure(code=error.code, message=str(error))
        log.warning("The original cannot be processed", extra={"image_id": image.id, "code": error.code}, exc_info=True)
        return entry, Outcome(started=started, record=replace(entry.record, status=Status.FAILED, error=failure))
    record = replace(
        entry.record,
        status=Status.READY,
        original=rendering.original,
        placeholder=rendering.placeholder,
        perceptual_hash=rendering.perceptual_hash,
    )
    return entry, Outcome(started=started, record=record, placed=placed, extras=extras)


def write(entry: Entry, outcome: Outcome, halftone: Halftone) -> Record:
    """Write the variants of an outcome, remove what else lies about, and return the record to save."""
    variants = store(outcome.placed, halftone)
    halftone.storage.remove((entry.places | locations(entry.record.variants)) - locations(variants))
    milliseconds = round(1000 * (time.perf_counter() - outcome.started))
    return replace(outcome.record, variants=variants, updated_at=now(), processing_ms=milliseconds)


def clear_out(image: Image, grounds: Newer | Since, halftone: Halftone, call: Call) -> Record:
    """Remove the variants of an original that is gone, and leave a record that says so; raises Overtaken.

    An image that nobody had heard of is not announced; its record keeps an event that comes late from reviving it.
    """
    started = time.perf_counter()
    entry = halftone.catalogue.claim(_begun(image, halftone, None), grounds, worker=call.worker, places=())
    outcome = Outcome(started=started, record=replace(entry.record, status=Status.DELETED))
    record = _concluded(entry, outcome, halftone, call)
    if entry.generation > 1:
        announce(record, halftone, call)
    return record


def locations(variants: Iterable[Variant]) -> set[Location]:
    """Return where the variants are."""
    return {(variant.bucket, variant.key) for variant in variants}


def _begun(image: Image, halftone: Halftone, original: StoredObject | None) -> Record:
    moment = now()
    return Record(
        image_id=image.id,
        status=Status.PROCESSING,
        bucket=image.bucket,
        key=image.key,
        etag=original.etag if original else None,
        version_id=original.version_id if original else None,
        pipeline=halftone.pipeline.name,
        created_at=moment,
        updated_at=moment,
    )


def _concluded(entry: Entry, outcome: Outcome, halftone: Halftone, call: Call) -> Record:
    """Write and save; again when somebody disturbed it meanwhile."""
    while True:
        record = write(entry, outcome, halftone)
        try:
            halftone.catalogue.save(entry, record, worker=call.worker, digest=halftone.digest, extras=outcome.extras)
        except Overtaken as overtaken:
            if overtaken.entry.owner != call.worker:
                raise
            entry = overtaken.entry
            if entry.record.status is not Status.PROCESSING:
                return entry.record  # the save had its effect, and only the answer was lost
        else:
            return record
