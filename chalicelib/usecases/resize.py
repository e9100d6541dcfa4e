"""Somebody asks for variants of one original, now."""

import time
from collections.abc import Sequence
from dataclasses import replace

from chalicelib.errors import BY_CODE, CatalogueUnavailable, ForbiddenBucket, InvalidRequest, PermanentError
from chalicelib.model.order import AdHoc, ResizeOrder
from chalicelib.model.record import Record, Status, Variant
from chalicelib.pipelines.fields import pick
from chalicelib.pipelines.instructions import instructed
from chalicelib.usecases.align import take_in
from chalicelib.usecases.announce import announce
from chalicelib.usecases.ports import (
    Call,
    Entry,
    Halftone,
    Image,
    Location,
    Overtaken,
    Since,
    StoredObject,
    now,
)
from chalicelib.usecases.produce import produce, store
from chalicelib.usecases.settle import settle
from chalicelib.webhooks import policy

ATTEMPTS = 50
PAUSE = 0.2
"""Seconds between two looks at an image that another worker is busy with."""

MOST_EXTRAS = 50
"""Ad-hoc variants of one image: its record is to fit in a DynamoDB item, and its completion in a message."""


def resize(order: ResizeOrder, halftone: Halftone, call: Call) -> Record:
    """Make the variants that the order asks for, and return the record with them and the others that the image has.

    Raises what attempt() raises, and whatever the original's bytes give cause for.
    """
    record = attempt(order, halftone, call)
    if record.error:
        raise BY_CODE[record.error.code](record.error.message)
    return record


def attempt(order: ResizeOrder, halftone: Halftone, call: Call) -> Record:
    """Carry an order out, and return the record: a failed one, which is announced, of an original that is at fault.

    An original whose present version is not in the record yet is taken in first, as its upload would be; the order's
    `callback_url` is told of that too. Raises what check() raises, NotFound, and InvalidRequest, VariantTooLarge or
    DeadlineExceeded for what is wrong with the order alone: then the record stays as it is.
    """
    check(order, halftone)
    image = Image(order.bucket, order.key)
    try:
        return _attempted(order, image, halftone, replace(call, callback_url=order.callback_url))
    except PermanentError:
        settle(halftone.catalogue.get(image.id), halftone, call)  # an attempt before this one may have claimed
        raise


def _attempted(order: ResizeOrder, image: Image, halftone: Halftone, call: Call) -> Record:
    for _ in range(ATTEMPTS):
        call.checkpoint()
        entry = halftone.catalogue.get(image.id)  # before the object, so that the claim tells if it went since
        with halftone.storage.open(image.bucket, image.key) as original:
            refuse_variant(original, image)
            try:
                if entry is not None and _describes(entry, original, halftone):
                    return _added(entry, original, image, _wanted(order, original, halftone), halftone, call)
                if entry is None or not _busy(entry, call):
                    grounds = Since(entry.generation if entry else 0)
                    record = take_in(original, image, grounds, halftone, call)
                    if record.error:
                        return record
                    if order.ad_hoc is None:
                        _wanted(order, original, halftone)  # raises where the metadata leaves out what is asked for
                        return record
                    continue
            except Overtaken as overtaken:
                settle(overtaken.entry, halftone, call)
                continue
        time.sleep(PAUSE)
    raise CatalogueUnavailable("too much is happening to this image at once")


def check(order: ResizeOrder, halftone: Halftone) -> None:
    """Raise what is wrong with an order by itself: ForbiddenBucket, UnknownVariant, InvalidRequest."""
    _check_buckets(order, halftone)
    _check_callback(order, halftone)
    _check_names(order, halftone)


def refuse_variant(original: StoredObject, image: Image) -> None:
    """Raise InvalidRequest for an object that is marked as a variant."""
    if original.metadata.get("resized") == "true":
        raise InvalidRequest(f"key: {image.key} is a variant, not an original", field="key")


def _check_buckets(order: ResizeOrder, halftone: Halftone) -> None:
    for bucket in filter(None, (order.bucket, order.ad_hoc and order.ad_hoc.dest_bucket)):
        if bucket not in halftone.settings.allowed_buckets:
            raise ForbiddenBucket(f"bucket {bucket} is not on this stage's allow-list")


def _check_callback(order: ResizeOrder, halftone: Halftone) -> None:
    if order.callback_url is None:
        return
    host = policy.endpoint(order.callback_url).host
    if not policy.is_allowed(host, halftone.settings.webhooks.hosts):
        raise InvalidRequest(
            f"callback_url: host {host} is not on this stage's allow-list of webhooks", field="callback_url"
        )


def _check_names(order: ResizeOrder, halftone: Halftone) -> None:
    pick(halftone.pipeline.variants, order.variants or ())
    if order.ad_hoc and order.ad_hoc.spec.name in _names(halftone):
        raise InvalidRequest(
            f"variants: {order.ad_hoc.spec.name} is of the pipeline; ask for it by its name", field="variants"
        )


def _wanted(order: ResizeOrder, original: StoredObject, halftone: Halftone) -> Sequence[AdHoc]:
    """Return what the order asks for, of what the original's metadata allows; raises InvalidRequest."""
    if order.ad_hoc:
        return (order.ad_hoc,)
    specs = instructed(halftone.pipeline, original.metadata)
    return [AdHoc(spec=spec) for spec in (specs if order.variants is None else pick(specs, order.variants))]


def _describes(entry: Entry, original: StoredObject, halftone: Halftone) -> bool:
    """Tell whether the entry has what today's pipeline makes of this version; a failure is worth another try."""
    record = entry.record
    return record.status is Status.READY and record.etag == original.etag and entry.digest == halftone.digest


def _busy(entry: Entry, call: Call) -> bool:
    """Tell whether somebody else is at work; an invocation before this one of the same delivery is not, it died."""
    if entry.record.status is not Status.PROCESSING or entry.owner is None:
        return False
    return entry.owner.delivery != call.worker.delivery and entry.owner.until > now().timestamp()


def _added(
    entry: Entry, original: StoredObject, image: Image, wanted: Sequence[AdHoc], halftone: Halftone, call: Call
) -> Record:
    """Add variants to a settled entry, in the place of the ones with their names; raises Overtaken."""
    started = time.perf_counter()
    _, placed = produce(original, image, wanted, halftone, call)
    for extra, (variant, location) in zip(wanted, placed, strict=True):
        if extra.dest_bucket or extra.dest_key:
            _check_free(variant.spec.name, location, entry, halftone)
    if len({extra.spec.name for extra in (*_extras(entry), *wanted)} - _names(halftone)) > MOST_EXTRAS:
        raise InvalidRequest(f"the image has {MOST_EXTRAS} ad-hoc variants, and that is the most")
    entry = halftone.catalogue.extend(entry, worker=call.worker, places={location for _, location in placed})
    while True:
        made = store(placed, halftone)
        variants = tuple(_by_name((*entry.record.variants, *made)).values())
        milliseconds = round(1000 * (time.perf_counter() - started))
        record = replace(entry.record, variants=variants, updated_at=now(), processing_ms=milliseconds)
        asked = (extra for extra in (*_extras(entry), *wanted) if extra.spec.name not in _names(halftone))
        extras = {extra.spec.name: extra for extra in asked}
        try:
            halftone.catalogue.save(
                entry, record, worker=call.worker, digest=halftone.digest, extras=tuple(extras.values())
            )
        except Overtaken as overtaken:
            if not _describes(overtaken.entry, original, halftone):
                raise
            entry = overtaken.entry
            if call.worker in entry.claimants:
                continue
            record = entry.record  # the save had its effect, and only the answer was lost
        announce(record, halftone, call)
        return record


def _check_free(name: str, location: Location, entry: Entry, halftone: Halftone) -> None:
    """Refuse to write over what is not this very variant, or what a worker left of it that died."""
    listed = {(variant.bucket, variant.key): variant.name for variant in entry.record.variants}
    if listed.get(location) == name or (location in entry.places and location not in listed):
        return
    if halftone.storage.etag(*location) is not None:
        raise InvalidRequest("dest_key: there is something else already; choose another place", field="dest_key")


def _names(halftone: Halftone) -> set[str]:
    return {spec.name for spec in halftone.pipeline.variants}


def _by_name(variants: Sequence[Variant]) -> dict[str, Variant]:
    return {variant.name: variant for variant in variants}


def _extras(entry: Entry) -> Sequence[AdHoc]:
    return entry.extras if entry.extras_etag == entry.record.etag else ()
