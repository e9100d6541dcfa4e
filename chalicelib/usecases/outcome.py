"""What an original comes to: its record, and the variants to write. Nothing is written here."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from msgspec.structs import replace

from chalicelib.errors import NotAnOriginal, NotFound, PermanentError, Replaced, ResourcesExceeded
from chalicelib.model.order import AdHoc
from chalicelib.model.record import Failure, Record, Status
from chalicelib.pipelines.instructions import instructed
from chalicelib.pipelines.keys import is_original
from chalicelib.usecases.claim import is_in_place
from chalicelib.usecases.decide import Cause
from chalicelib.usecases.entry import Asked, Entry, Image, Outcome
from chalicelib.usecases.locations import is_of_pipeline
from chalicelib.usecases.ports import Call, Halftone, StoredObject
from chalicelib.usecases.produce import Placed, produce

log = logging.getLogger("halftone.outcome")

_TRIED_AGAIN = {
    Cause.CHANGE: {Replaced.code},
    Cause.ORDER: {Replaced.code, NotAnOriginal.code, NotFound.code},
}
"""What an upload, or somebody's order, may end another way for the very same version."""

MOST_DEATHS = 3
"""Attempts that may die on one version before it is given up."""


@contextmanager
def opened(image: Image, halftone: Halftone) -> Iterator[StoredObject | None]:
    """Open the original, or hand out None where there is none."""
    with ExitStack() as stack:
        try:
            original = stack.enter_context(halftone.storage.open(image.bucket, image.key))
        except NotFound:
            original = None
        yield original


def outcome(
    original: StoredObject | None, image: Image, entry: Entry, cause: Cause, halftone: Halftone, call: Call
) -> tuple[Outcome, Sequence[Placed]]:
    """Say what the object comes to, and which variants are to be written; nothing is yet. Raises TransientError.

    The record names only those variants that stay.
    """
    as_it_is = Outcome(record=entry.record, digest=halftone.digest, ad_hoc=entry.ad_hoc)
    if not entry.redo and describes(entry, original, cause, halftone):
        return as_it_is, ()
    record = replace(
        entry.record,
        status=Status.DELETED,
        etag=original.etag if original else None,
        version_id=original.version_id if original else None,
        pipeline=halftone.pipeline.name,
        original=None,
        placeholder=None,
        perceptual_hash=None,
        variants=(),
        error=None,
    )
    if original is None:
        return Outcome(record=record, digest=halftone.digest), ()
    try:
        _check(original, image, entry, cause, halftone)
        wanted = [AdHoc(spec=spec) for spec in instructed(halftone.pipeline, original.metadata)]
        rendering, placed = produce(original, image, wanted, halftone, call)
    except PermanentError as error:
        if isinstance(error, NotFound) and entry.record.status is Status.READY and is_of(entry.record, original):
            log.warning("Left as it is: %s", error, extra={"image_id": image.id})
            return replace(as_it_is, digest=entry.digest), ()
        extra = {"image_id": image.id, "code": error.code}
        log.warning("The original cannot be processed", extra=extra, exc_info=error)
        failure = Failure(code=error.code, message=str(error))
        return Outcome(record=replace(record, status=Status.FAILED, error=failure), digest=halftone.digest), ()
    ad_hoc = tuple(asked for asked in entry.ad_hoc if _stays(asked, entry, original, halftone))
    variants = (entry.variant(asked.order.spec.name) for asked in ad_hoc)
    record = replace(
        record,
        status=Status.READY,
        original=rendering.original,
        placeholder=rendering.placeholder,
        perceptual_hash=rendering.perceptual_hash,
        variants=tuple(variant for variant in variants if variant),
    )
    return Outcome(record=record, digest=halftone.digest, ad_hoc=ad_hoc), placed


def _check(original: StoredObject, image: Image, entry: Entry, cause: Cause, halftone: Halftone) -> None:
    """Raise why an object is not to be rendered: NotAnOriginal or ResourcesExceeded.

    What somebody ordered is an original whatever its key, and stays one.
    """
    source = halftone.pipeline.source
    if original.metadata.get("resized") == "true":
        raise NotAnOriginal("it is a variant: it has the user metadata resized: true")
    if not (is_original(source, image.key) or cause is Cause.ORDER or entry.record.original):
        raise NotAnOriginal(f"its key does not end in one of {', '.join(source.suffixes)}")
    if entry.deaths >= MOST_DEATHS and original.etag == entry.attempted:
        raise ResourcesExceeded(f"{entry.deaths} functions in a row died on it")


def _stays(asked: Asked, entry: Entry, original: StoredObject, halftone: Halftone) -> bool:
    """Tell whether an ad hoc variant is of this very version, and not in the pipeline's way."""
    name = asked.order.spec.name
    if entry.record.etag != original.etag or name in {spec.name for spec in halftone.pipeline.variants}:
        return False
    variant = entry.variant(name)
    if variant is None:  # what took too long may not, under other limits
        return asked.error is not None and entry.digest == halftone.digest and not entry.redo
    of_pipeline = is_of_pipeline((variant.bucket, variant.key), halftone)
    return not of_pipeline and (not entry.redo or is_in_place(entry, name, halftone))


def describes(entry: Entry, original: StoredObject | None, cause: Cause, halftone: Halftone) -> bool:
    """Tell whether the record is what today's pipeline makes of this very version."""
    record = entry.record
    if original is None:
        return record.status is Status.DELETED
    code = record.error.code if record.error else ""
    if not is_of(record, original):
        return False
    if code == Replaced.code and cause not in _TRIED_AGAIN:
        return True  # whatever the pipeline is: the place is another's
    if entry.digest != halftone.digest:
        return False
    if cause is Cause.CHANGE and original.version_id is None and halftone.pipeline.source.instructions:
        return False  # the same bytes may have come with other instructions
    return code not in _TRIED_AGAIN.get(cause, ())


def is_of(record: Record, original: StoredObject | None) -> bool:
    """Tell whether a settled record is of this version, or of the absence of one."""
    if original is None or record.status is Status.DELETED:
        return original is None and record.status is Status.DELETED
    return record.status is not Status.PROCESSING and (record.etag, record.version_id) == (
        original.etag,
        original.version_id,
    )


def is_news(record: Record) -> bool:
    """Tell whether subscribers have to hear of it: they know the image, or there is something to know."""
    skipped = record.error is not None and record.error.code == NotAnOriginal.code
    return record.generation > 0 or not (skipped or record.status is Status.DELETED)
