"""WebP (RFC 9649): the canvas, and the number of its frames."""

from collections import Counter
from collections.abc import Iterator

from chalicelib.errors import CorruptImage, ImageTooLarge
from chalicelib.imaging.headers.header import Header, check_count
from chalicelib.imaging.headers.numbers import u16le, u32le

MAX_CANVAS = 50_000_000
"""Pixels: the decoder takes 16 bytes for each, and thirty bytes of file can ask for 268 million of them."""

MAX_CHUNKS = 20_000
"""One for each frame, and half a dozen besides."""


def read(data: bytes) -> Header:
    header = _header(data)
    if header.width * header.height > MAX_CANVAS:
        raise ImageTooLarge(
            f"The WebP image has {header.width:,} x {header.height:,} pixels: a WebP may have {MAX_CANVAS:,}"
        )
    return header


def _header(data: bytes) -> Header:
    kind = data[12:16]
    kinds = Counter(_chunks(data))
    if kind == b"VP8 ":
        return Header(u16le(data, 26) & 0x3FFF, u16le(data, 28) & 0x3FFF)
    if kind == b"VP8L":
        bits = u32le(data, 21)
        return Header((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind != b"VP8X":
        raise CorruptImage("The webp file has no image chunk")
    width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    return Header(width, height, max(kinds[b"ANMF"], 1) if data[20] & 2 else 1)


def _chunks(data: bytes) -> Iterator[bytes]:
    at, count = 12, 0
    while at + 8 <= len(data):
        count += 1
        check_count("webp", count, MAX_CHUNKS, "chunks")
        yield data[at : at + 4]
        length = u32le(data, at + 4)
        at += 8 + length + (length & 1)
