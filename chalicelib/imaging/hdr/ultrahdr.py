"""How a photo and its gain map lie in one JPEG file, and what is said of them; bytes only, no pixels.

Ultra HDR Image Format 1.0 (XMP and GContainer), ISO 21496-1 (the same in binary) and CIPA DC-007 (MPF, which tells
where the second picture begins). All three are written, as readers differ in which they know; either of the
first two is enough to read. Apple's own kind, whose meaning is in its maker's note, is not read.
"""

import struct
from collections.abc import Iterator
from itertools import islice

from chalicelib.errors import PermanentError
from chalicelib.imaging.boundary import named_errors
from chalicelib.imaging.hdr.gains import HDRGM, RDF, Gains, from_iso, from_xmp, to_iso, to_xmp
from chalicelib.imaging.metadata import MAX_BLOCK, xmp
from chalicelib.imaging.metadata.segments import APP1, APP2, XMP, end_of_segments, inserted, named_segments, segment

CONTAINER = "http://ns.google.com/photos/1.0/container/"
ITEM = "http://ns.google.com/photos/1.0/container/item/"

_ISO = b"urn:iso:std:iso:ts:21496:-1\0"
_MPF = b"MPF\0"
_MAX_PICTURES = 8
"""Of one index; each is copied."""

_MAX_INDICES = 4


def further_pictures(data: bytes) -> Iterator[bytes]:
    """The files that the MPF index of a JPEG names behind its first picture (CIPA DC-007, 5.2.3)."""
    for content, at in islice(named_segments(data, APP2, _MPF), _MAX_INDICES):
        try:
            with named_errors("mpf"):
                yield from _indexed(data, content, at)
        except PermanentError:
            continue


def meaning(data: bytes) -> Gains | None:
    """What a gain map's file says that it means; None where it is none, or of a kind that is not known."""
    for marker, name, read in ((APP2, _ISO, from_iso), (APP1, XMP, from_xmp)):
        for content, _ in named_segments(data, marker, name):
            try:
                with named_errors("gain map"):
                    return read(content)
            except PermanentError:
                continue
    return None


def map_file(jpeg: bytes, meant: Gains) -> bytes:
    """A map's JPEG with what it means in it."""
    return inserted(jpeg, [segment(APP1, XMP + to_xmp(meant)), segment(APP2, _ISO + to_iso(meant))])


def promising(packet: bytes, length: int) -> bytes:
    """An XMP packet, which may be empty, that also says that a gain map of `length` bytes follows the picture.

    A packet that would be too long with it gives way: without the directory some readers do not see the map.
    """
    own = _DIRECTORY.format(length=length).encode()
    if not packet:
        return own
    document, addition = xmp.parsed(packet), xmp.parsed(own)
    (description,) = addition.getElementsByTagNameNS(RDF, "Description")
    for root in document.getElementsByTagNameNS(RDF, "RDF"):
        root.insertBefore(document.importNode(description, deep=True), root.firstChild)
        whole = xmp.written(document)
        return whole if len(whole) <= MAX_BLOCK else own
    return own


def joined(primary: bytes, gain_map: bytes) -> bytes:
    """The file of a picture, whose XMP promises the map already, and the map."""
    version = segment(APP2, _ISO + bytes(4))
    at = end_of_segments(primary)
    length = len(primary) + len(version) + _MPF_BYTES
    header = at + len(version) + 8  # offsets count from the byte order mark
    index = segment(APP2, _index(length, len(gain_map), length - header))
    return primary[:at] + version + index + primary[at:] + gain_map


def _index(first: int, second: int, offset: int) -> bytes:
    entries = struct.pack(">IIIHH", 0x030000, first, 0, 0, 0) + struct.pack(">IIIHH", 0, second, offset, 0, 0)
    fields = struct.pack(">HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(">HHII", 0xB001, 4, 1, 2)
    fields += struct.pack(">HHII", 0xB002, 7, len(entries), 50)
    return _MPF + b"MM\0*\0\0\0\x08" + struct.pack(">H", 3) + fields + bytes(4) + entries


_MPF_BYTES = 4 + len(_index(0, 0, 0))


def _indexed(data: bytes, content: bytes, at: int) -> Iterator[bytes]:
    order = {b"II": "<", b"MM": ">"}[content[:2]]
    (first,) = struct.unpack_from(f"{order}I", content, 4)
    (fields,) = struct.unpack_from(f"{order}H", content, first)
    for field in range(fields):
        tag, _, count, place = struct.unpack_from(f"{order}HHII", content, first + 2 + 12 * field)
        if tag == 0xB002:
            for entry in range(1, min(count // 16, _MAX_PICTURES)):
                _, length, offset = struct.unpack_from(f"{order}III", content, place + 16 * entry)
                if data[at + offset : at + offset + 2] == b"\xff\xd8":
                    yield data[at + offset : at + offset + length]
            return


_DIRECTORY = (
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" '
    f'xmlns:Container="{CONTAINER}" xmlns:Item="{ITEM}" xmlns:hdrgm="{HDRGM}" hdrgm:Version="1.0">'
    "<Container:Directory><rdf:Seq>"
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>'
    '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" '
    'Item:Length="{length}"/></rdf:li>'
    "</rdf:Seq></Container:Directory></rdf:Description></rdf:RDF></x:xmpmeta>"
)
"""Ultra HDR 1.0, "XMP attributes" and "GContainer"."""
