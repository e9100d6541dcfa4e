"""EXIF: read, told to the record, and written into a variant."""

import math
import re
from typing import Any

from PIL import Image, ImageFile
from PIL.ExifTags import IFD, Base

from chalicelib.errors import PermanentError
from chalicelib.imaging.boundary import named_errors
from chalicelib.imaging.headers import tiff

_COPYRIGHT = (Base.Artist, Base.Copyright)
_MAX_TEXT = 200

_IFD0_NAMES = {
    Base.Make: "make",
    Base.Model: "model",
    Base.Software: "software",
    Base.Artist: "artist",
    Base.Copyright: "copyright",
    Base.ImageDescription: "description",
}
_EXIF_NAMES = {
    Base.LensMake: "lens_make",
    Base.LensModel: "lens",
    Base.ExposureTime: "exposure_time",
    Base.FNumber: "f_number",
    Base.ISOSpeedRatings: "iso",
    Base.FocalLength: "focal_length",
}
_IFD0_KEPT = frozenset(
    {
        *_IFD0_NAMES,
        Base.XResolution,
        Base.YResolution,
        Base.ResolutionUnit,
        Base.DateTime,
        Base.HostComputer,
        Base.Rating,
        Base.XPTitle,
        Base.XPComment,
        Base.XPAuthor,
        Base.XPKeywords,
        Base.XPSubject,
    }
)
"""What may follow a picture; in a TIFF the same directory also says where its pixels are."""

_EXIF_DROPPED = frozenset(
    {
        Base.MakerNote,
        Base.ExifImageWidth,
        Base.ExifImageHeight,
        Base.ExifInteroperabilityOffset,
        Base.CameraOwnerName,
        Base.BodySerialNumber,
        Base.LensSerialNumber,
    }
)
"""What is wrong of a variant, and what tells one camera, lens or owner from all others (Exif 2.32, 4.6.5, table 8)."""


def read(file: ImageFile.ImageFile) -> Image.Exif:
    """The block of an opened file; one that cannot be read counts as empty, as the picture may be sound."""
    try:
        with named_errors("exif"):
            block = file.info.get("exif", b"").removeprefix(b"Exif\0\0")
            if block:
                tiff.check_tags(block)
            exif = Image.Image.getexif(file)
            _drop_unreadable(exif)
    except PermanentError:
        return Image.Exif()
    return exif


def _drop_unreadable(exif: Image.Exif) -> None:
    """Leave out each tag whose value cannot be read: Pillow decodes values when they are asked for."""
    for tag in list(exif):
        try:
            with named_errors("exif"):
                exif.get_ifd(tag) if tag in {IFD.Exif, IFD.GPSInfo} else exif[tag]
        except PermanentError:
            del exif[tag]


def orientation(exif: Image.Exif) -> int:
    """The EXIF orientation, 1 to 8; 1, upright, where there is none that makes sense."""
    value = exif.get(Base.Orientation)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def described(exif: Image.Exif) -> dict[str, str]:
    """Camera, lens, exposure, time and authorship as plain text under plain names; never where it was."""
    details = exif.get_ifd(IFD.Exif)
    found = {name: _text(exif.get(tag)) for tag, name in _IFD0_NAMES.items()}
    found |= {name: _text(details.get(tag)) for tag, name in _EXIF_NAMES.items()}
    found["taken_at"] = _taken_at(details)
    return {name: text for name, text in found.items() if text}


def of_copyright(exif: Image.Exif) -> bytes:
    """The block with who made the picture and whose it is, and no more."""
    chosen = Image.Exif()
    chosen.update({tag: _as_written(exif[tag]) for tag in _COPYRIGHT if _text(exif.get(tag))})
    return _written(chosen)


def for_variant(exif: Image.Exif, *, gps: bool) -> bytes:
    """The block without who owns the camera and which one it is, and without what the variant makes wrong.

    The latter is orientation, dimensions, and the maker's note with its offsets.
    """
    chosen = Image.Exif()
    chosen.update({tag: _as_written(value) for tag, value in exif.items() if tag in _IFD0_KEPT})
    details = {tag: _as_written(value) for tag, value in exif.get_ifd(IFD.Exif).items() if tag not in _EXIF_DROPPED}
    if details:
        chosen.get_ifd(IFD.Exif).update(details)
    place = exif.get_ifd(IFD.GPSInfo) if gps else {}
    if place:
        chosen.get_ifd(IFD.GPSInfo).update(place)
    return _written(chosen)


class _Bytes(str):
    """Text that Pillow read a byte a letter (Latin-1), and that goes back as the same bytes, not as question marks."""

    __slots__ = ()

    def encode(self, encoding: str = "latin-1", errors: str = "strict") -> bytes:
        del encoding, errors
        return super().encode("latin-1", "replace")


def _as_written(value: object) -> object:
    return _Bytes(value) if isinstance(value, str) else value


def _written(exif: Image.Exif) -> bytes:
    """The block as bytes; none where it is empty, or holds a value that can be read and not written."""
    try:
        with named_errors("exif"):
            block = exif.tobytes()
    except PermanentError:
        return b""
    return block if block != Image.Exif().tobytes() else b""


def _taken_at(details: dict[int, Any]) -> str:
    """`2024:05:01 12:00:00` and `+02:00` as `2024-05-01T12:00:00+02:00`; without an offset, as the camera's clock."""
    stamp = _text(details.get(Base.DateTimeOriginal))
    if not re.fullmatch(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d", stamp):
        return ""
    date, time = stamp.split(" ")
    zone = _text(details.get(Base.OffsetTimeOriginal))
    known_zone = zone if re.fullmatch(r"[+-]\d\d:\d\d", zone) else ""
    return f"{date.replace(':', '-')}T{time}{known_zone}"


def _decoded(value: str | bytes) -> str:
    """UTF-8, as most programs write it, else Latin-1, as which Pillow gives every text."""
    try:
        raw = value if isinstance(value, bytes) else value.encode("latin-1")
        return raw.decode()
    except UnicodeError:
        return value if isinstance(value, str) else value.decode("latin-1")


def _text(value: object) -> str:
    """A tag's value in printable characters, empty for what is not text or a number."""
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, str | bytes):
        value = _decoded(value)
        return "".join(letter for letter in value if letter.isprintable()).strip()[:_MAX_TEXT]
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return ""
    return f"{number:.10g}" if math.isfinite(number) else ""
