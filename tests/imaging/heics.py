"""HEIC files box by box (ISO/IEC 14496-12 and 23008-12), with HEVC pictures from an encoder that is not deployed."""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()

ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"
DEPTH = b"urn:mpeg:hevc:2015:auxid:2\0"


@dataclass
class Item:
    """One item of a file; `refers` are the items that it names, by the kind of the reference."""

    kind: bytes
    data: bytes
    properties: list[bytes]
    refers: dict[bytes, Sequence[int]] = field(default_factory=dict)


def encoded(image: Image.Image, **options: object) -> bytes:
    """A HEIC of one picture, almost without loss."""
    out = io.BytesIO()
    image.save(out, "HEIF", quality=100, chroma=444, **options)
    return out.getvalue()


def coded(image: Image.Image, *properties: bytes) -> Item:
    """A picture as an item, with its own size and decoder configuration, and more properties after these."""
    data = encoded(image)
    at = data.index(b"hvcC") - 4
    (size,) = struct.unpack_from(">I", data, at)
    pixels = data[data.index(b"mdat") + 4 :]
    return Item(b"hvc1", pixels, [data[at : at + size], ispe(*image.size), *properties])


def plain(width: int, height: int, colour: str | tuple[int, int, int]) -> Item:
    return coded(Image.new("RGB", (width, height), colour))


def grid(rows: int, columns: int, width: int, height: int, tiles: Sequence[int], *properties: bytes) -> Item:
    data = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, width, height)
    return Item(b"grid", data, [ispe(width, height), *properties], {b"dimg": tiles})


def overlay(width: int, height: int, layers: Sequence[int]) -> Item:
    data = struct.pack(">BB4HII", 0, 1, 0, 0, 0, 65535, width, height) + struct.pack(">ii", 0, 0) * len(layers)
    return Item(b"iovl", data, [ispe(width, height)], {b"dimg": layers})


def ispe(width: int, height: int) -> bytes:
    return box(b"ispe", bytes(4) + struct.pack(">II", width, height))


def irot(quarters: int) -> bytes:
    """Turned anticlockwise."""
    return box(b"irot", bytes([quarters]))


def imir(axis: int) -> bytes:
    """0: top and bottom are exchanged, 1: left and right (23008-12, 6.5.12)."""
    return box(b"imir", bytes([axis]))


def nclx(primaries: int, transfer: int, matrix: int, *, full_range: bool = True) -> bytes:
    return box(b"colr", b"nclx" + struct.pack(">HHHB", primaries, transfer, matrix, full_range << 7))


def auxiliary(kind: bytes) -> bytes:
    return box(b"auxC", bytes(4) + kind)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def heic(items: Sequence[Item], *, primary: int = 1, brand: bytes = b"heic") -> bytes:
    """The file of those items, numbered from 1."""
    properties = list(dict.fromkeys(one for item in items for one in item.properties))
    kinds = list(dict.fromkeys(kind for item in items for kind in item.refers))
    entries, associations = b"", b""
    for number, item in enumerate(items, 1):
        entries += box(b"infe", struct.pack(">IHH", 2 << 24, number, 0) + item.kind + b"\0")
        indices = [properties.index(one) + 1 for one in item.properties]
        associations += struct.pack(f">HB{len(indices)}H", number, len(indices), *indices)
    references = b"".join(
        box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to))
        for number, item in enumerate(items, 1)
        for kind in kinds
        if (to := item.refers.get(kind))
    )
    ftyp = box(b"ftyp", brand + bytes(4) + b"mif1" + brand)
    head = [
        box(b"hdlr", bytes(8) + b"pict" + bytes(13)),
        box(b"pitm", bytes(4) + struct.pack(">H", primary)),
        box(b"iinf", bytes(4) + struct.pack(">H", len(items)) + entries),
        box(
            b"iprp",
            box(b"ipco", b"".join(properties))
            + box(b"ipma", b"\0\0\0\1" + struct.pack(">I", len(items)) + associations),
        ),
        box(b"iref", bytes(4) + references) if references else b"",
    ]
    at = len(ftyp) + 12 + sum(map(len, head)) + 8 + 8 + 14 * len(items) + 8
    places = b""
    for number, item in enumerate(items, 1):
        places += struct.pack(">HHHII", number, 0, 1, at, len(item.data))
        at += len(item.data)
    iloc = box(b"iloc", bytes(4) + b"\x44\0" + struct.pack(">H", len(items)) + places)
    meta = box(b"meta", bytes(4) + b"".join(head) + iloc)
    return ftyp + meta + box(b"mdat", b"".join(item.data for item in items))
