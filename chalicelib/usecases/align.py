"""Bring an image's variants and record in line with its original: claim, render, write, settle, announce.

Workers on the same image may overlap in any way and die at any point. What keeps them from undoing one another:

- A claim names every place it may write to before it writes, and joins the claimants of the entry.
- A save holds only if nothing was claimed since. Who is overtaken may have overwritten what the winner wrote, and
  makes good for it (`settle.py`) before it is done; who dies first is still a claimant when the event comes again,
  and until somebody has written everything after its end.
- The winner removes what lies in any place that is not its own.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from chalicelib.errors import DeadlineExceeded, InvalidRequest, NotFound, PermanentError, TimeIsUp
from chalicelib.model.order import AdHoc
from chalicelib.model.picture import Rendering
from chalicelib.model.record import Failure, Record, Status, Variant
from chalicelib.pipelines.instructions import instructed
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

EVENT_AGE = timedelta(hours=6)
"""How long Lambda keeps an event that it tries again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an image comes to: its record but for the variants, the variants to write, and which of them are ad-hoc.

    `started` is when work on it began, by time.perf_counter().
    """

    started: float
    record: Record
    placed: Sequence[Placed] = ()
    extras: Sequence[AdHoc] = ()


def align(image: Image, grounds: Newer | Since, halftone: Halftone, call: Call) -> Record | None:
    """Bring everything in line with the object as it is now, or with its absence; raises Overtaken.

    None where there is none, and nobody has heard of it.
    """
    try:
        with original_of(image, halftone) as original:
            return take_in(original, image, grounds, halftone, call)
    except NotFound:
        return None if grounds == Since(0) else clear_out(image, grounds, halftone, call)


@contextmanager
def original_of(image: Image, halftone: Halftone) -> Iterator[StoredObject]:
    """Open an original; raises NotFound also where there is a variant in its place."""
    with halftone.storage.open(image.bucket, image.key) as stored:
        if stored.metadata.get("resized") == "true":
            raise NotFound(f"{image.key} in bucket {image.bucket} is a variant, not an original")
        yield stored


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
    entry = halftone.catalogue.claim(
        _begun(image, halftone, original),
        grounds,
        worker=call.worker,
        places=_claimed(original, image, halftone),
    )
    extras = _extras(entry, original, image, halftone)
    try:
        rendering, placed, extras = _rendered(original, image, _wanted(original, halftone), extras, halftone, call)
    except TimeIsUp:
        if time.perf_counter() - started < call.fair_seconds:
            raise
        return entry, _failed(DeadlineExceeded("the image takes longer than the function may run"), entry, started)
    except PermanentError as error:
        return entry, _failed(error, entry, started)
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

    An image that nobody had heard of is not announced; its record keeps an event that comes late from reviving it. Nor
    is one that was deleted long ago: where versions are kept, each that expires is an event of its own.
    """
    started = time.perf_counter()
    before = halftone.catalogue.get(image.id)
    entry = halftone.catalogue.claim(_begun(image, halftone, None), grounds, worker=call.worker, places=())
    outcome = Outcome(started=started, record=replace(entry.record, status=Status.DELETED))
    record = _concluded(entry, outcome, halftone, call)
    if entry.generation > 1 and not _long_deleted(before, entry):
        announce(record, halftone, call)
    return record


def locations(variants: Iterable[Variant]) -> set[Location]:
    """Return where the variants are."""
    return {(variant.bucket, variant.key) for variant in variants}


def _extras(entry: Entry, original: StoredObject, image: Image, halftone: Halftone) -> tuple[AdHoc, ...]:
    """Return the ad-hoc variants of this very version, but for those that are in the way of the pipeline's."""
    if entry.extras_etag != original.etag:
        return ()
    names = {spec.name for spec in halftone.pipeline.variants}
    return tuple(
        extra for extra in entry.extras if extra.spec.name not in names and possible_places((extra,), image, halftone)
    )


def _rendered(
    original: StoredObject,
    image: Image,
    wanted: tuple[AdHoc, ...],
    extras: tuple[AdHoc, ...],
    halftone: Halftone,
    call: Call,
) -> tuple[Rendering, list[Placed], tuple[AdHoc, ...]]:
    """Render all variants, and return which ad-hoc ones are among them: none, where with them it is not possible."""
    try:
        return (*produce(original, image, (*wanted, *extras), halftone, call), extras)
    except PermanentError as error:
        if not extras:
            raise
        log.warning("Ad-hoc variants left out", extra={"image_id": image.id, "code": error.code}, exc_info=True)
        return (*produce(original, image, wanted, halftone, call), ())


def _failed(error: PermanentError, entry: Entry, started: float) -> Outcome:
    extra = {"image_id": entry.record.image_id, "code": error.code}
    log.warning("The original cannot be processed", extra=extra, exc_info=error)
    failure = Failure(code=error.code, message=str(error))
    return Outcome(started=started, record=replace(entry.record, status=Status.FAILED, error=failure))


def _long_deleted(before: Entry | None, claimed: Entry) -> bool:
    """Tell whether a claim found an image deleted, and so long ago that it was announced if it ever will be."""
    return (
        before is not None
        and before.generation + 1 == claimed.generation
        and before.record.status is Status.DELETED
        and before.record.updated_at < claimed.record.updated_at - EVENT_AGE
    )


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


def _wanted(original: StoredObject, halftone: Halftone) -> tuple[AdHoc, ...]:
    """Return what the pipeline makes of the original, whose metadata may have a say; raises InvalidRequest."""
    return tuple(AdHoc(spec=spec) for spec in instructed(halftone.pipeline, original.metadata))


def _claimed(original: StoredObject, image: Image, halftone: Halftone) -> set[Location]:
    """Name every place that the original's variants may go to: none when what its metadata asks for cannot be."""
    try:
        return possible_places(_wanted(original, halftone), image, halftone)
    except InvalidRequest:
        return set()


def _concluded(entry: Entry, outcome: Outcome, halftone: Halftone, call: Call) -> Record:
    """Write and save; again when somebody disturbed it meanwhile."""
    while True:
        record = write(entry, outcome, halftone)
        try:
            halftone.catalogue.save(
                entry,
                record,
                worker=call.worker,
                digest=halftone.digest,
                extras=outcome.extras,
                dead=entry.dead(entry.record.updated_at),
            )
        except Overtaken as overtaken:
            if overtaken.entry.owner != call.worker:
                raise
            entry = overtaken.entry
            if entry.record.status is not Status.PROCESSING:
                return entry.record  # the save had its effect, and only the answer was lost
        else:
            return record
