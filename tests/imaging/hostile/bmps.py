"""BMPs that ask for more than their bytes let expect."""

import struct
from collections.abc import Callable

RLE8, RLE4 = 1, 2


def bmp(width: int, height: int, data: bytes, *, compression: int = 0, bits: int = 8) -> bytes:
    """A BMP of BITMAPINFOHEADER; a negative height says that the first row comes first."""
    colours = 1 << bits if bits <= 8 else 0
    palette = b"".join(bytes([level, 0, 255 - level, 0]) for level in range(colours))
    start = 14 + 40 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + palette + data


FILES: dict[str, Callable[[], bytes]] = {
    "bmp, RLE delta, 100,000,000 x 1": lambda: bmp(100_000_000, 1, b"\0\2\xff\xff", compression=RLE8),
    "bmp, RLE delta, 1 x 100,000,000": lambda: bmp(1, 100_000_000, b"\0\2\xff\xff" * 400_000, compression=RLE8),
    "bmp, 100,000,000 x 1, one bit": lambda: bmp(100_000_000, 1, bytes(12_500_000), bits=1),
    "bmp, one bit, 1 x 12,000,000": lambda: bmp(1, -12_000_000, bytes(48_000_000), bits=1),
    "bmp, RLE, 10,000 x 9,900, ends of lines": lambda: bmp(10_000, 9_900, b"\1\1\0\0" * 9_900, compression=RLE8),
    "bmp, RLE, 10,000 x 1,000, ends of lines": lambda: bmp(10_000, 1_000, b"\1\1\0\0" * 1_000, compression=RLE8),
    "bmp, RLE of 4 bits, 10,000 x 9,900": lambda: bmp(10_000, 9_900, b"\xff\1" * 388_300, compression=RLE4, bits=4),
    "bmp, RLE of 4 bits, 3,200 x 3,100": lambda: bmp(3_200, 3_100, b"\1\1" * 9_920_000, compression=RLE4, bits=4),
    "bmp, RLE, runs of one, 5,000 x 5,000": lambda: bmp(5_000, 5_000, b"\1\1" * 24_900_000, compression=RLE8),
    "bmp, RLE, runs of one, 3,200 x 3,100": lambda: bmp(3_200, 3_100, b"\1\1" * 9_920_000, compression=RLE8),
    "bmp, RLE, deltas to nowhere": lambda: bmp(3_000, 3_000, b"\0\2\0\0" * 12_400_000, compression=RLE8),
    "bmp, RLE, empty lines": lambda: bmp(3_000, 3_000, b"\0\0" * 24_900_000, compression=RLE8),
    "bmp, RLE, beyond the row": lambda: bmp(1, 9_000_000, b"\xff\1" * 24_900_000, compression=RLE8),
    "bmp, one bit, 99 MP": lambda: bmp(9_920, 9_900, bytes(1_240 * 9_900), bits=1),
    "bmp, four bits, 99 MP": lambda: bmp(9_920, 9_900, bytes(4_960 * 9_900), bits=4),
    "bmp, four bits, 65,535 x 1,500": lambda: bmp(65_535, 1_500, bytes(32_768 * 1_500), bits=4),
}
