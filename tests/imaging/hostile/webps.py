"""WebPs (RFC 9649) that ask for more than their bytes let expect."""

import io
import random
import struct
from collections.abc import Callable

from PIL import Image

from tests.imaging.hostile import tiffs, vp8l


def noise(width: int, height: int, **options: object) -> bytes:
    """A picture of tiles of noise."""
    tile = Image.frombytes("RGB", (500, 500), random.Random(1).randbytes(750_000))
    picture = Image.new("RGB", (width, height))
    for left in range(0, width, 500):
        for top in range(0, height, 500):
            picture.paste(tile, (left, top))
    out = io.BytesIO()
    picture.save(out, "WEBP", **options)
    return out.getvalue()


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def flat(width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, "WEBP", method=0, **options)
    return out.getvalue()


def extended(width: int, height: int, flags: int, *chunks: bytes) -> bytes:
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return riff(chunk(b"VP8X", bytes([flags, 0, 0, 0]) + canvas), *chunks)


def frame(picture: bytes, width: int, height: int) -> bytes:
    place = bytes(6) + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3] + b"\x28\0\0\0"
    return chunk(b"ANMF", place + picture[12:])


def moving(
    canvas: tuple[int, int], count: int, size: tuple[int, int], mode: str = "RGB", *, lossless: bool = False
) -> bytes:
    one = frame(flat(*size, mode, lossless=lossless), *size)
    return extended(*canvas, 0x12 if mode == "RGBA" else 2, chunk(b"ANIM", bytes(6)), one * count)


def stuffed(flags: int, part: bytes, *, before: bool) -> bytes:
    picture = flat(2_000, 2_000)[12:]
    many = part * (49_000_000 // len(part))
    chunks = (many, picture) if before else (picture, many)
    return extended(2_000, 2_000, flags, *chunks)


def stuffed_animation() -> bytes:
    one = frame(flat(100, 100), 100, 100)
    return extended(100, 100, 2, chunk(b"ANIM", bytes(6)), one, chunk(b"teSt") * 6_000_000, one)


FILES: dict[str, Callable[[], bytes]] = {
    "webp, 6,100,000 unknown chunks after": lambda: stuffed(0, chunk(b"teSt"), before=False),
    "webp, 6,100,000 unknown chunks before": lambda: stuffed(0, chunk(b"teSt"), before=True),
    "webp, 6,000,000 unknown chunks between frames": stuffed_animation,
    "webp, 6,100,000 empty XMP chunks": lambda: stuffed(4, chunk(b"XMP "), before=False),
    "webp, 6,100,000 empty profiles": lambda: stuffed(32, chunk(b"ICCP"), before=True),
    "webp, 30 bytes for 16,383 x 16,383": lambda: extended(16_383, 16_383, 0, flat(1, 1)[12:]),
    "webp, 50 MP": lambda: flat(7_000, 7_000, "RGB"),
    "webp, with alpha, 50 MP": lambda: flat(7_000, 7_000, "RGBA"),
    "webp, lossless, 50 MP": lambda: flat(7_000, 7_000, "RGBA", lossless=True),
    "webp, 16,383 x 3,051": lambda: flat(16_383, 3_051),
    "webp, 3,051 x 16,383": lambda: flat(3_051, 16_383),
    "webp, noise, 45 MP": lambda: noise(6_500, 7_000, quality=20, method=0),
    "webp, lossless noise, 15 MP": lambda: noise(4_000, 3_800, lossless=True, quality=0, method=0),
    "webp, 65,536 groups of prefix codes": lambda: riff(chunk(b"VP8L", vp8l.many_groups(1_024, 2, 65_536))),
    "webp, 65,536 groups of prefix codes, 49 MP": lambda: riff(chunk(b"VP8L", vp8l.many_groups(7_008, 5, 65_536))),
    "webp, EXIF of 6,200,000 rationals": lambda: extended(
        100, 100, 8, flat(100, 100)[12:], chunk(b"EXIF", tiffs.exif_values(tiffs.RATIONAL, 6_000_000))
    ),
    "webp, 2 frames of 7,000 x 7,000": lambda: moving((7_000, 7_000), 2, (7_000, 7_000)),
    "webp, 2 frames with alpha of 7,000 x 7,000": lambda: moving(
        (7_000, 7_000), 2, (7_000, 7_000), "RGBA", lossless=True
    ),
    "webp, 1,000 frames of 1 x 1 on 310 x 310": lambda: moving((310, 310), 1_000, (1, 1), "RGBA", lossless=True),
    "webp, 30 frames of 1 x 1 on 16,383 x 200": lambda: moving((16_383, 200), 30, (1, 1), "RGBA", lossless=True),
}
