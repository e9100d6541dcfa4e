"""Pictures before and after: what a variant should be, what an original is, what imaging makes of it."""

from enum import StrEnum
from typing import Literal, NamedTuple

import msgspec


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


class Hdr(StrEnum):
    """What becomes of an original's gain map, which lets a photo be brighter than white where a display can."""

    DROP = "drop"
    KEEP = "keep"


class Effort(StrEnum):
    """How long an encoder looks for fewer bytes of the same quality; the names are for every format."""

    NORMAL = "normal"
    HIGH = "high"


class Watermark(msgspec.Struct, frozen=True, kw_only=True):
    """A picture laid over a variant: `scale` is its width as a share of the variant's, `opacity` runs from 0 to 1."""

    image: bytes
    position: Position = Position.SOUTHEAST
    opacity: float = 1.0
    scale: float = 0.25


class VariantSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The recipe for one variant.

    A side of None follows from the other one and the aspect ratio; with both None the size stays. `format` of None is
    the original's. `quality` runs from 1 to 100, None is the format's own default; "auto" is, for JPEG, WebP and AVIF,
    the one whose SSIMULACRA2 score is nearest to `target` (None: the default score). `effort` says nothing to GIF,
    `lossless` nothing to GIF and JPEG. `background` is `#rrggbb` or `#rrggbbaa`: what lies around the picture, and
    behind what is transparent in it; None is transparent where the format can be and white where it cannot. `sharpen`
    is the radius of an unsharp mask in variant pixels, 0 is none. `progressive` makes a JPEG about 6 % smaller and
    visible early, for five times the encoding time. `max_bytes` of None is no bound. `animated=False`
    makes a still of an original that moves: its first frame. `gps` lets a location survive `metadata="all"`.
    `hdr` of KEEP takes the gain map of a JPEG along into a JPEG, and says nothing to other formats.
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
    quality: int | Literal["auto"] | None = None
    target: int | None = None
    effort: Effort = Effort.NORMAL
    lossless: bool = False
    progressive: bool = False
    max_bytes: int | None = None
    animated: bool = True
    metadata: Metadata = Metadata.NONE
    gps: bool = False
    hdr: Hdr = Hdr.DROP
    bucket: Literal["destination", "source"] = "destination"
    key: str = "{variant}/{key}"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What an original may cost, checked before it is decoded; what no header tells is stopped on the way.

    `max_bytes`: the file. `max_pixels`: width x height, summed over all frames. `max_frames`: frames of an animation.
    `max_moving_pixels`: width x height of all frames of all variants that move, whose encoding is what takes longest.
    `max_side`: pixels of either side of a variant; 16,383 is the most that WebP can hold. `max_cpu_seconds`: CPU time
    of all that is made of one original at once; it holds where imaging has a process of its own.
    """

    max_bytes: int = 50_000_000
    max_pixels: int = 100_000_000
    max_frames: int = 1_000
    max_moving_pixels: int = 40_000_000
    max_side: int = 16_383
    max_cpu_seconds: float = 9


class OriginalInfo(msgspec.Struct, frozen=True, kw_only=True):
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


class Placeholder(msgspec.Struct, frozen=True, kw_only=True):
    """What to show while a variant loads: ThumbHash (base64) and dominant colour (`#rrggbb`)."""

    thumbhash: str
    dominant_color: str


class RenderedVariant(msgspec.Struct, frozen=True, kw_only=True):
    """A variant as bytes, not stored yet."""

    spec: VariantSpec
    data: bytes
    format: Format
    content_type: str
    width: int
    height: int


class Rendering(msgspec.Struct, frozen=True, kw_only=True):
    """All that imaging makes of one original. `cpu_seconds` is what that took, where somebody measured it."""

    original: OriginalInfo
    placeholder: Placeholder
    perceptual_hash: str
    variants: tuple[RenderedVariant, ...]
    cpu_seconds: float | None = None
