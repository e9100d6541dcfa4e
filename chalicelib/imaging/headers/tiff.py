"""TIFF (revision 6.0, and BigTIFF): the first directory, and what of it the decoder unpacks."""

import struct
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from chalicelib.errors import CorruptImage, ImageTooLarge
from chalicelib.imaging.headers.header import check_count

MAX_DECODED_BYTES = 800_000_000
"""Of all strips or tiles, margins included: 100 megapixels of RGBA in 16 bits, the widest kind that is read. A decoder
holds one of them whole, and a small picture may claim tiles of gigabytes, or many that lie in one place."""

MAX_PACKED_BYTES = 800_000_000
"""Of all strips or tiles, as they claim: those that lie in one place are read again for each."""

MAX_BLOCKS = 300_000
"""Strips or tiles. A row in a strip makes 262,140 of four planes of 65,535 rows."""

MAX_VALUES = 250_000
"""Numbers in all tags but those of strips and tiles, EXIF included, each of which becomes a Python object, and
rationals several. The largest tables of the specification (transfer function, colour map) have 196,608."""

MAX_TAGS = 65_535
"""In one directory: what a TIFF that is not big can hold."""

MAX_INNER = 4
"""Directories of EXIF and GPS: a file has one of each, and a tag that is there twice may point to two."""

MAX_SCANNED_PIXELS = 2_000_000_000
"""Pixels times scans of all strips or tiles that are JPEGs: libtiff goes through a hundred scans of each."""

_WIDTH, _HEIGHT, _BITS, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 258, 277, 322, 323
_COMPRESSION, _ROWS = 259, 278
_OFFSETS, _LENGTHS = {273, 324}, {279, 325}
_COUNTED = _OFFSETS | _LENGTHS
_JPEG = {6, 7}
_BIG = 43
_INNER = {0x8769, 0x8825}
"""EXIF and GPS."""

_TEXT_OR_BYTES = {1, 2, 7}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WHOLE = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
_FEW = 16
"""Values of a tag that says what a pixel is made of."""


class _Entry(NamedTuple):
    """One tag, and where its values are."""

    tag: int
    kind: int
    values: int
    at: int


def read(data: bytes) -> None:
    """Nothing: Pillow tells the size, turned as the picture is. Refused is what it would take too long over."""
    order, entries, inner = _directories(data)
    _check_values(entries + inner)
    _check_blocks(data, order, entries)


def check_tags(block: bytes) -> None:
    """Refuse an EXIF block, which is built like a TIFF, whose values would take too long to unpack."""
    _, entries, inner = _directories(block)
    _check_values(entries + inner)


def _directories(data: bytes) -> tuple[str, list[_Entry], list[_Entry]]:
    """The byte order, the tags of the first directory, and those of the directories of EXIF and GPS."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        big = struct.unpack_from(order + "H", data, 2)[0] == _BIG
        first = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
        entries = list(_entries(data, order, first, big=big))
        places = {place for entry in entries if entry.tag in _INNER for place in _values(data, order, entry, 1)}
        check_count("tiff", len(places), MAX_INNER, "directories of EXIF and GPS")
        return order, entries, [entry for place in places for entry in _entries(data, order, place, big=big)]
    except struct.error as error:
        raise CorruptImage("The tiff file ends in the middle of its header") from error


def _entries(data: bytes, order: str, start: int, *, big: bool) -> Iterator[_Entry]:
    """The tags of a directory whose values lie within the file; the others are passed over by decoders."""
    layout, number, room = ("HHQQ", "Q", 8) if big else ("HHII", "H", 4)
    entry = struct.Struct(order + layout)
    (count,) = struct.unpack_from(order + number, data, start)
    check_count("tiff", count, MAX_TAGS, "tags in a directory")
    at = start + struct.calcsize(number)
    for place in range(at, min(at + count * entry.size, len(data) - entry.size + 1), entry.size):
        tag, kind, values, offset = entry.unpack_from(data, place)
        size = values * _SIZES.get(kind, len(data) + 1)
        if size <= len(data):
            yield _Entry(tag, kind, values, place + entry.size - room if size <= room else offset)


def _values(data: bytes, order: str, entry: _Entry, most: int) -> tuple[int, ...]:
    """Up to `most` whole numbers of a tag; none where it has another kind, or lies beyond the file."""
    letter = _WHOLE.get(entry.kind)
    count = min(entry.values, most)
    if letter is None or entry.at + count * _SIZES[entry.kind] > len(data):
        return ()
    return struct.unpack_from(f"{order}{count}{letter}", data, entry.at)


def _check_values(entries: list[_Entry]) -> None:
    most = {True: MAX_BLOCKS, False: MAX_VALUES}
    for counted, what in ((True, "strips or tiles"), (False, "numbers in its tags")):
        counts = [
            entry.values for entry in entries if entry.kind not in _TEXT_OR_BYTES and (entry.tag in _COUNTED) == counted
        ]
        check_count("tiff", max(counts, default=0) if counted else sum(counts), most[counted], what)


def _check_blocks(data: bytes, order: str, entries: list[_Entry]) -> None:
    """Refuse strips and tiles that hold, or are read from, far more bytes than a picture needs."""

    def largest(tag: int, otherwise: int) -> int:
        found = [value for entry in entries if entry.tag == tag for value in _values(data, order, entry, _FEW)]
        return max(found, default=otherwise)

    width, height = largest(_WIDTH, 0), largest(_HEIGHT, 0)
    wide, high = largest(_TILE_WIDTH, width), largest(_TILE_HEIGHT, height)
    if 0 in {width, height, wide, high}:
        raise CorruptImage("The tiff file says that it has no pixels")
    tiled = any(entry.tag == _TILE_WIDTH for entry in entries)
    across, down = -(-width // wide), -(-height // high)
    decoded = across * wide * down * high * largest(_BITS, 1) * largest(_SAMPLES, 1) // 8
    if tiled:
        check_count("tiff", across * down, MAX_BLOCKS, "tiles")
    if decoded > MAX_DECODED_BYTES:
        raise ImageTooLarge(
            f"The TIFF has {width:,} x {height:,} pixels, whose strips or tiles unpack to {decoded:,} bytes: "
            f"at most {MAX_DECODED_BYTES:,} are allowed"
        )
    offsets, lengths = (
        [value for entry in entries if entry.tag in tags for value in _values(data, order, entry, MAX_BLOCKS)]
        for tags in (_OFFSETS, _LENGTHS)
    )
    packed = sum(lengths)
    if packed > MAX_PACKED_BYTES:
        raise ImageTooLarge(
            f"The TIFF has strips or tiles of {packed:,} bytes together: at most {MAX_PACKED_BYTES:,} are allowed"
        )
    if largest(_COMPRESSION, 1) in _JPEG:
        rows = high if tiled else min(largest(_ROWS, height), height)
        _check_scans(data, Counter(zip(offsets, lengths, strict=False)), wide * rows)


def _check_scans(data: bytes, places: Counter[tuple[int, int]], pixels: int) -> None:
    """Refuse strips or tiles of `pixels` each whose JPEGs repeat their scans; several may lie in one place."""
    scans = sum(times * data.count(b"\xff\xda\0", at, at + length) for (at, length), times in places.items())
    if scans * pixels > MAX_SCANNED_PIXELS:
        raise ImageTooLarge(f"The TIFF has JPEGs of {pixels:,} pixels in {scans:,} scans, too many to go through")
