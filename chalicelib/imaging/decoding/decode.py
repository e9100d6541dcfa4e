"""From bytes to an opened original, and from that to pixels: limits first, then the smallest decode that is enough."""

import io
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import msgspec
from msgspec.structs import replace
from PIL import Image, ImageFile

from chalicelib.errors import (
    CorruptImage,
    EmptyObject,
    FileTooLarge,
    ImageTooLarge,
    TooManyFrames,
    UnsupportedFormat,
)
from chalicelib.imaging import animation, headers, metadata
from chalicelib.imaging.boundary import known_kinds, named_errors
from chalicelib.imaging.colours import declared
from chalicelib.imaging.decoding import mending
from chalicelib.imaging.drawing.pyramid import SIDEWAYS
from chalicelib.imaging.headers import heic
from chalicelib.imaging.metadata import Tags, exif
from chalicelib.model.picture import Limits, Size

SHRINK_MARGINS = {8: 1.4, 4: 1.25, 2: 1.5}
"""How much larger than the largest variant a JPEG is decoded at least, for each factor that libjpeg shrinks by.

They are the smallest at which no picture has a lower SSIM than sharp's of the same size, nor one below 0.99: about
0.992 at 1/8, 0.993 at 1/4 and 0.996 at 1/2 for noisy pictures. docs/imaging-notes.md has the numbers.
"""

_DECODERS = {
    "jpeg": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "png": ("PIL.PngImagePlugin", "PngImageFile"),
    "webp": ("chalicelib.imaging.decoding.webp", "WebPFile"),
    "avif": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "gif": ("PIL.GifImagePlugin", "GifImageFile"),
    "tiff": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "bmp": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "heic": ("pi_heif.as_plugin", "HeifImageFile"),
}
_FIRST_PAGE_ONLY = frozenset({"tiff", "heic"})
_KEEP_THEIR_OWN = frozenset({"avif", "webp"})
"""The formats whose decoders keep the picture that they have handed over, in one form or two."""

_TURNED_BY_DECODER = frozenset({"tiff", "heic"})


class Original(msgspec.Struct, frozen=True):
    """A file whose header was read and found within the limits; its pixels are decoded by `decode_frames`, once.

    `size` is upright. `turn` is the EXIF orientation that the decoded pixels still need (1 is none), `orientation`
    what the file says. `profile` is the ICC profile of its colours; None is sRGB.
    """

    name: str
    file_bytes: int
    file: ImageFile.ImageFile
    size: Size
    frames: int
    orientation: int
    turn: int
    profile: bytes | None
    mode: str
    has_alpha: bool
    plays: int
    tags: Tags


class Frame(msgspec.Struct, frozen=True):
    """One frame, composed to the full canvas, as the decoder gave it; `milliseconds` is how long it shows.

    Each pixel stands for `shrink` x `shrink` of the original's. Where that does not divide a side, the last column or
    row lies partly beyond the picture.
    """

    image: Image.Image
    milliseconds: int
    shrink: int = 1


def open_original(data: bytes, limits: Limits) -> Original:
    """The original behind `data`, its limits checked, no pixel decoded.

    Raises EmptyObject, FileTooLarge, UnsupportedFormat, TooManyFrames, ImageTooLarge or CorruptImage.
    """
    if not data:
        raise EmptyObject("The object is empty")
    if len(data) > limits.max_bytes:
        raise FileTooLarge(f"The file has {len(data):,} bytes: at most {limits.max_bytes:,} are allowed")
    name = headers.sniff(data)
    decoder = _decoder(name)
    with named_errors(name):
        whole = mending.mended(data, name)
        header = headers.read(whole, name)
        if header is not None:
            _check(header, limits)
        if name == "heic":
            heic.check(data, limits)
        with known_kinds(name):
            file = decoder(io.BytesIO(whole))
        if header is None:
            frames = 1 if name in _FIRST_PAGE_ONLY else getattr(file, "n_frames", 1)
            header = headers.Header(*file.size, frames)
            _check(header, limits)
        elif not _agrees(file, header):
            raise CorruptImage(
                f"The {name} file is damaged: it says {header.width} x {header.height} pixels in one place "
                f"and {file.width} x {file.height} in another"
            )
        return _original(name, data, file, header)


def decode_frames(original: Original, wanted: Size | None, *, only_first: bool) -> Iterator[Frame]:
    """The frames of an original, in order, each valid until the next is asked for.

    `wanted` is the upright size of the whole picture that the largest variant needs; a JPEG is decoded no larger than
    SHRINK_MARGINS asks for. Raises CorruptImage for damaged data, and for fewer frames than the header promised.
    """
    try:
        with named_errors(original.name):
            shrink = _shrink_on_load(original, wanted) if wanted is not None and original.name == "jpeg" else 1
        for index in range(1 if only_first else original.frames):
            with named_errors(original.name):
                frame = _frame(original, index)
            yield replace(frame, shrink=shrink)
    finally:
        original.file.close()


def _decoder(name: str) -> Callable[[io.BytesIO], ImageFile.ImageFile]:
    module, attribute = _DECODERS[name]
    try:
        decoder: Callable[[io.BytesIO], ImageFile.ImageFile] = getattr(import_module(module), attribute)
    except ImportError as error:
        raise UnsupportedFormat(
            "The image is HEIC, which is read only where pi-heif is installed: pip install pi-heif"
        ) from error
    return decoder


def _check(header: headers.Header, limits: Limits) -> None:
    if header.frames > limits.max_frames:
        raise TooManyFrames(f"The image has {header.frames:,} frames: at most {limits.max_frames:,} are allowed")
    headers.check_sides(header)
    pixels = header.width * header.height * header.frames
    if pixels > limits.max_pixels:
        of_frames = f" x {header.frames:,} frames" if header.frames > 1 else ""
        raise ImageTooLarge(
            f"The image has {header.width:,} x {header.height:,}{of_frames} = {pixels:,} pixels: "
            f"at most {limits.max_pixels:,} are allowed"
        )


def _agrees(file: ImageFile.ImageFile, header: headers.Header) -> bool:
    """Whether the decoder is about to unpack what was checked; a GIF's canvas may grow up to that, frame by frame."""
    size = header.width, header.height
    return file.size == size or (file.format == "GIF" and file.width <= size[0] and file.height <= size[1])


def _original(name: str, data: bytes, file: ImageFile.ImageFile, header: headers.Header) -> Original:
    if file.mode == "F":
        raise UnsupportedFormat("The image has floating point pixels: expected whole numbers")
    tags = metadata.read(file)
    orientation = exif.orientation(tags.exif)
    turn = 1 if name in _TURNED_BY_DECODER else orientation
    width, height = header.width, header.height
    return Original(
        name=name,
        file_bytes=len(data),
        file=file,
        size=Size(height, width) if turn in SIDEWAYS else Size(width, height),
        frames=header.frames,
        orientation=orientation,
        turn=turn,
        profile=declared.profile(file, data, name),
        mode=file.mode,
        has_alpha=file.has_transparency_data,
        plays=animation.plays(name, file.info.get("loop")),
        tags=tags,
    )


def _shrink_on_load(original: Original, wanted: Size) -> int:
    """Let libjpeg scale by 1/2, 1/4 or 1/8 while it decodes, as long as SHRINK_MARGINS stay: 2, 4 or 8, else 1."""
    spare = min(side / need for side, need in zip(original.size, wanted, strict=True))
    power = next((power for power, margin in SHRINK_MARGINS.items() if spare >= power * margin), 1)
    width, height = original.file.size
    drafted = original.file.draft(None, (max(1, width // power), max(1, height // power)))
    return 1 if drafted is None else power


def _frame(original: Original, index: int) -> Frame:
    """Frame `index`, a copy where there are more to come, as decoders compose each frame onto the last.

    Of a WebP that moves alpha is always read: what its frames leave of the canvas is clear, whether or not it says so.
    """
    file = original.file
    if original.frames == 1:
        _scale_clear_level(file)
        size = file.size
        file.load()
        if original.name in _KEEP_THEIR_OWN:
            file.fp = file._decoder = None  # type: ignore[attr-defined] # noqa: SLF001 - hundreds of megabytes
        if file.size != size:
            raise CorruptImage(f"The {original.name} file unpacks to another size than it says")
        negative = original.name == "tiff" and file.mode.startswith("I;16") and _tiff_white_is_zero(file)
        return Frame(file.convert("I").point(lambda level: level * -1 + 65_535) if negative else file, 0)
    try:
        file.seek(index + getattr(file, "default_image", False))
    except EOFError as error:
        raise CorruptImage(
            f"The {original.name} file promises {original.frames} frames and ends after {index}"
        ) from error
    if file.width * file.height > original.size.width * original.size.height:
        raise CorruptImage(f"The {original.name} file has a frame larger than its canvas")
    if original.name == "webp":
        file._mode = file.rawmode = "RGBA"  # type: ignore[attr-defined] # noqa: SLF001 - the flag for alpha is no promise
    _scale_clear_level(file)
    image = file.copy()
    duration: Any = file.info.get("duration", 0)
    return Frame(image, animation.shown(round(float(duration))))


def _scale_clear_level(file: ImageFile.ImageFile) -> None:
    """Bring the level that a PNG says is clear to the depth that its pixels are about to be decoded to.

    Pillow widens grey of 2 and 4 bits and takes the upper byte of 16-bit colours, and leaves that level as it was.
    """
    clear = file.info.get("transparency")
    if file.format != "PNG" or not file.tile or clear is None:
        return
    match file.tile[0].args:
        case "L;2":
            file.info["transparency"] = clear * 85
        case "L;4":
            file.info["transparency"] = clear * 17
        case "RGB;16B":
            file.info["transparency"] = tuple(level >> 8 for level in clear)


def _tiff_white_is_zero(file: Any) -> bool:
    """Whether the lowest level is white (TIFF 6.0, tag 262), which Pillow minds in up to 8 bits only."""
    return bool(file.tag_v2.get(262) == 0)
