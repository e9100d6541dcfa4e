"""AVIF and HEIC: the boxes of the file (ISO/IEC 14496-12, 23008-12), and the AV1 pictures in it."""

from collections.abc import Iterator
from typing import NamedTuple

from chalicelib.errors import CorruptImage, ImageTooLarge
from chalicelib.imaging.headers import av1
from chalicelib.imaging.headers.common import check_count, u16, u32

MAX_BOXES = 20_000
"""Of those that are gone through. An iPhone's picture has a few hundred: three for each of 48 tiles, and some more."""

MAX_LIST_BYTES = 500_000
"""Of all lists of items, references and samples: 20 bytes for an item, 4 for a sample, where a thousand of either is
much. Decoders look through all of one list for each entry of another."""

MAX_SAMPLES = 20_000
"""Frames of a track: where all have one size, the list is as short for any number of them."""

MAX_CANVAS = 100_000_000
"""Pixels of any picture in the file."""

MAX_DEEP_CANVAS = 65_000_000
"""Pixels of one with more than 8 bits a sample: a decoder takes up to 22 bytes for each, of which 8 are its planes, 6
the same with film grain, and 8 what is handed over."""

_CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0}
"""The boxes that others lie in, and how many bytes precede them."""

_LISTS = {b"iinf", b"iref", b"ipma", b"iloc", b"stts", b"stsc", b"stsz", b"stco", b"co64", b"stss", b"ctts"}

_TO_THE_END, _LONG = 0, 1


class _Box(NamedTuple):
    """A box, and where its content begins and ends."""

    kind: bytes
    at: int
    end: int


def read(data: bytes) -> None:
    """Nothing: the decoder tells the size of the picture that it would show. Refused is any that is too large.

    Decoders go by the size that is coded in a picture before they compare it with what the file says of it.
    """
    boxes = []
    for box in _boxes(data, 0, len(data)):
        boxes.append(box)
        check_count("image", len(boxes), MAX_BOXES, "boxes")
    listed = sum(box.end - box.at for box in boxes if box.kind in _LISTS)
    check_count("image", listed, MAX_LIST_BYTES, "bytes of lists")
    for box in boxes:
        if box.kind == b"ispe":
            _check_canvas(u32(data, box.at + 4), u32(data, box.at + 8), MAX_CANVAS)
        elif box.kind == b"stsz":
            check_count("image", u32(data, box.at + 8), MAX_SAMPLES, "frames")
    stored = next((box.at for box in boxes if box.kind == b"idat"), 0)
    places = [place for box in boxes if box.kind == b"iloc" for place in _items(data, box, stored)]
    places += [u32(data, at) for box in boxes if box.kind == b"stco" for at in range(box.at + 8, box.end - 3, 4)]
    check_count("image", len(places), MAX_BOXES, "items")
    for place in places:
        picture = av1.coded(data[place : place + av1.ENOUGH])
        if picture is not None:
            _check_canvas(picture.width, picture.height, MAX_DEEP_CANVAS if picture.deep else MAX_CANVAS)


def _check_canvas(width: int, height: int, most: int) -> None:
    if width * height > most:
        raise ImageTooLarge(f"The file has a picture of {width:,} x {height:,} pixels: at most {most:,} are allowed")


def _boxes(data: bytes, at: int, end: int) -> Iterator[_Box]:
    while at + 8 <= end:
        size, kind, content = u32(data, at), data[at + 4 : at + 8], at + 8
        if size == _LONG:
            size, content = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        after = end if size == _TO_THE_END else at + size
        if after < content:
            raise CorruptImage(f"The file has a {kind!r} box that is smaller than its own header")
        yield _Box(kind, content, min(after, end))
        if kind in _CONTAINERS:
            yield from _boxes(data, content + _CONTAINERS[kind], min(after, end))
        at = after


def _items(data: bytes, box: _Box, stored: int) -> Iterator[int]:
    """Where the first extent of each item begins (ISO/IEC 14496-12, 8.11.3); `stored` is where those of `idat` do."""
    version, sizes, at = data[box.at], u16(data, box.at + 4), box.at + 6
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if version > 1 else 2
    count = int.from_bytes(data[at : at + wide], "big")
    at += wide
    for _ in range(min(count, MAX_BOXES + 1)):
        method = u16(data, at + wide) & 15 if version else 0
        at += wide + (2 if version else 0) + 2
        base = int.from_bytes(data[at : at + base_size], "big")
        extents, at = u16(data, at + base_size), at + base_size + 2
        at += index_size if version else 0
        offset = int.from_bytes(data[at : at + offset_size], "big")
        if extents:
            yield base + offset + (stored if method else 0)
        index = index_size if version else 0
        at += extents * (index + offset_size + length_size) - index
