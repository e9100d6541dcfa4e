"""What a file says about itself, what of it is told to the record, and what a variant may keep."""

import math
import re
from dataclasses import dataclass
from typing import Any
from xml.dom import XMLNS_NAMESPACE
from xml.dom.minidom import Attr, Document, Element, parseString

from PIL import Image, ImageFile
from PIL.ExifTags import IFD, Base

from chalicelib.errors import CorruptImage, PermanentError
from chalicelib.imaging.boundary import named_errors
from chalicelib.imaging.headers import tiff
from chalicelib.model.picture import Metadata, VariantSpec

_COPYRIGHT = (Base.Artist, Base.Copyright)
_MAX_TEXT = 200
MAX_BLOCK = 65_000
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

_LOCATION = re.compile(
    r"gps|location|latitude|long?t?itude|altitude|city|state(?!ment)|province|country|worldregion", re.IGNORECASE
)
"""What the local name of an XMP property has in it that tells where a picture was taken, in whichever namespace."""

_IDENTITY = re.compile(r"serial_?number|ownername", re.IGNORECASE)
"""Likewise of one camera, lens or owner: `aux:SerialNumber`, `exifEX:BodySerialNumber`, `aux:OwnerName` and more."""

_GEO_NAMESPACE = "http://www.w3.org/2003/01/geo/wgs84_pos#"
_PROMISES = frozenset(
    {
        "http://ns.adobe.com/hdr-gain-map/1.0/",
        "http://ns.adobe.com/xmp/note/",
        "http://ns.apple.com/HDRGainMap/1.0/",
        "http://ns.apple.com/pixeldatainfo/1.0/",
        "http://ns.google.com/photos/1.0/audio/",
        "http://ns.google.com/photos/1.0/camera/",
        "http://ns.google.com/photos/1.0/container/",
        "http://ns.google.com/photos/1.0/depthmap/",
        "http://ns.google.com/photos/1.0/image/",
    }
)
"""The namespaces of XMP that tell of more in the file than the picture: gain and depth maps, films, further XMP."""

_TIFF_NAMESPACE = "http://ns.adobe.com/tiff/1.0/"


@dataclass(frozen=True, slots=True)
class Tags:
    """The EXIF and XMP blocks of a file; both may be empty."""

    exif: Image.Exif
    xmp: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """The EXIF and XMP blocks that go into a variant, and the gain map's file behind it; empty bytes write none."""

    exif: bytes = b""
    xmp: bytes = b""
    gain_map: bytes = b""


def read(file: ImageFile.ImageFile) -> Tags:
    """The tags of an opened file; a block that cannot be read counts as empty, as the picture may be sound.

    The file gives its XMP away: Pillow would turn a picture by what that says of its orientation, where browsers turn
    it by EXIF alone.
    """
    xmp = file.info.pop("xmp", b"")
    file.info.pop("XML:com.adobe.xmp", None)
    if isinstance(xmp, str):
        xmp = xmp.encode()
    exif = Image.Exif()
    try:
        with named_errors("exif"):
            block = file.info.get("exif", b"").removeprefix(b"Exif\0\0")
            if block:
                tiff.check_tags(block)
            exif = Image.Image.getexif(file)
            _drop_unreadable(exif)
    except PermanentError:
        exif = Image.Exif()
    return Tags(exif, xmp if isinstance(xmp, bytes) else b"")


def _drop_unreadable(exif: Image.Exif) -> None:
    """Leave out each tag whose value cannot be read: Pillow decodes values when they are asked for."""
    for tag in list(exif):
        try:
            with named_errors("exif"):
                exif.get_ifd(tag) if tag in {IFD.Exif, IFD.GPSInfo} else exif[tag]
        except PermanentError:
            del exif[tag]


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
    chosen.update({tag: _as_written(tags.exif[tag]) for tag in _COPYRIGHT if _text(tags.exif.get(tag))})
    return _written(chosen)


def _all_exif(tags: Tags, *, gps: bool) -> bytes:
    """EXIF without who owns the camera and which one it is, and without what the variant makes wrong.

    The latter is orientation, dimensions, and the maker's note with its offsets.
    """
    chosen = Image.Exif()
    chosen.update({tag: _as_written(value) for tag, value in tags.exif.items() if tag in _IFD0_KEPT})
    details = {
        tag: _as_written(value) for tag, value in tags.exif.get_ifd(IFD.Exif).items() if tag not in _EXIF_DROPPED
    }
    if details:
        chosen.get_ifd(IFD.Exif).update(details)
    place = tags.exif.get_ifd(IFD.GPSInfo) if gps else {}
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
    return _bounded(block) if block != Image.Exif().tobytes() else b""


def _all_xmp(tags: Tags, *, gps: bool) -> bytes:
    """XMP upright, without the camera's identity and, unless `gps`, without the place.

    None where it does not parse, as nobody knows what it tells.
    """
    if not _bounded(tags.xmp):
        return b""
    try:
        with named_errors("xmp"):
            document = parsed_xmp(tags.xmp)
            _corrected(document, gps=gps)
            return _bounded("".join(node.toxml() for node in document.childNodes).encode())
    except PermanentError:
        return b""


def parsed_xmp(packet: bytes) -> Document:
    """The packet as a document; a document type, in which entities would be defined, is refused."""
    text = packet.decode("utf-16" if packet[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig").strip("\0 \t\r\n")
    if "<!DOCTYPE" in text:
        raise CorruptImage("The XMP packet has a document type")
    return parseString(text.encode())  # noqa: S318 - without a document type there are no entities to expand


def _corrected(node: Any, *, gps: bool) -> None:
    for part in [*(node.attributes.values() if isinstance(node, Element) else ()), *node.childNodes]:
        name = getattr(part, "localName", None) or ""
        if part.namespaceURI == _TIFF_NAMESPACE and name == "Orientation":
            _become_upright(part)
        elif _promises(part) or (
            part.namespaceURI != XMLNS_NAMESPACE and _is_private(part.namespaceURI, name, gps=gps)
        ):
            _remove(node, part)
        elif isinstance(part, Element):
            _corrected(part, gps=gps)


def _is_private(namespace: str | None, name: str, *, gps: bool) -> bool:
    if namespace == XMLNS_NAMESPACE:
        return False
    place = namespace == _GEO_NAMESPACE or _LOCATION.search(name)
    return bool(_IDENTITY.search(name) or (place and not gps))


def _promises(part: Any) -> bool:
    """Whether that is a property of one of those namespaces, or the declaration of one."""
    return part.namespaceURI in _PROMISES or (part.namespaceURI == XMLNS_NAMESPACE and part.value in _PROMISES)


def _become_upright(part: Any) -> None:
    if isinstance(part, Attr):
        part.value = "1"
        return
    part.childNodes[:] = []
    part.appendChild(part.ownerDocument.createTextNode("1"))


def _remove(parent: Any, part: Any) -> None:
    if isinstance(part, Attr):
        parent.removeAttributeNode(part)
    else:
        parent.removeChild(part)


def _bounded(block: bytes) -> bytes:
    return block if len(block) <= MAX_BLOCK else b""


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
