"""Photos with gain maps, laid out by their specifications: Ultra HDR 1.0, ISO 21496-1 and CIPA DC-007."""

import struct
from collections.abc import Mapping, Sequence

from PIL import Image

from tests.imaging import pictures

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
ISO = b"urn:iso:std:iso:ts:21496:-1\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"

META = {
    "GainMapMin": "-0.5",
    "GainMapMax": "2.25",
    "Gamma": "0.75",
    "OffsetSDR": "0.015625",
    "OffsetHDR": "0.0125",
    "HDRCapacityMin": "0",
    "HDRCapacityMax": "2.25",
}


def packet(description: str) -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">{description}</rdf:RDF></x:xmpmeta>'
    ).encode()


def map_xmp(meta: Mapping[str, str | Sequence[str]] = META) -> bytes:
    """What a gain map says in XMP; three values are a list."""
    said, lists = "", ""
    for name, value in meta.items():
        if isinstance(value, str):
            said += f' hdrgm:{name}="{value}"'
        else:
            entries = "".join(f"<rdf:li>{one}</rdf:li>" for one in value)
            lists += f"<hdrgm:{name}><rdf:Seq>{entries}</rdf:Seq></hdrgm:{name}>"
    return packet(
        '<rdf:Description rdf:about="" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
        f"{said}>{lists}</rdf:Description>"
    )


def primary_xmp(length: int, more: str = "") -> bytes:
    """What the first picture says of the map behind it."""
    return packet(
        '<rdf:Description rdf:about="" xmlns:Container="http://ns.google.com/photos/1.0/container/" '
        'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/jpeg" '
        f'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" {more}>'
        '<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource">'
        '<Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li><rdf:li rdf:parseType="Resource">'
        f'<Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="{length}"/></rdf:li>'
        "</rdf:Seq></Container:Directory></rdf:Description>"
    )


def iso_binary(*, flags: int = 0x40, channels: int = 1, one_denominator: bool = False) -> bytes:
    """The numbers of META in binary (ISO 21496-1, C.2.2)."""
    rows = [(-5, 10), (225, 100), (3, 4), (1, 64), (1, 80)]
    flags |= 0x80 if channels == 3 else 0
    if one_denominator:
        tops = [top * 1600 // below for top, below in rows]
        out = struct.pack(">HHBIII", 0, 0, flags | 8, 1600, 0, 3600)
        return out + struct.pack(">iiIii", *tops) * channels
    out = struct.pack(">HHBIIII", 0, 0, flags, 0, 1, 9, 4)
    return out + b"".join(struct.pack(">iI", *row) for row in rows) * channels


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """The segments behind the first one, which is JFIF's."""
    at = 4 + struct.unpack_from(">H", jpeg, 4)[0]
    return jpeg[:at] + b"".join(segments) + jpeg[at:]


def joined(primary: bytes, *others: bytes, order: str = ">") -> bytes:
    """Several JPEGs with an MPF index in the first, in either byte order."""
    count = 1 + len(others)
    start = 4 + struct.unpack_from(">H", primary, 4)[0]
    length = 8 + 8 + 2 + 36 + 4 + 16 * count
    total = len(primary) + length
    entries, at = struct.pack(f"{order}IIIHH", 0x030000, total, 0, 0, 0), total
    for other in others:
        entries += struct.pack(f"{order}IIIHH", 0, len(other), at - (start + 8), 0, 0)
        at += len(other)
    index = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(f"{order}IH", 8, 3)
    index += struct.pack(f"{order}HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(f"{order}HHII", 0xB001, 4, 1, count)
    index += struct.pack(f"{order}HHIII", 0xB002, 7, 16 * count, 50, 0) + entries
    return with_segments(primary, segment(0xE2, b"MPF\0" + index)) + b"".join(others)


def photo(
    picture: Image.Image,
    gain_map: Image.Image,
    *,
    said: Sequence[bytes] = (segment(0xE1, XMP + map_xmp()),),
    more: str = "",
    order: str = ">",
    **options: object,
) -> bytes:
    """An Ultra HDR photo; `said` are the segments in which the map says what it means."""
    behind = with_segments(pictures.file_of(gain_map, "JPEG", quality=95), *said)
    primary = pictures.file_of(picture, "JPEG", quality=95, xmp=primary_xmp(len(behind), more), **options)
    return joined(primary, behind, order=order)
