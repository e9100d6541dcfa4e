"""Tell subscribers how an image came out."""

from chalicelib.identity import image_id
from chalicelib.model.completion import Announcement, Completion, CompletionEvent
from chalicelib.model.order import ResizeOrder
from chalicelib.model.record import Failure, Record, Status
from chalicelib.usecases.ports import Call, Halftone, now

_EVENTS = {
    Status.READY: CompletionEvent.READY,
    Status.FAILED: CompletionEvent.FAILED,
    Status.DELETED: CompletionEvent.DELETED,
}


def announce(record: Record, halftone: Halftone, call: Call) -> None:
    """Publish the completion of a record that has come to rest."""
    completion = Completion(
        event=_EVENTS[record.status],
        image_id=record.image_id,
        bucket=record.bucket,
        key=record.key,
        status=record.status,
        pipeline=record.pipeline,
        variants=record.variants,
        error=record.error,
        processing_ms=record.processing_ms,
        original_bytes=record.original.bytes if record.original else None,
        occurred_at=record.updated_at,
    )
    halftone.completions.publish(Announcement(completion=completion, callback_url=call.callback_url))


def announce_refusal(order: ResizeOrder, failure: Failure, halftone: Halftone) -> None:
    """Publish that an order failed which left the image as it was: with the variants that it has, if it is ready."""
    identity = image_id(order.bucket, order.key)
    entry = halftone.catalogue.get(identity)
    ready = entry is not None and entry.record.status is Status.READY
    completion = Completion(
        event=CompletionEvent.FAILED,
        image_id=identity,
        bucket=order.bucket,
        key=order.key,
        status=Status.READY if ready else Status.FAILED,
        pipeline=halftone.pipeline.name,
        variants=entry.record.variants if entry and ready else (),
        error=failure,
        processing_ms=None,
        original_bytes=None,
        occurred_at=now(),
    )
    halftone.completions.publish(Announcement(completion=completion, callback_url=order.callback_url))
