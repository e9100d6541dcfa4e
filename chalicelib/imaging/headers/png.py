"""PNG (third edition) and APNG: all chunks up to the end."""

import zlib
from collections import Counter
from collections.abc import Iterator

from chalicelib.errors import CorruptImage
from chalicelib.imaging.headers.header import Header, check_count
from chalicelib.imaging.headers.numbers import u32

MAX_CHUNKS = 200_000
"""A file of 50 MB has 6,100 of 8 KB, as libpng writes them, and 12,200 of 4 KB; here even 256 bytes will do."""

MAX_PACKED_CHUNKS = 200
"""Of compressed texts and profiles: each may unpack to a megabyte, whether or not Pillow then keeps it. Programs
write a handful, and what generates images a few more."""

_PICTURE = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"fcTL", b"fdAT"}
_PACKED = (b"zTXt", b"iTXt", b"iCCP")


def read(data: bytes) -> Header:
    """Walk the chunks (5.3); an APNG's frames are counted by their control chunks.

    Checksums are compared here, because Pillow skips those of the pixel data.
    """
    kinds: Counter[bytes] = Counter()
    first = last = b""
    for kind, content, checksum in _chunks(data):
        if kind in _PICTURE and zlib.crc32(content) != checksum:
            raise CorruptImage(f"The png file is damaged: the checksum of a {kind.decode()} chunk is wrong")
        kinds[kind] += 1
        first, last = first or kind, kind
    check_count("png", sum(kinds[kind] for kind in _PACKED), MAX_PACKED_CHUNKS, "compressed texts and profiles")
    if kinds[b"IHDR"] > 1:
        raise CorruptImage("The png file has two headers")
    if first != b"IHDR" or last != b"IEND":
        raise CorruptImage("The png file is truncated: its chunks do not run from header to end")
    width, height = u32(data, 16), u32(data, 20)
    if width * height == 0:
        raise CorruptImage("The png file says that it has no pixels")
    return Header(width, height, max(kinds[b"fcTL"], 1) if kinds[b"acTL"] else 1)


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """The kind, the kind and data together, and the checksum of each whole chunk, up to the end chunk."""
    view = memoryview(data)
    at, count, kind = 8, 0, b""
    while at + 12 <= len(data) and kind != b"IEND":
        count += 1
        check_count("png", count, MAX_CHUNKS, "chunks")
        kind, end = data[at + 4 : at + 8], at + 8 + u32(data, at)
        if end + 4 <= len(data):
            yield kind, view[at + 4 : end], u32(data, end)
        at = end + 4
