"""Tell subscribers how an image came out."""

from chalicelib.identity import image_id
from chalicelib.model.completion import Announcement, Completion, CompletionEvent
from chalicelib.model.order import ResizeOrder
from chalicelib.model.record import Failure, Record, Status
from chalicelib.usecases.entry import Entry
from chalicelib.usecases.ports import Halftone, now
from chalicelib.usecases.transitions import announced

_EVENTS = {
    Status.READY: CompletionEvent.READY,
    Status.FAILED: CompletionEvent.FAILED,
    Status.DELETED: CompletionEvent.DELETED,
}


def announce(record: Record, halftone: Halftone, callback_url: str | None = None) -> None:
    """Publish the completion of a settled record; `callback_url` is told besides everybody else.

    Generation 0 is no news: nobody ever heard of the image, and there is nothing to be had.
    """
    if record.generation == 0:
        return
    completion = Completion(
        event=_EVENTS[record.status],
        image_id=record.image_id,
        bucket=record.bucket,
        key=record.key,
        etag=record.etag,
        version_id=record.version_id,
        generation=record.generation,
        status=record.status,
        pipeline=record.pipeline,
        variants=record.variants,
        error=record.error,
        processing_ms=record.processing_ms,
        original_bytes=record.original.bytes if record.original else None,
        occurred_at=record.updated_at,
    )
    halftone.completions.publish(Announcement(completion=completion, callback_url=callback_url))


def announce_owed(entry: Entry, halftone: Halftone, callback_url: str | None = None) -> Entry:
    """Publish the completion of an entry's record, and put down that this is done where it was owed."""
    announce(entry.record, halftone, callback_url)
    return halftone.catalogue.change(entry, lambda stands: announced(stands, entry.record.generation))


def announce_refusal(order: ResizeOrder, failure: Failure, halftone: Halftone) -> None:
    """Publish that an order failed. It is no state of the image: that stays, and is told as it is on record."""
    identity = image_id(order.bucket, order.key)
    entry = halftone.catalogue.get(identity)
    record = entry.shown if entry else None
    completion = Completion(
        event=CompletionEvent.ORDER_FAILED,
        image_id=identity,
        bucket=order.bucket,
        key=order.key,
        etag=record.etag if record else None,
        version_id=record.version_id if record else None,
        generation=record.generation if record else 0,
        status=record.status if record else None,
        pipeline=halftone.pipeline.name,
        variants=record.variants if record else (),
        error=failure,
        processing_ms=None,
        original_bytes=None,
        occurred_at=now(),
    )
    halftone.completions.publish(Announcement(completion=completion, callback_url=order.callback_url))
