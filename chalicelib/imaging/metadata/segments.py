"""The segments of a JPEG that other things than its picture are in, read and written; bytes only."""

import struct
from collections.abc import Iterator

APP1, APP2 = 0xE1, 0xE2
XMP = b"http://ns.adobe.com/xap/1.0/\0"
"""What a segment with XMP begins with (XMP part 3, 1.1.3)."""

EXIF = b"Exif\0\0"
"""Likewise one with EXIF (Exif 2.32, 4.7.2)."""


def named_segments(data: bytes, marker: int, name: bytes) -> Iterator[tuple[bytes, int]]:
    """The segments of a JPEG before its first scan that have that marker and begin with that name, without it."""
    for kind, start, end in _segments(data):
        if kind == marker and data.startswith(name, start):
            yield data[start + len(name) : end], start + len(name)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, and begin and end of the content, of each segment up to the first scan (ITU-T T.81, B.1.1.4)."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield data[at + 1], at + 4, end
        at = end


def end_of_segments(jpeg: bytes) -> int:
    """Where the application segments end that a file begins with."""
    return max((end for kind, _, end in _segments(jpeg) if 0xE0 <= kind <= 0xEF), default=2)


def inserted(jpeg: bytes, segments: list[bytes]) -> bytes:
    """The file with further segments behind those that it begins with."""
    at = end_of_segments(jpeg)
    return jpeg[:at] + b"".join(segments) + jpeg[at:]


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
