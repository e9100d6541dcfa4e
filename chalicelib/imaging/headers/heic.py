"""HEIC (ISO/IEC 23008-12): how much decoding the picture takes, tiles and what it is derived from counted."""

from collections.abc import Iterator
from typing import NamedTuple

from chalicelib.errors import CorruptImage, ImageTooLarge, UnsupportedFormat
from chalicelib.imaging.headers.boxes import Box, Collection, Item, Reader, collection
from chalicelib.imaging.headers.numbers import Bits
from chalicelib.model.picture import Limits

MAX_TILES = 2_000
"""Of a HEIC, alpha included: each starts a decoder. 100 megapixels in tiles of 256 x 256 are 1,526."""

MAX_DEPTH = 4
"""Of pictures that are derived from pictures; a phone's tiles, turned, in a grid are two."""

MOST_UNPACKED = 4
"""Times the pixels that are allowed: a grid counts twice, as tiles and as a whole, and its tiles hang over the edge."""

_CODED = frozenset({b"hvc1"})
_DERIVED = frozenset({b"grid", b"iden", b"iovl", b"tmap"})
_ALPHA = (b"urn:mpeg:hevc:2015:auxid:1\0", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
_SPS = 33
"""The type of a sequence parameter set (H.265, table 7-1)."""

_ENOUGH = 256
"""Bytes of one in which the size is found."""


class Work(NamedTuple):
    """Decoders that are started, and the pixels that all of them unpack."""

    tiles: int
    pixels: int


def check(data: bytes, limits: Limits) -> None:
    """Refuse what would take a decoder too long, or too much memory; CorruptImage, ImageTooLarge, UnsupportedFormat.

    Counted is what the primary picture is made of: tiles and overlays, each as large as its box or its bitstream says,
    whichever is more, and alpha. Thumbnails, depth maps and other pictures of the file are never decoded.
    """
    reader = Reader(data)
    found = collection(reader)
    if found is None:
        if b"moov" in reader.top:
            raise UnsupportedFormat("The HEIC file is a film without a still picture: expected a picture")
        raise CorruptImage("The heic file has no primary picture")
    most = limits.max_pixels
    parts = [found.primary, *_alpha_of(found, reader)]
    known: dict[int, Work] = {}
    works = [_work(reader, found, part, known, depth=0) for part in parts]
    canvas = sum(_canvas(reader, found.items[part]) for part in parts)
    if canvas > most:
        raise ImageTooLarge(f"The HEIC image has {canvas:,} pixels, alpha counted: at most {most:,} are allowed")
    tiles, pixels = sum(work.tiles for work in works), sum(work.pixels for work in works)
    if tiles > MAX_TILES:
        raise ImageTooLarge(f"The HEIC image has {tiles:,} tiles: at most {MAX_TILES:,} are allowed")
    if pixels > MOST_UNPACKED * most:
        raise ImageTooLarge(f"The tiles of the HEIC image have more than {MOST_UNPACKED * most:,} pixels together")


def _alpha_of(found: Collection, reader: Reader) -> Iterator[int]:
    for number, item in found.items.items():
        kinds = (reader.data[box.start + 4 : box.end] for box in item.properties if box.kind == b"auxC")
        if found.primary in item.describes and any(kind.startswith(_ALPHA) for kind in kinds):
            yield number


def _work(reader: Reader, found: Collection, number: int, known: dict[int, Work], *, depth: int) -> Work:
    """What decoding that item takes, with all that it is derived from; `known` spares what was counted before."""
    if number in known:
        return known[number]
    item = found.items.get(number)
    if item is None:
        raise CorruptImage("The heic file refers to a picture that it does not have")
    if item.kind not in _CODED | _DERIVED:
        raise UnsupportedFormat(f"The HEIF file has a picture of type {item.kind.decode('latin-1')!r}: expected HEVC")
    if depth > MAX_DEPTH:
        raise UnsupportedFormat(f"The HEIC file derives pictures from pictures more than {MAX_DEPTH} times")
    inputs = [_work(reader, found, at, known, depth=depth + 1) for at in item.inputs]
    tiles, pixels = sum(work.tiles for work in inputs), sum(work.pixels for work in inputs)
    known[number] = Work(tiles or 1, pixels + _canvas(reader, item))
    return known[number]


def _canvas(reader: Reader, item: Item) -> int:
    """Pixels of an item before it is cropped, by its box (`ispe`), its bitstream or its grid: whichever says more."""
    areas = [0]
    for box in item.properties:
        if box.kind == b"ispe":
            areas.append(reader.number(box.start + 4, 4) * reader.number(box.start + 8, 4))
        elif box.kind == b"hvcC":
            areas.append(configured_area(reader, box))
    if item.kind in {b"grid", b"iovl"} and item.extent is not None:
        areas.append(_derived_area(reader, item))
    return max(areas)


def configured_area(reader: Reader, hvcc: Box) -> int:
    """The largest area that a decoder configuration asks for; many items may share it, so it is read once."""
    if hvcc not in reader.areas:
        reader.areas[hvcc] = max((_hevc_area(sps) for sps in _parameter_sets(reader, hvcc)), default=0)
    return reader.areas[hvcc]


def _derived_area(reader: Reader, item: Item) -> int:
    """The canvas of a grid (23008-12, 6.6.2.3.2) or an overlay (6.6.2.2.2), from its data."""
    assert item.extent is not None
    at = item.extent[0]
    size = 4 if reader.number(at + 1, 1) & 1 else 2
    at += 4 if item.kind == b"grid" else 10
    return reader.number(at, size) * reader.number(at + size, size)


def _parameter_sets(reader: Reader, hvcc: Box) -> Iterator[bytes]:
    """The sequence parameter sets of a decoder configuration (ISO/IEC 14496-15, 8.3.3.1)."""
    at = hvcc.start + 23
    for _ in range(reader.number(hvcc.start + 22, 1)):
        reader.count()
        kind, count = reader.number(at, 1) & 63, reader.number(at + 1, 2)
        at += 3
        for _ in range(count):
            reader.count()
            length = reader.number(at, 2)
            if kind == _SPS:
                yield reader.data[at + 2 : at + 2 + length]
            at += 2 + length


def _hevc_area(unit: bytes) -> int:
    """Width times height that a sequence parameter set asks for (H.265, 7.3.2.2)."""
    bits = Bits(unit[2:].replace(b"\0\0\3", b"\0\0")[:_ENOUGH])
    bits.read(4)
    layers = bits.read(3)
    bits.read(1 + 96)  # nesting flag, and general profile, tier and level
    flags = [(bits.read(1), bits.read(1)) for _ in range(layers)]
    bits.read(2 * (8 - layers) if layers else 0)
    for profile, level in flags:
        bits.read(88 * profile + 8 * level)
    bits.exp_golomb()
    if bits.exp_golomb() == 3:
        bits.read(1)
    return bits.exp_golomb() * bits.exp_golomb()
