"""The frozen types that flow through Halftone; no logic, no imports beyond the standard library."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, NamedTuple


class Size(NamedTuple):
    """Whole pixels, upright: EXIF orientation is already applied."""

    width: int
    height: int


class Format(StrEnum):
    """What a variant can be encoded as."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    GIF = "gif"


class Fit(StrEnum):
    """How an original meets the box of a variant spec; the names are the field's own.

    inside: as large as fits in the box. outside: as small as covers the box. cover: fill the box and crop what
    hangs over. contain: inside, then padded to the box. fill: stretched to the box.
    """

    INSIDE = "inside"
    OUTSIDE = "outside"
    COVER = "cover"
    CONTAIN = "contain"
    FILL = "fill"


class Position(StrEnum):
    """Which part of the original `cover` keeps, and where `contain` or a watermark places the picture."""

    CENTER = "center"
    NORTH = "north"
    NORTHEAST = "northeast"
    EAST = "east"
    SOUTHEAST = "southeast"
    SOUTH = "south"
    SOUTHWEST = "southwest"
    WEST = "west"
    NORTHWEST = "northwest"
    ENTROPY = "entropy"
    ATTENTION = "attention"


class Metadata(StrEnum):
    """What of the original's metadata a variant keeps."""

    NONE = "none"
    COPYRIGHT = "copyright"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """A picture laid over a variant: `scale` is its width as a share of the variant's, `opacity` runs from 0 to 1."""

    image: bytes
    position: Position = Position.SOUTHEAST
    opacity: float = 1.0
    scale: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantSpec:
    """The recipe for one variant.

    A side of None follows from the other one and the aspect ratio; with both None the size stays. `format` of None is
    the original's. `quality` runs from 1 to 100, None is the format's own default. `lossless` is for PNG, WebP and
    AVIF, and says nothing to JPEG and GIF. `background` is `#rrggbb` or `#rrggbbaa`: what lies around the picture, and
    behind what is transparent in it; None is transparent where the format can be and white where it cannot. `sharpen`
    is the radius of an unsharp mask in variant pixels, 0 is none. `progressive` makes a JPEG about 6 % smaller and
    visible early, for five times the encoding time. `max_bytes` of None is no bound. `gps` lets a location survive
    `metadata="all"`.
    """

    name: str
    width: int | None = None
    height: int | None = None
    fit: Fit = Fit.INSIDE
    position: Position = Position.CENTER
    background: str | None = None
    enlarge: bool = False
    sharpen: float = 0.0
    watermark: Watermark | None = None
    format: Format | None = None
    quality: int | None = None
    lossless: bool = False
    progressive: bool = False
    max_bytes: int | None = None
    metadata: Metadata = Metadata.NONE
    gps: bool = False
    bucket: Literal["destination", "source"] = "destination"
    key: str = "{variant}/{key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Which keys are originals: under `prefix`, under none of `exclude`, ending in one of `suffixes` (any case).

    With `instructions` the user metadata of an original has a say in its variants.
    """

    prefix: str = ""
    exclude: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".tif", ".tiff", ".bmp")
    instructions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """What to do when somebody puts an object of their own among the variants.

    The original `origin` + its key is copied to `target` + its key, all in the source bucket.
    """

    origin: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The variants of an upload; `restore` of None leaves objects alone that others put among them."""

    name: str
    source: Source
    variants: tuple[VariantSpec, ...]
    restore: Restore | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an original may cost, checked before it is decoded.

    `max_bytes`: the file. `max_pixels`: width x height, summed over all frames. `max_frames`: frames of an animation.
    `max_moving_pixels`: width x height of all frames of all variants that move, whose encoding is what takes longest.
    `max_side`: pixels of either side of a variant; 16,383 is the most that WebP can hold.
    """

    max_bytes: int = 50_000_000
    max_pixels: int = 100_000_000
    max_frames: int = 1_000
    max_moving_pixels: int = 40_000_000
    max_side: int = 16_383


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalInfo:
    """What is known of an original. `exif` holds camera, taken_at and the like, with plain values only."""

    format: str
    width: int
    height: int
    bytes: int
    frames: int
    mode: str
    has_alpha: bool
    orientation: int
    exif: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """What to show while a variant loads: ThumbHash (base64) and dominant colour (`#rrggbb`)."""

    thumbhash: str
    dominant_color: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedVariant:
    """A variant as bytes, not stored yet."""

    spec: VariantSpec
    data: bytes
    format: Format
    content_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """All that imaging makes of one original."""

    original: OriginalInfo
    placeholder: Placeholder
    perceptual_hash: str
    variants: tuple[RenderedVariant, ...]


class Status(StrEnum):
    """Where an image stands."""

    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an image has no variants: a code of `errors.py` and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the catalogue knows of an image; times are UTC, `processing_ms` is None until work has ended."""

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
    original: OriginalInfo | None = None
    placeholder: Placeholder | None = None
    perceptual_hash: str | None = None
    variants: tuple[Variant, ...] = ()
    error: Failure | None = None


class CompletionEvent(StrEnum):
    """What a completion says of its image."""

    READY = "image.ready"
    FAILED = "image.failed"
    DELETED = "image.deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The message that says an image is ready, failed or deleted.

    `variants_omitted` counts those that the message had no room for; the record has them all.
    """

    schema_version: int = 1
    event: CompletionEvent
    image_id: str
    bucket: str
    key: str
    status: Status
    pipeline: str
    variants: tuple[Variant, ...]
    variants_omitted: int = 0
    error: Failure | None
    processing_ms: int | None
    original_bytes: int | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A completion on its way; `callback_url` is whom the caller who caused it wants told, besides everybody else."""

    completion: Completion
    callback_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover(Announcement):
    """An announcement that one target, by its name, has not had yet."""

    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageChange:
    """S3 says that an object came or went.

    `sequencer` orders the changes of one key. One without, such as an event made by hand, asks to look at the object
    as it is now.
    """

    kind: Literal["created", "removed"]
    bucket: str
    key: str
    sequencer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """An ad-hoc variant: a spec of a caller's own; where `dest_bucket` or `dest_key` is None, the spec says where."""

    spec: VariantSpec
    dest_bucket: str | None = None
    dest_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeOrder:
    """What a caller wants made of one original, now.

    `variants` names specs of the pipeline, None is all of them; `extra` is an ad-hoc variant instead. `callback_url`
    is told of every completion that the order causes.
    """

    bucket: str
    key: str
    variants: tuple[str, ...] | None = None
    extra: Extra | None = None
    callback_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """One run of the state machine; `status` is Step Functions' word for how it stands.

    `output` of None is not there yet, or never will be; so is `stopped_at`, and `error` where nothing failed.
    """

    execution_id: str
    status: str
    input: dict[str, Any]
    output: dict[str, Any] | None
    error: Failure | None
    started_at: datetime
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """What became of an object in the destination bucket; `restored_to` is a key of the source bucket."""

    message: str
    bucket: str
    key: str
    restored_to: str | None = None
