"""JPEG (ITU-T T.81): the markers up to the first scan, and the number of scans."""

from collections import Counter
from collections.abc import Iterator

from chalicelib.errors import CorruptImage, ImageTooLarge, UnsupportedFormat
from chalicelib.imaging.headers.header import Header, check_count
from chalicelib.imaging.headers.numbers import u16

MAX_SEGMENTS = 4_000
"""Before the first scan. A file of 50 MB has room for 763 full ones, and no encoder fills them with less without need;
photos have dozens, those with FlashPix or large profiles hundreds. Pillow keeps the content of each."""

MAX_STRAY_BYTES = 1_000_000
"""Before the first scan, outside of all segments: padding to a sector or a page. Pillow passes over them one by one."""

MAX_JOINED = 100
"""EXIF or Photoshop segments. A camera writes one or two of either; Pillow joins EXIF anew with each, and goes through
the blocks of Photoshop's one by one, thousands in a segment."""

MAX_TABLE_BYTES = 20_000
"""Of all quantization tables: a frame has four at most, of 129 bytes. Pillow unpacks each one, and joins the rest."""

MAX_SCANNED_PIXELS = 2_000_000_000
"""Pixels times scans: a hundred scans of 20 megapixels, where encoders write one to a dozen."""

_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xCA}
_DECODABLE = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
_BARE = {0x00, 0x01, *range(0xD0, 0xD9)}
"""Markers without a length; 0x00 is a byte of data that strayed, which decoders pass over."""

_SCAN, _END = 0xDA, 0xD9


def read(data: bytes) -> Header:
    """Walk the marker segments to the first scan (B.2)."""
    frame: tuple[int, int] | None = None
    for marker, at in _markers(data):
        if marker in _FRAMES:
            _check_kind(data, at, marker)
            frame = marker, at
        elif marker in {_SCAN, _END}:
            if frame is None:
                raise CorruptImage("The jpeg file has no frame header before its first scan")
            return _header(data, *frame, scan=at)
    raise CorruptImage("The jpeg file has no scan")


def _markers(data: bytes) -> Iterator[tuple[int, int]]:
    """Each marker and the place after it, as long as they are not too many."""
    at, stray, segments = 2, 0, 0
    costs: Counter[str] = Counter()
    while (found := data.find(b"\xff", at)) >= 0:
        stray += found - at
        at = found + 1
        while data[at] == 0xFF:
            at += 1
            stray += 1
            if stray > MAX_STRAY_BYTES:
                break
        segments += 1
        check_count("jpeg", stray, MAX_STRAY_BYTES, "bytes outside of its segments")
        check_count("jpeg", segments, MAX_SEGMENTS, "segments")
        marker, at = data[at], at + 1
        yield marker, at
        if marker not in _BARE:
            length = u16(data, at)
            _add_costs(costs, marker, data[at + 2 : at + 16], length)
            at += length


def _add_costs(costs: Counter[str], marker: int, start: bytes, length: int) -> None:
    """Count what Pillow does more with than keep it."""
    if marker == 0xDB:
        costs["tables"] += length
    elif marker == 0xE1 and start.startswith(b"Exif\0\0"):
        costs["exif"] += 1
    elif marker == 0xED and start.startswith(b"Photoshop 3.0\0"):
        costs["photoshop"] += 1
    check_count("jpeg", costs["tables"], MAX_TABLE_BYTES, "bytes of quantization tables")
    check_count("jpeg", costs["exif"], MAX_JOINED, "EXIF segments")
    check_count("jpeg", costs["photoshop"], MAX_JOINED, "Photoshop segments")


def _check_kind(data: bytes, at: int, marker: int) -> None:
    precision = data[at + 2]
    if precision != 8:
        raise UnsupportedFormat(f"The JPEG has {precision} bits a sample: expected 8")
    if marker not in _DECODABLE:
        raise UnsupportedFormat("The JPEG is lossless or hierarchical: expected baseline, extended or progressive")


def _header(data: bytes, marker: int, at: int, *, scan: int) -> Header:
    """The size from the frame header at `at`; refused is a file whose scans would keep a decoder busy for too long.

    Scans are counted only where the first one does not hold everything: a decoder stops after one that does.
    """
    height, width, components = u16(data, at + 3), u16(data, at + 5), data[at + 7]
    if width * height == 0:
        raise CorruptImage("The jpeg file says that it has no pixels")
    if marker in _PROGRESSIVE or data[scan + 2] < components:
        scans = data.count(b"\xff\xda\0", scan) + 1
        if width * height * scans > MAX_SCANNED_PIXELS:
            raise ImageTooLarge(f"The JPEG has {width} x {height} pixels in {scans} scans, too many to go through")
    return Header(width, height)
