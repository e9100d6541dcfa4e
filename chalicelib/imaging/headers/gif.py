"""GIF (GIF89a, appendix B): all blocks up to the trailer."""

from chalicelib.errors import CorruptImage
from chalicelib.imaging.headers.header import Header, check_count
from chalicelib.imaging.headers.numbers import u16le

MAX_BLOCKS = 500_000
"""Blocks, sub-blocks and stray bytes. Encoders fill sub-blocks to 255 bytes, so that a file of 50 MB has 196,000, and
half full ones will do; Pillow reads one at a time, and keeps those of comments."""


def read(data: bytes) -> Header:
    """Walk the blocks; a frame that hangs over the screen makes the canvas larger."""
    width, height = u16le(data, 6), u16le(data, 8)
    at = 13 + _color_table_bytes(data[10])
    frames = blocks = 0
    while at < len(data) and data[at] != 0x3B:
        parts = 0
        if data[at] == 0x2C and at + 10 < len(data):
            left, top, wide, high = (u16le(data, at + 1 + 2 * field) for field in range(4))
            width, height = max(width, left + wide), max(height, top + high)
            frames += 1
            at, parts = _after_sub_blocks(data, at + 11 + _color_table_bytes(data[at + 9]))
        elif data[at] == 0x21:
            at, parts = _after_sub_blocks(data, at + 2)
        else:
            at += 1
        blocks += 1 + parts
        check_count("gif", blocks, MAX_BLOCKS, "blocks")
    if width * height == 0 or frames == 0:
        raise CorruptImage("The gif file has no frame")
    return Header(width, height, frames)


def _color_table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_sub_blocks(data: bytes, at: int) -> tuple[int, int]:
    """The place after a chain of sub-blocks, and how many there are, counted no further than is allowed."""
    end, parts = len(data), 0
    while at < end and data[at] and parts <= MAX_BLOCKS:
        at += 1 + data[at]
        parts += 1
    return at + 1, parts
