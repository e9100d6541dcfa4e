"""TIFFs (revision 6.0) that ask for more than their bytes let expect."""

import io
import lzma
import struct
import zlib
from collections.abc import Callable, Sequence

from PIL import Image

from tests.imaging.hostile.zeros import deflated_zeros

SHORT, LONG, RATIONAL, DOUBLE = 3, 4, 5, 12
RAW, LZW, JPEG, DEFLATE, LZMA, ZSTD = 1, 5, 7, 8, 34_925, 50_000
_SIZES = {1: 1, 2: 1, SHORT: 2, LONG: 4, RATIONAL: 8, 7: 1, DOUBLE: 8}

Entry = tuple[int, int, int, bytes]


def tiff(entries: Sequence[Entry], body: bytes = b"") -> bytes:
    """A little-endian file: header, `body` at 8, then the directory; an entry is tag, kind, count and all its bytes."""
    at = 8 + len(body) + len(body) % 2
    directory = struct.pack("<H", len(entries))
    after = at + 2 + 12 * len(entries) + 4
    extra = b""
    for tag, kind, count, value in sorted(entries, key=lambda entry: entry[0]):
        if len(value) > 4:
            directory += struct.pack("<HHII", tag, kind, count, after + len(extra))
            extra += value
        else:
            directory += struct.pack("<HHI4s", tag, kind, count, value.ljust(4, b"\0"))
    return b"II*\0" + struct.pack("<I", at) + body.ljust(at - 8, b"\0") + directory + bytes(4) + extra


def entry(tag: int, *values: int, kind: int = LONG) -> Entry:
    return tag, kind, len(values), struct.pack(f"<{len(values)}{'H' if kind == SHORT else 'I'}", *values)


def many(tag: int, kind: int, count: int, unit: bytes) -> Entry:
    return tag, kind, count, unit * count


def picture(
    width: int, height: int, *entries: Entry, samples: int = 1, bits: int = 8, compression: int = RAW
) -> list[Entry]:
    photometric = {1: 1, 2: 1, 3: 2, 4: 2}[samples]
    described = [
        entry(256, width),
        entry(257, height),
        entry(258, *[bits] * samples, kind=SHORT),
        entry(259, compression, kind=SHORT),
        entry(262, photometric, kind=SHORT),
        entry(277, samples, kind=SHORT),
    ]
    if samples in {2, 4}:
        described.append(entry(338, 2, kind=SHORT))
    return [*described, *entries]


def strips(width: int, height: int, rows: int, packed: bytes, *more: Entry, **layout: int) -> bytes:
    """Strips that all share one offset."""
    count = -(-height // rows)
    places = entry(273, *[8] * count), entry(278, rows), entry(279, *[len(packed)] * count)
    return tiff(picture(width, height, *places, *more, **layout), packed)


def tiles(width: int, height: int, tile: tuple[int, int], packed: bytes, **layout: int) -> bytes:
    """Tiles that all share one offset."""
    count = -(-width // tile[0]) * -(-height // tile[1])
    places = entry(322, tile[0]), entry(323, tile[1]), entry(324, *[8] * count), entry(325, *[len(packed)] * count)
    return tiff(picture(width, height, *places, **layout), packed)


def many_strips(count: int, compression: int = RAW) -> bytes:
    places = (
        many(273, LONG, count, struct.pack("<I", 8)),
        entry(278, 1),
        many(279, SHORT, count, struct.pack("<H", 1)),
    )
    return tiff(picture(1, count, *places, compression=compression), b"\0\0")


def many_values(tag: int, kind: int, count: int) -> bytes:
    places = entry(273, 8), entry(278, 16), entry(279, 256)
    return tiff(picture(16, 16, *places, many(tag, kind, count, b"\1" * _SIZES[kind])), bytes(256))


def exif_values(kind: int, count: int) -> bytes:
    """An EXIF directory with one tag of that many values."""
    body = bytes(256)
    block = b"\1" * (_SIZES[kind] * count)
    at = 8 + len(body)
    directory = struct.pack("<HHHIII", 1, 0x9286, kind, count, at + 18, 0)
    places = entry(273, 8), entry(278, 16), entry(279, 256), entry(34_665, at)
    return tiff(picture(16, 16, *places), body + directory + block)


def tag_bomb(count: int, shared: int) -> bytes:
    """Tags that all have the same block of values."""
    places = [entry(273, 8), entry(278, 16), entry(279, 256)]
    entries = picture(16, 16, *places)
    at = 8
    body = bytes(shared)
    whole = len(entries) + count
    directory = struct.pack("<H", whole)
    assert all(len(value) <= 4 for *_, value in entries)
    for tag, kind, number, value in entries:
        directory += struct.pack("<HHI4s", tag, kind, number, value.ljust(4, b"\0"))
    for tag in range(1_000, 1_000 + count):
        directory += struct.pack("<HHII", tag, RATIONAL, shared // 8, at)
    return b"II*\0" + struct.pack("<I", at + len(body)) + body + directory + bytes(4)


def many_tags() -> bytes:
    places = entry(273, 8), entry(278, 16), entry(279, 256)
    spare = [entry(tag, 1) for tag in range(400, 33_000)]
    return tiff(picture(16, 16, *places, *spare), bytes(256))


def lzma_bomb() -> bytes:
    """Packed with a dictionary that is to have 4 GB."""
    packed = bytearray(lzma.compress(bytes(8_000 * 8_000), format=lzma.FORMAT_XZ, preset=0))
    block = 12
    size = 4 * (packed[block] + 1)
    packed[block + 4] = 40
    packed[block + size - 4 : block + size] = struct.pack("<I", zlib.crc32(packed[block : block + size - 4]))
    return strips(8_000, 8_000, 8_000, bytes(packed), compression=LZMA)


def saved(width: int, height: int, mode: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, "TIFF", **options)
    return out.getvalue()


def jpeg_of_another_size(said: tuple[int, int], true: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", true).save(out, "JPEG", subsampling=0)
    return strips(*said, said[1], out.getvalue(), samples=3, compression=JPEG)


def repeated_scans(strips_in_one_place: int, scans: int, side: int = 1_000) -> bytes:
    """Square strips, progressive JPEGs all, whose second scan is repeated."""
    out = io.BytesIO()
    Image.new("L", (side, side), 90).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    first = data.index(b"\xff\xda")
    start = data.index(b"\xff\xda", first + 2)
    end = data.find(b"\xff\xda", start + 2)
    packed = data[:end] + data[start:end] * scans + data[end:]
    return strips(side, side * strips_in_one_place, side, packed, compression=JPEG)


def directories(pointers: int, tags: int, *, apart: int = 0) -> bytes:
    """That many pointers to a directory of EXIF, all to the same one unless it is `apart` bytes from the next."""
    first = 8 + 2 + 12 * pointers + 4
    places = (first + apart * number for number in range(pointers))
    outer = b"".join(struct.pack("<HHII", 0x8769, LONG, 1, place) for place in places)
    inner = struct.pack("<H", tags) + struct.pack("<HHI4s", 0x9000, 7, 4, b"0230") * tags + bytes(4)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", pointers) + outer + bytes(4) + inner


FILES: dict[str, Callable[[], bytes]] = {
    "tiff, 100 x 100, tiles of 26,000 x 26,000": lambda: tiles(
        100, 100, (26_000, 26_000), deflated_zeros(26_000 * 26_000 * 3), samples=3, compression=DEFLATE
    ),
    "tiff, 100 x 100, tiles of 26,000 x 26,000, LZW": lambda: tiles(
        100, 100, (26_000, 26_000), b"\x80\x00" * 1_000, compression=LZW
    ),
    "tiff, 100 x 100, raw tiles of 26,000 x 26,000": lambda: tiles(100, 100, (26_000, 26_000), bytes(1_000)),
    "tiff, 1 x 1,600, tiles of 3,000,000 x 16": lambda: tiles(
        1, 1_600, (3_000_000, 16), deflated_zeros(48_000_000 * 3), samples=3, compression=DEFLATE
    ),
    "tiff, 1,600 x 1, tiles of 16 x 3,000,000": lambda: tiles(
        1_600, 1, (16, 3_000_000), deflated_zeros(48_000_000), compression=DEFLATE
    ),
    "tiff, 9,984 x 9,984 in 390,000 tiles": lambda: tiles(
        9_984, 9_984, (16, 16), deflated_zeros(256), compression=DEFLATE
    ),
    "tiff, 9,984 x 9,984 in 390,000 raw tiles": lambda: tiles(9_984, 9_984, (16, 16), bytes(256)),
    "tiff, 8,000,000 strips": lambda: many_strips(8_000_000),
    "tiff, 8,000,000 packed strips": lambda: many_strips(8_000_000, DEFLATE),
    "tiff, 65,535 strips of 1,525": lambda: strips(1_525, 65_535, 1, bytes(1_525)),
    "tiff, 65,535 packed strips of 1,525": lambda: strips(1_525, 65_535, 1, deflated_zeros(1_525), compression=DEFLATE),
    "tiff, 65,535 LZW strips of 65,535 x 1": lambda: strips(65_535, 1_525, 1, b"\x80\0", compression=LZW),
    "tiff, 99,000,000 x 1": lambda: strips(99_000_000, 1, 1, deflated_zeros(99_000_000), compression=DEFLATE),
    "tiff, 1 x 99,000,000 in one strip": lambda: strips(
        1, 99_000_000, 99_000_000, deflated_zeros(99_000_000), compression=DEFLATE
    ),
    "tiff, 6,200,000 resolutions": lambda: many_values(282, RATIONAL, 6_200_000),
    "tiff, 24,000,000 sample formats": lambda: many_values(339, SHORT, 24_000_000),
    "tiff, 12,000,000 orientations": lambda: many_values(274, LONG, 12_000_000),
    "tiff, 6,200,000 doubles": lambda: many_values(33_922, DOUBLE, 6_200_000),
    "tiff, description of 49 MB": lambda: many_values(270, 2, 49_000_000),
    "tiff, EXIF of 6,200,000 rationals": lambda: exif_values(RATIONAL, 6_200_000),
    "tiff, EXIF of 24,000,000 numbers": lambda: exif_values(SHORT, 24_000_000),
    "tiff, EXIF of 240,000 rationals": lambda: exif_values(RATIONAL, 240_000),
    "tiff, 240,000 resolutions": lambda: many_values(282, RATIONAL, 240_000),
    "tiff, 90 MP in 90 JPEGs of 90 scans": lambda: repeated_scans(90, 90),
    "tiff, 1 MP of 90 scans": lambda: repeated_scans(1, 90),
    "tiff, tag bomb": lambda: tag_bomb(10_000, 1_400_000),
    "tiff, 32,600 tags": many_tags,
    "tiff, 65,535 pointers to 65,535 tags": lambda: directories(65_535, 65_535),
    "tiff, LZMA, 64 MP": lzma_bomb,
    "tiff, RGBA, deflated, 99 MP": lambda: saved(9_900, 10_000, "RGBA", compression="tiff_adobe_deflate"),
    "tiff, RGBA of 16 bits, one strip, 99 MP": lambda: strips(
        9_900, 10_000, 10_000, deflated_zeros(9_900 * 10_000 * 8), samples=4, bits=16, compression=DEFLATE
    ),
    "tiff, RGBA of 16 bits, one tile, 99 MP": lambda: tiles(
        9_900, 9_984, (9_904, 9_984), deflated_zeros(9_904 * 9_984 * 8), samples=4, bits=16, compression=DEFLATE
    ),
    "tiff, planes of 16 bits, RGBA, 99 MP": lambda: planes(9_900, 10_000),
    "tiff, 32 bits, 99 MP": lambda: saved(9_900, 10_000, "I", compression="tiff_lzw"),
    "tiff, CMYK, LZW, 99 MP": lambda: saved(9_900, 10_000, "CMYK", compression="tiff_lzw"),
    "tiff, bilevel, G4, 99 MP": lambda: saved(9_900, 10_000, "1", compression="group4"),
    "tiff, zstd, 99 MP": lambda: saved(9_900, 10_000, "RGB", compression="zstd"),
    "tiff, JPEG, 99 MP": lambda: saved(9_900, 10_000, "RGB", compression="jpeg"),
    "tiff, LAB, 99 MP": lambda: saved(9_900, 10_000, "LAB", compression="tiff_lzw"),
    "tiff, JPEG of 9,000 x 9,000 in 100 x 100": lambda: jpeg_of_another_size((100, 100), (9_000, 9_000)),
    "tiff, JPEG of 100 x 65,000 in 100 x 100": lambda: jpeg_of_another_size((100, 100), (100, 65_000)),
}


def planes(width: int, height: int) -> bytes:
    packed = deflated_zeros(width * height * 2)
    places = entry(273, *[8] * 4), entry(278, height), entry(279, *[len(packed)] * 4), entry(284, 2, kind=SHORT)
    return tiff(picture(width, height, *places, samples=4, bits=16, compression=DEFLATE), packed)
