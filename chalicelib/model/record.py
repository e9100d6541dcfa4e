"""What the catalogue knows of an image."""

from datetime import datetime
from enum import StrEnum

import msgspec

from chalicelib.model.picture import Format, OriginalInfo, Placeholder


class Status(StrEnum):
    """Where an image stands."""

    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One stored derived image."""

    name: str
    bucket: str
    key: str
    format: Format
    content_type: str
    width: int
    height: int
    bytes: int
    etag: str


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why an image has no variants: a code of `errors.py` and a sentence for people."""

    code: str
    message: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalogue knows of an image.

    Times are UTC; `processing_ms` is None until work has ended. `generation` grows with each state that is announced.
    """

    image_id: str
    status: Status
    bucket: str
    key: str
    etag: str | None
    version_id: str | None
    pipeline: str
    created_at: datetime
    updated_at: datetime
    processing_ms: int | None = None
    generation: int = 0
    original: OriginalInfo | None = None
    placeholder: Placeholder | None = None
    perceptual_hash: str | None = None
    variants: tuple[Variant, ...] = ()
    error: Failure | None = None
