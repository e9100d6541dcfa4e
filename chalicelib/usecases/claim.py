"""Take the lease of an image, or do what the table of decisions says instead."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
from msgspec.structs import replace

from chalicelib.errors import AccessDenied, CatalogueUnavailable, ImageBusy, TransientError
from chalicelib.model.record import Failure, Record, Status
from chalicelib.usecases.announce import announce
from chalicelib.usecases.decide import Cause, Decision, decide, facts
from chalicelib.usecases.entry import Attempt, Entry, Image, Lease, Possible
from chalicelib.usecases.locations import possible_locations
from chalicelib.usecases.ports import Call, Halftone, now
from chalicelib.usecases.transitions import claimed, given_up, noted


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why an image is looked at; the rest is S3's, of the change or of the object that is there."""

    cause: Cause
    sequencer: str = ""
    etag: str | None = None
    version_id: str | None = None


def claim(
    image: Image, reason: Reason, halftone: Halftone, call: Call, *, seen: Entry | None = None, chain: bool = False
) -> Entry | None:
    """Take the lease of an image and return its entry, or do what the table of decisions says instead and return None.

    `seen` is its entry as it was read last. A change that nobody has seen is claimed without a look at the catalogue
    first: most are of new images. The `chain` makes everything anew, and takes no notes. Raises ImageBusy where a retry
    has to do it.
    """
    known = seen or Entry(record=_unknown(image, halftone))
    entry = halftone.catalogue.change(
        known, lambda stands: _decided(stands, image, reason, halftone, call, chain=chain)
    )
    return entry if entry.held_by(call.attempt) else None


def _decided(entry: Entry, image: Image, reason: Reason, halftone: Halftone, call: Call, *, chain: bool) -> Entry:
    attempt = call.attempt
    moment = now().timestamp()
    decision = decide(facts(entry, reason.cause, attempt, halftone.digest, moment=moment, sequencer=reason.sequencer))
    if decision is Decision.CHECK and not _agrees(entry, reason, halftone):
        decision = Decision.REDO
    match decision:
        case Decision.CLAIM | Decision.REDO:
            lease = Lease(
                delivery=attempt.delivery,
                nonce=attempt.nonce,
                until=attempt.until,
                digest=halftone.digest,
                redo=chain or decision is Decision.REDO,
                takes_notes=not chain,
                repeated=_is_repeated(entry, reason, attempt),
            )
            places = sorted(possible_locations(image, halftone))
            return claimed(
                entry,
                lease,
                [Possible(*place, attempt.nonce, attempt.until, halftone.pipeline.shared_keys) for place in places],
                epoch=attempt.began,
                sequencer=reason.sequencer,
                etag=reason.etag,
            )
        case Decision.NOTE:
            return noted(entry, reason.sequencer)
        case Decision.CHECK if entry.epoch < attempt.began:
            return replace(entry, epoch=attempt.began)  # older code comes too late now
        case Decision.ANNOUNCE:
            announce(entry.record, halftone)
        case Decision.COME_AGAIN:
            raise ImageBusy(f"somebody else is at work on {image.key}")
    return entry


def _agrees(entry: Entry, reason: Reason, halftone: Halftone) -> bool:
    """Tell whether the object is the one on record, and every variant on record is in its place."""
    return (entry.record.etag, entry.record.version_id) == (reason.etag, reason.version_id) and all(
        is_in_place(entry, variant.name, halftone) for variant in entry.record.variants
    )


def _is_repeated(entry: Entry, reason: Reason, attempt: Attempt) -> bool:
    """Tell whether Lambda's repetition leaves a note for the sweep, should the attempt die.

    What is left from before is the sweep's in any case. The repetition of a delivery that settled another change of the
    same image would announce that.
    """
    new = entry.lease is None and entry.due is None and entry.settled_by != attempt.delivery
    return reason.cause is Cause.CHANGE and new


def is_in_place(entry: Entry, name: str, halftone: Halftone) -> bool:
    """Tell whether the variant of that name is on record, and lies where the record says."""
    variant = entry.variant(name)
    stat = halftone.storage.stat(variant.bucket, variant.key) if variant else None
    return variant is not None and stat is not None and stat.etag == variant.etag


@contextmanager
def giving_up(entry: Entry, halftone: Halftone, call: Call) -> Iterator[None]:
    """Give the lease up when the work in it fails for the moment, so that a retry need not wait for the deadline.

    After any other error the lease stays: that attempt counts as one that died.
    """
    try:
        yield
    except TransientError as error:
        in_flight, moment = error.in_flight, int(now().timestamp())
        denied = Failure(code=error.code, message=str(error)) if isinstance(error, AccessDenied) else None
        with suppress(CatalogueUnavailable, AccessDenied):
            halftone.catalogue.change(
                entry, lambda stands: given_up(stands, call.attempt, moment, in_flight=in_flight, denied=denied)
            )
        raise


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
