"""JPEGs (ITU-T T.81) that ask for more than their bytes let expect."""

import io
import random
import struct
from collections.abc import Callable

from PIL import Image

from tests.imaging.hostile import profiles, tiffs

FLAT_SIDES = 9_000, 9_100
FILE_BYTES = 49_900_000


def flat(width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), "teal" if mode != "L" else 90).save(out, "JPEG", **options)
    return out.getvalue()


def noise(width: int, height: int, **options: object) -> bytes:
    """A picture of tiles of noise."""
    tile = Image.frombytes("RGB", (500, 500), random.Random(1).randbytes(750_000))
    picture = Image.new("RGB", (width, height))
    for left in range(0, width, 500):
        for top in range(0, height, 500):
            picture.paste(tile, (left, top))
    out = io.BytesIO()
    picture.save(out, "JPEG", **options)
    return out.getvalue()


def segment(marker: int, content: bytes = b"") -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def stuffed(part: bytes, width: int = FLAT_SIDES[0], height: int = FLAT_SIDES[1]) -> bytes:
    """A flat picture after as many copies of `part` as fit in the file."""
    picture = flat(width, height)
    return picture[:2] + part * ((FILE_BYTES - len(picture)) // len(part)) + picture[2:]


def with_exif(block: bytes) -> bytes:
    picture = flat(100, 100)
    return picture[:2] + segment(0xE1, b"Exif\0\0" + block) + picture[2:]


def arithmetic(width: int, height: int, marker: int, scans: bytes, components: int = 3) -> bytes:
    """An arithmetic-coded picture without any entropy-coded data: decoders go on with zeros."""
    quantization = segment(0xDB, b"\0" + bytes([1]) * 64)
    layout = b"".join(bytes([number, 0x11, 0]) for number in range(1, components + 1))
    frame = segment(marker, struct.pack(">BHHB", 8, height, width, components) + layout)
    return b"\xff\xd8" + quantization + frame + scans + b"\xff\xd9"


def scan(components: int, first: int, last: int, high: int, low: int, start: int = 1) -> bytes:
    layout = b"".join(bytes([number, 0]) for number in range(start, start + components))
    return segment(0xDA, bytes([components]) + layout + bytes([first, last, high << 4 | low]))


def chaos(length: int = 49_000_000) -> bytes:
    """Random bytes, none of which is a marker's."""
    return random.Random(2).randbytes(length).replace(b"\xff", b"\x7f")


def progressive_arithmetic(width: int, height: int, rounds: int) -> bytes:
    dc = scan(3, 0, 0, 0, 0)
    ac = b"".join(scan(1, 1, 63, 0, 0, start) for start in (1, 2, 3))
    return arithmetic(width, height, 0xCA, dc + ac * rounds)


def repeated_scans(width: int, height: int, rounds: int) -> bytes:
    data = flat(width, height, progressive=True)
    first = data.index(b"\xff\xda")
    second = data.index(b"\xff\xda", first + 2)
    return data[:second] + data[second:-2] * rounds + data[-2:]


def between_scans(part: bytes) -> bytes:
    data = flat(2_000, 2_000, progressive=True)
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    return data[:second] + part * ((FILE_BYTES - len(data)) // len(part)) + data[second:]


def tables() -> bytes:
    return segment(0xDB, (b"\0" + bytes(range(1, 65))) * 1008)


FILES: dict[str, Callable[[], bytes]] = {
    "jpeg, 82 MP after 12,000,000 empty APP5 segments": lambda: stuffed(segment(0xE5)),
    "jpeg, comments of one byte": lambda: stuffed(segment(0xFE, b"x")),
    "jpeg, empty segments 65,500 x 1,525": lambda: stuffed(segment(0xE5), 65_500, 1_525),
    "jpeg, EXIF in 760 segments": lambda: stuffed(segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08" + bytes(65_000))),
    "jpeg, EXIF of 2,700 pointers to 2,700 tags": lambda: with_exif(tiffs.directories(2_700, 2_700)),
    "jpeg, EXIF in segments of 12 KB": lambda: stuffed(segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08" + bytes(12_500))),
    "jpeg, Photoshop blocks": lambda: stuffed(segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\0" * 5_400)),
    "jpeg, quantization tables": lambda: stuffed(tables()),
    "jpeg, Huffman tables": lambda: stuffed(segment(0xC4, b"\0" + bytes(16))),
    "jpeg, restart intervals": lambda: stuffed(segment(0xDD, b"\0\0")),
    "jpeg, one fill byte after the other": lambda: stuffed(b"\xff" * 1_000_000),
    "jpeg, stray bytes": lambda: stuffed(b"\xff\0"),
    "jpeg, restart markers": lambda: stuffed(b"\xff\xd0"),
    "jpeg, zeros": lambda: stuffed(b"\xff\xe5\0\2" + bytes(1_000_000)),
    "jpeg, arithmetic, 99 MP": lambda: arithmetic(9_900, 10_000, 0xC9, scan(3, 0, 63, 0, 0)),
    "jpeg, arithmetic, tall, 99 MP": lambda: arithmetic(3_800, 26_000, 0xC9, scan(3, 0, 63, 0, 0)),
    "jpeg, arithmetic, 99 MP of random bytes": lambda: arithmetic(9_900, 10_000, 0xC9, scan(3, 0, 63, 0, 0) + chaos()),
    "jpeg, arithmetic, 99 MP of few random bytes": lambda: arithmetic(
        9_900, 10_000, 0xC9, scan(3, 0, 63, 0, 0) + b"\x55" * 45_000_000
    ),
    "jpeg, arithmetic, progressive, 20 scans of 99 MP of random bytes": lambda: arithmetic(
        9_900,
        10_000,
        0xCA,
        scan(3, 0, 0, 0, 0) + b"".join(scan(1, 1, 63, 0, 0, 1 + number % 3) + chaos(2_500_000) for number in range(18)),
    ),
    "jpeg, arithmetic, progressive, 20 scans of 99 MP": lambda: progressive_arithmetic(9_900, 10_000, 6),
    "jpeg, arithmetic, progressive, 99 scans of 20 MP": lambda: progressive_arithmetic(4_500, 4_400, 32),
    "jpeg, progressive, 20 scans of 99 MP": lambda: repeated_scans(9_900, 10_000, 2),
    "jpeg, progressive, 100 scans of 20 MP": lambda: repeated_scans(4_500, 4_400, 11),
    "jpeg, progressive CMYK, tall, 99 MP": lambda: flat(3_800, 26_000, "CMYK", progressive=True),
    "jpeg, progressive CMYK, 99 MP": lambda: flat(9_900, 10_000, "CMYK", progressive=True),
    "jpeg, CMYK, tall, 99 MP": lambda: flat(3_800, 26_000, "CMYK"),
    "jpeg, progressive, tall, 99 MP": lambda: flat(3_800, 26_000, progressive=True, subsampling=0),
    "jpeg, 12,000,000 empty segments between scans": lambda: between_scans(segment(0xE5)),
    "jpeg, Huffman tables between scans": lambda: between_scans(segment(0xC4, b"\0" + bytes(16))),
    "jpeg, CMYK with a profile of 33 grid points": lambda: flat(
        2_000, 2_000, "CMYK", icc_profile=profiles.lookup(4, 33, b"CMYK")
    ),
    "jpeg, CMYK with a profile of 35 grid points": lambda: flat(
        2_000, 2_000, "CMYK", icc_profile=profiles.lookup(4, 35, b"CMYK")
    ),
    "jpeg, noise, 99 MP": lambda: noise(9_900, 10_000, quality=60),
    "jpeg, progressive noise, 99 MP": lambda: noise(9_900, 10_000, quality=40, progressive=True),
    "jpeg, progressive noise, tall, 99 MP": lambda: noise(3_800, 26_000, quality=25, progressive=True, subsampling=0),
    "jpeg, 65,500 x 1": lambda: flat(65_500, 1),
    "jpeg, 1 x 65,500": lambda: flat(1, 65_500),
    "jpeg, 65,500 x 1,525": lambda: flat(65_500, 1_525),
    "jpeg, 1,525 x 65,500": lambda: flat(1_525, 65_500),
}
