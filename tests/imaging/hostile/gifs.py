"""GIFs (GIF89a) that ask for more than their bytes let expect."""

import io
import struct
from collections.abc import Callable

from PIL import Image

FILE_BYTES = 49_900_000
_END = b";"


def flat(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("P", (width, height)).save(out, "GIF")
    return out.getvalue()


def stuffed(part: bytes, width: int = 100, height: int = 100) -> bytes:
    """A picture after as many copies of `part` as fit in the file."""
    picture = flat(width, height)
    at = picture.index(b"\x2c" + bytes(4) + struct.pack("<HH", width, height))
    return picture[:at] + part * ((FILE_BYTES - len(picture)) // len(part)) + picture[at:]


def one_long_extension(label: int) -> bytes:
    return stuffed(bytes([0x21, label]) + b"\1a" * 20_000_000 + b"\0")


def small_blocks() -> bytes:
    """Pixels in blocks of one byte."""
    picture = flat(6_000, 6_000)
    at = picture.index(b"\x2c" + bytes(4)) + 11
    blocks, length = b"", picture[at]
    while length:
        blocks += picture[at + 1 : at + 1 + length]
        at += 1 + length
        length = picture[at]
    single = b"".join(bytes([1, byte]) for byte in blocks)
    return picture[: picture.index(b"\x2c" + bytes(4)) + 11] + single + b"\0" + b"\1\0" * 20_000_000 + b"\0;"


def frames(width: int, height: int, count: int, frame: tuple[int, int], disposal: int = 2) -> bytes:
    """Small frames on a large canvas."""
    picture = flat(*frame)
    start = picture.index(b"\x2c" + bytes(4))
    control = b"\x21\xf9\x04" + struct.pack("<BHB", disposal << 2 | 1, 4, 1) + b"\0"
    head = picture[:6] + struct.pack("<HH", width, height) + picture[10:start]
    return head + (control + picture[start:-1]) * count + _END


FILES: dict[str, Callable[[], bytes]] = {
    "gif, comments of one byte each": lambda: stuffed(b"\x21\xfe\1a\0"),
    "gif, one comment in blocks of one byte": lambda: one_long_extension(0xFE),
    "gif, one application block of one byte each": lambda: one_long_extension(0xFF),
    "gif, empty extensions": lambda: stuffed(b"\x21\x01\0"),
    "gif, control extensions": lambda: stuffed(b"\x21\xf9\x04\0\0\0\0\0"),
    "gif, stray bytes": lambda: stuffed(b"\0"),
    "gif, pixels in blocks of one byte": small_blocks,
    "gif, 65,535 x 1,525": lambda: flat(65_535, 1_525),
    "gif, 1,525 x 65,535": lambda: flat(1_525, 65_535),
    "gif, 65,535 x 1,525, one frame of 1 x 1": lambda: frames(65_535, 1_525, 1, (1, 1)),
    "gif, 30 frames of 1 x 1 on 65,535 x 50": lambda: frames(65_535, 50, 30, (1, 1)),
    "gif, 2 frames of 7,000 x 7,000": lambda: frames(7_000, 7_000, 2, (7_000, 7_000)),
    "gif, 2 frames of 1 x 1 on 7,000 x 7,000": lambda: frames(7_000, 7_000, 2, (1, 1), 3),
    "gif, 1,000 frames of 1 x 1 on 300 x 300": lambda: frames(300, 300, 1_000, (1, 1)),
}
