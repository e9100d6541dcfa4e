"""PNGs (third edition) that ask for more than their bytes let expect."""

import struct
import zlib
from collections.abc import Callable

from tests.imaging import pictures
from tests.imaging.hostile import profiles, tiffs
from tests.imaging.hostile.zeros import deflated_zeros

Chunk = tuple[bytes, bytes]
FILE_BYTES = 49_900_000
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def flat(width: int, height: int, *chunks: Chunk, depth: int = 8, colour: int = 0, interlaced: bool = False) -> bytes:
    """A picture of zeros, with chunks before its pixels."""
    row = 1 + (width * depth * _CHANNELS[colour] + 7) // 8
    length = _interlaced_bytes(width, height, depth * _CHANNELS[colour]) if interlaced else row * height
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return pictures.png_file([(b"IHDR", header), *chunks, (b"IDAT", deflated_zeros(length)), (b"IEND", b"")])


def _interlaced_bytes(width: int, height: int, bits: int) -> int:
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    total = 0
    for left, top, across, down in passes:
        wide, high = -(-(width - left) // across), -(-(height - top) // down)
        total += high * (1 + (wide * bits + 7) // 8) if wide > 0 else 0
    return total


def stuffed(kind: bytes, content: bytes = b"", *, count: int | None = None) -> bytes:
    return flat(8_000, 8_000, *[(kind, content)] * (count or FILE_BYTES // (len(content) + 12)))


def many_data_chunks() -> bytes:
    picture = flat(100, 100)
    at = picture.index(b"IDAT") - 4
    empty = struct.pack(">I4sI", 0, b"IDAT", zlib.crc32(b"IDAT"))
    return picture[:at] + empty * (FILE_BYTES // 12) + picture[at:]


def apng(width: int, height: int, frames: int, frame: tuple[int, int]) -> bytes:
    """Frames of one size in the upper left corner of a large canvas, RGBA."""
    control = lambda number, wide, high: struct.pack(">IIIIIHHBB", number, wide, high, 0, 0, 1, 25, 2, 1)  # noqa: E731
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)),
        (b"acTL", struct.pack(">II", frames, 0)),
    ]
    chunks += [(b"fcTL", control(0, width, height)), (b"IDAT", deflated_zeros((1 + 4 * width) * height))]
    pixels = deflated_zeros((1 + 4 * frame[0]) * frame[1])
    for number in range(1, 2 * frames - 1, 2):
        chunks += [(b"fcTL", control(number, *frame)), (b"fdAT", struct.pack(">I", number + 1) + pixels)]
    return pictures.png_file([*chunks, (b"IEND", b"")])


def profile_chunk(profile: bytes) -> Chunk:
    return b"iCCP", b"p\0\0" + zlib.compress(profile, 9)


def with_profile(profile: bytes, colour: int = 2) -> bytes:
    return flat(1_000, 1_000, profile_chunk(profile), colour=colour)


FILES: dict[str, Callable[[], bytes]] = {
    "png, grey, 99,000,000 x 1": lambda: flat(99_000_000, 1),
    "png, grey, 1 x 99,000,000": lambda: flat(1, 99_000_000),
    "png, 30,000,000 x 1": lambda: flat(30_000_000, 1, depth=1),
    "png, 1 x 30,000,000": lambda: flat(1, 30_000_000, depth=1),
    "png, RGBA, 65,536 x 1": lambda: flat(65_536, 1, colour=6),
    "png, RGBA, 65,535 x 1": lambda: flat(65_535, 1, colour=6),
    "png, RGBA, 65,535 x 1,525": lambda: flat(65_535, 1_525, colour=6),
    "png, RGBA, 1,525 x 65,535": lambda: flat(1_525, 65_535, colour=6),
    "png, RGBA of 16 bits, interlaced, 99 MP": lambda: flat(9_900, 10_000, depth=16, colour=6, interlaced=True),
    "png, RGBA of 16 bits, interlaced, tall, 99 MP": lambda: flat(3_000, 33_000, depth=16, colour=6, interlaced=True),
    "png, grey with alpha of 16 bits, 99 MP": lambda: flat(9_900, 10_000, depth=16, colour=4),
    "png, grey of 16 bits with a clear level, 99 MP": lambda: flat(9_900, 10_000, (b"tRNS", b"\0\1"), depth=16),
    "png, palette with alpha, 99 MP": lambda: flat(
        9_900, 10_000, (b"PLTE", bytes(6)), (b"tRNS", b"\x80\x40"), colour=3
    ),
    "png, RGB with a clear colour, 99 MP": lambda: flat(9_900, 10_000, (b"tRNS", b"\0\1\0\1\0\1"), colour=2),
    "png, 4,100,000 empty data chunks": many_data_chunks,
    "png, unknown chunks": lambda: stuffed(b"teSt"),
    "png, text of one byte": lambda: stuffed(b"tEXt", b"a\0b"),
    "png, compressed text without a key": lambda: stuffed(b"zTXt", b"\0\0" + deflated_zeros(1_000_000), count=40_000),
    "png, compressed text that is not UTF-8": lambda: stuffed(
        b"iTXt", b"k\0\1\0\0\0" + deflated_zeros(1_000_000, b"\xff"), count=40_000
    ),
    "png, 40,000 colour profiles": lambda: stuffed(b"iCCP", b"p\0\0" + deflated_zeros(1_000_000), count=40_000),
    "png, 100 gamma values more": lambda: stuffed(b"gAMA", b"\0\0\0\1", count=100),
    "png, EXIF of 6,000,000 rationals": lambda: flat(100, 100, (b"eXIf", tiffs.exif_values(tiffs.RATIONAL, 6_000_000))),
    "png, EXIF of 65,535 pointers to 65,535 tags": lambda: flat(100, 100, (b"eXIf", tiffs.directories(65_535, 65_535))),
    "apng, 1,000 tiny frames on 316 x 316": lambda: apng(316, 316, 1_000, (1, 1)),
    "apng, 40 tiny frames on 65,535 x 38": lambda: apng(65_535, 38, 40, (1, 1)),
    "apng, 2 frames of 7,000 x 7,000": lambda: apng(7_000, 7_000, 2, (7_000, 7_000)),
    "png, profile of 10 x 30,000 mpet segments": lambda: with_profile(profiles.multi_process(10, 30_000)),
    "png, grey, profile of mpet segments": lambda: with_profile(profiles.multi_process(10, 30_000, b"GRAY"), 0),
    "png, profile of large tables": lambda: with_profile(profiles.lookup(3, 43)),
}
