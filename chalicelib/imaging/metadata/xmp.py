"""XMP: read, and without what a variant may not keep."""

import re
from typing import Any
from xml.dom import XMLNS_NAMESPACE
from xml.dom.minidom import Attr, Document, Element, parseString

from chalicelib.errors import CorruptImage, PermanentError
from chalicelib.imaging.boundary import named_errors

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


def for_variant(packet: bytes, *, gps: bool) -> bytes:
    """The packet upright, without the camera's identity and, unless `gps`, without the place.

    Empty where it does not parse, as nobody knows what it tells.
    """
    if not packet:
        return b""
    try:
        with named_errors("xmp"):
            document = parsed(packet)
            _corrected(document, gps=gps)
            return written(document)
    except PermanentError:
        return b""


def parsed(packet: bytes) -> Document:
    """The packet as a document; a document type, in which entities would be defined, is refused."""
    text = packet.decode("utf-16" if packet[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig").strip("\0 \t\r\n")
    if "<!DOCTYPE" in text:
        raise CorruptImage("The XMP packet has a document type")
    return parseString(text.encode())  # noqa: S318 - without a document type there are no entities to expand


def written(document: Document) -> bytes:
    return "".join(node.toxml() for node in document.childNodes).encode()


def _corrected(node: Any, *, gps: bool) -> None:
    for part in [*(node.attributes.values() if isinstance(node, Element) else ()), *node.childNodes]:
        name = getattr(part, "localName", None) or ""
        if part.namespaceURI == _TIFF_NAMESPACE and name == "Orientation":
            _become_upright(part)
        elif _promises(part) or _is_private(part.namespaceURI, name, gps=gps):
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
