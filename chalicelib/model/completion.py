"""The message that says how an image stands, and whom it is for."""

from datetime import datetime
from enum import StrEnum

import msgspec

from chalicelib.model.record import Failure, Status, Variant


class CompletionEvent(StrEnum):
    """What a completion says: how an image stands now, or that an order failed, which is no state of its image."""

    READY = "image.ready"
    FAILED = "image.failed"
    DELETED = "image.deleted"
    ORDER_FAILED = "order.failed"


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """The message that says an image is ready, failed or deleted, or that an order for it failed.

    `generation` is the record's: of several completions of an image the one with the greatest is true. `status` is None
    where there is no record. `variants_omitted` counts those that the message had no room for; the record has them all.
    """

    schema_version: int = 1
    event: CompletionEvent
    image_id: str
    bucket: str
    key: str
    etag: str | None
    version_id: str | None
    generation: int
    status: Status | None
    pipeline: str
    variants: tuple[Variant, ...]
    variants_omitted: int = 0
    error: Failure | None
    processing_ms: int | None
    original_bytes: int | None
    occurred_at: datetime


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """A completion on its way; `callback_url` is whom the caller who caused it wants told, besides everybody else."""

    completion: Completion
    callback_url: str | None = None


class Handover(Announcement, frozen=True, kw_only=True):
    """An announcement that one target, by its name, has not had yet."""

    target: str
