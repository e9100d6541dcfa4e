"""What a file says about itself, what of it is told to the record, and what a variant may keep."""

import math
import re
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageFile
from PIL.ExifTags import IFD, Base

from chalicelib.errors import PermanentError
from chalicelib.imaging.boundary import named_errors
from chalicelib.model import Metadata, VariantSpec

_COPYRIGHT = (Base.Artist, Base.Copyright)
_MAX_TEXT = 200
_MAX_BLOCK = 65_000
"""Bytes of EXIF or XMP that fit in one segment of a JPEG; a block that is longer is left out."""

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

_EXIF_DROPPED = frozenset({Base.MakerNote, Base.ExifImageWidth, Base.ExifImageHeight, Base.ExifInteroperabilityOffset})
_XMP_LOCATION = re.compile(
    rb"""\s(?:exif:GPS\w+|photoshop:(?:City|State|Country)|Iptc4xmpCore:Location)\s*=\s*("[^"]*"|'[^']*')"""
)
_XMP_LOCATION_ELEMENT = re.compile(
    rb"<(exif:GPS\w+|photoshop:(?:City|State|Country)|Iptc4xmpCore:Location)\b[^>]*?(?:/>|>.*?</\1\s*>)", re.DOTALL
)
_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*=\s*["']|<tiff:Orientation>\s*)\d+""")


@dataclass(frozen=True, slots=True)
class Tags:
    """The EXIF and XMP blocks of a file; both may be empty."""

    exif: Image.Exif
    xmp: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """The EXIF and XMP blocks that go into a variant; empty bytes write none."""

    exif: bytes = b""
    xmp: bytes = b""


def read(file: ImageFile.ImageFile) -> Tags:
    """The tags of an opened file; a block that cannot be read counts as empty, as the picture may be sound."""
    xmp = file.info.get("xmp", b"")
    if isinstance(xmp, str):
        xmp = xmp.encode()
    try:
        with named_errors("exif"):
            exif = Image.Image.getexif(file)
            exif.get_ifd(IFD.Exif)
    except PermanentError:
        exif = Image.Exif()
    return Tags(exif, xmp if isinstance(xmp, bytes) else b"")


def orientation(tags: Tags) -> int:
    """The EXIF orientation, 1 to 8; 1, upright, where there is none that makes sense."""
    value = tags.exif.get(Base.Orientation)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def described(tags: Tags) -> dict[str, str]:
    """Camera, lens, exposure, time and authorship as plain text under plain names; never where it was."""
    details = tags.exif.get_ifd(IFD.Exif)
    found = {name: _text(tags.exif.get(tag)) for tag, name in _IFD0_NAMES.items()}
    found |= {name: _text(details.get(tag)) for tag, name in _EXIF_NAMES.items()}
    found["taken_at"] = _taken_at(details)
    return {name: text for name, text in found.items() if text}


def kept(tags: Tags, spec: VariantSpec) -> Kept:
    """The metadata that a variant keeps, as its spec says; orientation is always told as upright."""
    match spec.metadata:
        case Metadata.NONE:
            return Kept()
        case Metadata.COPYRIGHT:
            return Kept(exif=_copyright(tags))
        case Metadata.ALL:
            return Kept(exif=_all_exif(tags, gps=spec.gps), xmp=_all_xmp(tags, gps=spec.gps))


def _copyright(tags: Tags) -> bytes:
    chosen = Image.Exif()
    chosen.update({tag: tags.exif[tag] for tag in _COPYRIGHT if _text(tags.exif.get(tag))})
    return _written(chosen)


def _all_exif(tags: Tags, *, gps: bool) -> bytes:
    """EXIF without what the variant makes wrong: orientation, dimensions, and the maker's note with its offsets."""
    chosen = Image.Exif()
    chosen.update({tag: value for tag, value in tags.exif.items() if tag in _IFD0_KEPT})
    details = {tag: value for tag, value in tags.exif.get_ifd(IFD.Exif).items() if tag not in _EXIF_DROPPED}
    if details:
        chosen.get_ifd(IFD.Exif).update(details)
    place = tags.exif.get_ifd(IFD.GPSInfo) if gps else {}
    if place:
        chosen.get_ifd(IFD.GPSInfo).update(place)
    return _written(chosen)


def _written(exif: Image.Exif) -> bytes:
    """The block as bytes; none where it is empty, or holds a value that can be read and not written."""
    try:
        with named_errors("exif"):
            block = exif.tobytes()
    except PermanentError:
        return b""
    return _bounded(block) if block != Image.Exif().tobytes() else b""


def _all_xmp(tags: Tags, *, gps: bool) -> bytes:
    xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", tags.xmp)
    if not gps:
        xmp = _XMP_LOCATION_ELEMENT.sub(b"", _XMP_LOCATION.sub(b"", xmp))
    return _bounded(xmp)


def _bounded(block: bytes) -> bytes:
    return block if len(block) <= _MAX_BLOCK else b""


def _taken_at(details: dict[int, Any]) -> str:
    """`2024:05:01 12:00:00` and `+02:00` as `2024-05-01T12:00:00+02:00`; without an offset, as the camera's clock."""
    stamp = _text(details.get(Base.DateTimeOriginal))
    if not re.fullmatch(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d", stamp):
        return ""
    date, time = stamp.split(" ")
    zone = _text(details.get(Base.OffsetTimeOriginal))
    known_zone = zone if re.fullmatch(r"[+-]\d\d:\d\d", zone) else ""
    return f"{date.replace(':', '-')}T{time}{known_zone}"


def _text(value: object) -> str:
    """A tag's value in printable characters, empty for what is not text or a number."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        return "".join(letter for letter in value if letter.isprintable()).strip()[:_MAX_TEXT]
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return ""
    return f"{number:.10g}" if math.isfinite(number) else ""
