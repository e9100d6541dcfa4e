"""Somebody asks for variants of one original, now."""

import time
from contextlib import suppress

from msgspec.structs import replace

from chalicelib.errors import BY_CODE, ForbiddenBucket, ImageBusy, InvalidRequest
from chalicelib.model.order import ResizeOrder
from chalicelib.model.record import Failure, Record
from chalicelib.pipelines.fields import pick
from chalicelib.pipelines.instructions import instructed
from chalicelib.usecases import ad_hoc
from chalicelib.usecases.announce import announce_owed
from chalicelib.usecases.claim import Reason, is_in_place
from chalicelib.usecases.decide import Cause
from chalicelib.usecases.entry import Entry, Image
from chalicelib.usecases.outcome import describes
from chalicelib.usecases.ports import Call, Halftone, Overtaken, StoredObject, now
from chalicelib.usecases.reconcile import reconcile
from chalicelib.usecases.transitions import asked_again
from chalicelib.webhooks import policy

LOOKS = 50
PAUSE = 0.2
"""Seconds between two looks at an image that somebody else is busy with."""

HOUR = 3600
"""Seconds after which it is put down that a variant was asked for again."""


def resize(order: ResizeOrder, halftone: Halftone, call: Call, *, tell: bool = False) -> Record:
    """Have the variants that the order asks for, and return the record with them and the others that the image has.

    An original whose present version is not on record is taken in first, as its upload would be; the order's
    `callback_url` is told of that too. With `tell` something is announced even if nothing had to be done, and a failed
    record that was announced is returned. Raises what check() raises, NotFound, whatever the original's bytes give
    cause for, and InvalidRequest, VariantTooLarge or DeadlineExceeded for what is wrong with the order alone: then the
    record stays as it is.
    """
    check(order, halftone)
    image = Image(order.bucket, order.key)
    call = replace(call, callback_url=order.callback_url)
    told = -1
    for _ in range(LOOKS):
        call.checkpoint()
        entry = halftone.catalogue.get(image.id)
        try:
            found = _found(order, entry, image, halftone, call)
        except Overtaken:
            continue
        if isinstance(found, Record):
            if entry and found is entry.record and (_owes(entry, call) or (tell and found.generation != told)):
                announce_owed(entry, halftone, call.callback_url)
            return found
        done = None
        with suppress(ImageBusy):
            done = reconcile(image, found, halftone, call, seen=entry)
        if done is None:
            time.sleep(PAUSE)
            continue
        if done.generation > (entry.record.generation if entry else 0):
            told = done.generation
        if done.error:
            if tell and told == done.generation:
                return done
            raise _raised(done.error)
    raise ImageBusy("too much is happening to this image at once")


def check(order: ResizeOrder, halftone: Halftone) -> None:
    """Raise what is wrong with an order by itself: ForbiddenBucket, UnknownVariant, InvalidRequest."""
    _check_buckets(order, halftone)
    _check_callback(order, halftone)
    _check_names(order, halftone)


def refuse_variant(original: StoredObject, image: Image) -> None:
    """Raise InvalidRequest for an object that is marked as a variant."""
    if original.metadata.get("resized") == "true":
        raise InvalidRequest(f"key: {image.key} is a variant, not an original", field="key")


def _found(order: ResizeOrder, entry: Entry | None, image: Image, halftone: Halftone, call: Call) -> Record | Reason:
    """Return the record once it names what is asked for, or why the image has to be brought in line.

    Raises what is wrong with the original or the order, and Overtaken.
    """
    with halftone.storage.open(image.bucket, image.key) as original:
        refuse_variant(original, image)
        reason = Reason(cause=Cause.ORDER, etag=original.etag, version_id=original.version_id)
        if entry is None or entry.lease or not describes(entry, original, Cause.ORDER, halftone):
            return reason
        if entry.record.error:
            raise _raised(entry.record.error)
        return _made(order, entry, original, halftone, call) or replace(reason, cause=Cause.REPAIR)


def _made(order: ResizeOrder, entry: Entry, original: StoredObject, halftone: Halftone, call: Call) -> Record | None:
    """Return the record once it names what is asked for; None where a variant of the pipeline is not in its place."""
    if order.ad_hoc is None:
        specs = instructed(halftone.pipeline, original.metadata)
        wanted = specs if order.variants is None else pick(specs, order.variants)
        return entry.record if all(is_in_place(entry, spec.name, halftone) for spec in wanted) else None
    name = order.ad_hoc.spec.name
    asked = entry.asked(name)
    if asked and asked.error:
        raise _raised(asked.error)
    if asked and is_in_place(entry, name, halftone):
        moment = int(now().timestamp())
        if asked.at + HOUR < moment:
            halftone.catalogue.change(entry, lambda stands: asked_again(stands, name, moment))
        return entry.record
    return ad_hoc.add(order.ad_hoc, entry, original, Image(order.bucket, order.key), halftone, call)


def _owes(entry: Entry, call: Call) -> bool:
    """Tell whether an attempt before this one at the same delivery settled the image and did not announce it."""
    return entry.owed > 0 and entry.settled_by == call.attempt.delivery


def _raised(failure: Failure) -> Exception:
    return BY_CODE[failure.code](failure.message)


def _check_buckets(order: ResizeOrder, halftone: Halftone) -> None:
    for bucket in filter(None, (order.bucket, order.ad_hoc and order.ad_hoc.dest_bucket)):
        if bucket not in halftone.settings.allowed_buckets:
            raise ForbiddenBucket(f"bucket {bucket} is not on this stage's allow-list")


def _check_callback(order: ResizeOrder, halftone: Halftone) -> None:
    if order.callback_url is None:
        return
    host = policy.endpoint(order.callback_url).host
    if not policy.is_allowed(host, halftone.settings.webhook_hosts):
        raise InvalidRequest(
            f"callback_url: host {host} is not on this stage's allow-list of webhooks", field="callback_url"
        )


def _check_names(order: ResizeOrder, halftone: Halftone) -> None:
    pick(halftone.pipeline.variants, order.variants or ())
    if order.ad_hoc and order.ad_hoc.spec.name in {spec.name for spec in halftone.pipeline.variants}:
        raise InvalidRequest(
            f"variants: {order.ad_hoc.spec.name} is of the pipeline; ask for it by its name", field="variants"
        )
