"""AVIF and HEIC: the boxes of the file (ISO/IEC 14496-12, 23008-12), and the AV1 pictures in it."""

from collections.abc import Iterator

from chalicelib.errors import ImageTooLarge
from chalicelib.imaging.headers import av1
from chalicelib.imaging.headers.boxes import Box, Reader, places
from chalicelib.imaging.headers.header import check_count
from chalicelib.imaging.headers.numbers import u32

MAX_LIST_BYTES = 500_000
"""Of all lists of items, references and samples: 20 bytes for an item, 4 for a sample, where a thousand of either is
much. Decoders look through all of one list for each entry of another."""

MAX_STARTS = 20_000
"""Items and chunks of samples: each may begin with a picture, which is looked at."""

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


def read(data: bytes) -> None:
    """Nothing: the decoder tells the size of the picture that it would show. Refused is any that is too large.

    Decoders go by the size that is coded in a picture before they compare it with what the file says of it.
    """
    reader = Reader(data)
    boxes = list(_walk(reader, 0, len(data)))
    listed = sum(box.end - box.start for box in boxes if box.kind in _LISTS)
    check_count("image", listed, MAX_LIST_BYTES, "bytes of lists")
    for box in boxes:
        if box.kind == b"ispe":
            _check_canvas(u32(data, box.start + 4), u32(data, box.start + 8), MAX_CANVAS)
        elif box.kind == b"stsz":
            check_count("image", u32(data, box.start + 8), MAX_SAMPLES, "frames")
    idat = next((box for box in boxes if box.kind == b"idat"), None)
    starts = [start for box in boxes if box.kind == b"iloc" for _, _, start, _ in places(reader, box, idat)]
    starts += [u32(data, at) for box in boxes if box.kind == b"stco" for at in range(box.start + 8, box.end - 3, 4)]
    check_count("image", len(starts), MAX_STARTS, "items")
    for start in starts:
        picture = av1.coded(data[start : start + av1.ENOUGH])
        if picture is not None:
            _check_canvas(picture.width, picture.height, MAX_DEEP_CANVAS if picture.deep else MAX_CANVAS)


def _check_canvas(width: int, height: int, most: int) -> None:
    if width * height > most:
        raise ImageTooLarge(f"The file has a picture of {width:,} x {height:,} pixels: at most {most:,} are allowed")


def _walk(reader: Reader, start: int, end: int) -> Iterator[Box]:
    for box in reader.boxes(start, end):
        yield box
        if box.kind in _CONTAINERS:
            yield from _walk(reader, box.start + _CONTAINERS[box.kind], box.end)
