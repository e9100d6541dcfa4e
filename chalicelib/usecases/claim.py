"""Take the lease of an image, or do what the table of decisions says instead."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from chalicelib.errors import CatalogueUnavailable, ImageBusy, StorageUnavailable, TransientError
from chalicelib.model.record import Record, Status
from chalicelib.usecases.announce import announce
from chalicelib.usecases.decide import Cause, Decision, decide, facts
from chalicelib.usecases.entry import Entry, Image, Lease, Possible
from chalicelib.usecases.locations import possible_locations
from chalicelib.usecases.ports import Call, Conflict, Halftone, now
from chalicelib.usecases.transitions import claimed, given_up, noted


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an image is looked at; the rest is S3's, of the change or of the object that is there."""

    cause: Cause
    sequencer: str = ""
    etag: str | None = None
    version_id: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """An image that this call holds the lease of. With `redo`, what is in the buckets is in doubt."""

    entry: Entry
    redo: bool


def claim(
    image: Image, reason: Reason, halftone: Halftone, call: Call, *, seen: Entry | None = None, takes_notes: bool = True
) -> Claim | None:
    """Take the lease of an image, or do what the table of decisions says instead and return None.

    `seen` is its entry as it was read last. A change that nobody has seen is claimed without a look at the catalogue
    first: most are of new images. Raises ImageBusy where a retry has to do it.
    """
    entry = seen or Entry(record=_unknown(image, halftone))
    while True:
        moment = now().timestamp()
        known = facts(entry, reason.cause, call.attempt, halftone.digest, moment=moment, sequencer=reason.sequencer)
        decision = decide(known)
        if decision is Decision.CHECK and not _agrees(entry, reason, halftone):
            decision = Decision.REDO
        try:
            match decision:
                case Decision.CLAIM | Decision.REDO:
                    taken = claimed(
                        entry,
                        _lease(halftone, call, takes_notes=takes_notes),
                        possible_locations=_possible(image, halftone, call),
                        epoch=call.attempt.began,
                        sequencer=reason.sequencer,
                        etag=reason.etag,
                    )
                    return Claim(halftone.catalogue.put(taken), redo=decision is Decision.REDO)
                case Decision.NOTE:
                    halftone.catalogue.put(noted(entry, reason.sequencer))
                case Decision.ANNOUNCE:
                    announce(entry.record, halftone)
                case Decision.CHECK if entry.epoch < call.attempt.began:
                    halftone.catalogue.put(replace(entry, epoch=call.attempt.began))  # older code comes too late now
                case Decision.COME_AGAIN:
                    raise ImageBusy(f"somebody else is at work on {image.key}")
        except Conflict as conflict:
            entry = conflict.entry
        else:
            return None


def _agrees(entry: Entry, reason: Reason, halftone: Halftone) -> bool:
    """Tell whether the object is the one on record, and every variant on record is in its place."""
    return (entry.record.etag, entry.record.version_id) == (reason.etag, reason.version_id) and all(
        is_in_place(entry, variant.name, halftone) for variant in entry.record.variants
    )


def is_in_place(entry: Entry, name: str, halftone: Halftone) -> bool:
    """Tell whether the variant of that name is on record, and lies where the record says."""
    variant = entry.variant(name)
    stat = halftone.storage.stat(variant.bucket, variant.key) if variant else None
    return variant is not None and stat is not None and stat.etag == variant.etag


@contextmanager
def giving_up(held: Claim, halftone: Halftone, call: Call) -> Iterator[None]:
    """Give the lease up when the work in it fails for the moment, so that a retry need not wait for the deadline.

    After any other error the lease stays: that attempt counts as one that died.
    """
    try:
        yield
    except TransientError as error:
        in_flight = isinstance(error, StorageUnavailable) and error.in_flight
        with suppress(CatalogueUnavailable):
            _give_up(held.entry, halftone, call, in_flight=in_flight)
        raise


def _give_up(entry: Entry, halftone: Halftone, call: Call, *, in_flight: bool) -> None:
    while entry.held_by(call.attempt):
        moment = int(now().timestamp())
        try:
            halftone.catalogue.put(given_up(entry, call.attempt, moment, in_flight=in_flight))
        except Conflict as conflict:
            entry = conflict.entry
        else:
            return


def _lease(halftone: Halftone, call: Call, *, takes_notes: bool) -> Lease:
    return Lease(
        delivery=call.attempt.delivery,
        nonce=call.attempt.nonce,
        until=call.attempt.until,
        digest=halftone.digest,
        takes_notes=takes_notes,
    )


def _possible(image: Image, halftone: Halftone, call: Call) -> Iterator[Possible]:
    for place in sorted(possible_locations(image, halftone)):
        yield Possible(*place, call.attempt.nonce, call.attempt.until, halftone.pipeline.shared_keys)


def _unknown(image: Image, halftone: Halftone) -> Record:
    moment = now()
    return Record(
        image_id=image.id,
        status=Status.PROCESSING,
        bucket=image.bucket,
        key=image.key,
        etag=None,
        version_id=None,
        pipeline=halftone.pipeline.name,
        created_at=moment,
        updated_at=moment,
    )
