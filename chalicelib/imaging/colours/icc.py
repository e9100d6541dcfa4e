"""ICC profiles as bytes (ICC.1:2022): those that files bring, before a colour engine sees them, and own ones."""

import math
import struct
from collections.abc import Iterable, Sequence

D50 = (0.9642, 1.0, 0.8249)
"""XYZ of the white that profiles are related to."""

_IDENTITY = (65536, 0, 0, 0, 65536, 0, 0, 0, 65536)

MAX_BYTES = 8_000_000
"""Printer profiles of CMYK have 0.5 to 4 MB. Four transforms are kept, each with the profile that it was made of."""

_TAGS_AT = 132
_TAG = struct.Struct(">4sII")
_MULTI_PROCESS = {stem + digit for stem in (b"D2B", b"B2D") for digit in (b"0", b"1", b"2", b"3")}

type Lab = tuple[float, float, float]


def usable(profile: bytes | None) -> bytes | None:
    """The profile without its multi-process elements; None for none, and for one of more than MAX_BYTES.

    Those elements are an alternative to tables that a profile must have as well (9.2.17), and a reader may pass over
    them. Little CMS would go through any number of segments for each of thousands of points: 76 KB took two minutes.
    """
    if not profile or len(profile) > MAX_BYTES:
        return None
    names = bytearray(profile)
    for at in range(_TAGS_AT, min(len(profile), _TAGS_AT + 100 * _TAG.size) - _TAG.size + 1, _TAG.size):
        name = profile[at : at + 4]
        if name in _MULTI_PROCESS:
            names[at : at + 4] = name.lower()
    return bytes(names)


def profile(space: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    """A display profile with those tags (7); a table is related to Lab, all else to XYZ.

    Equal contents are kept once.
    """
    connection = b"Lab " if tags[0][0] == b"A2B0" else b"XYZ "
    name = "H.273".encode("utf-16-be")
    text = struct.pack(">4s4xII4sII", b"mluc", 1, 12, b"enUS", len(name), 28) + name
    tags = [(b"desc", text), (b"cprt", text), (b"wtpt", xyz(D50)), *tags]
    places: dict[bytes, int] = {}
    at = 132 + 12 * len(tags)
    for _, content in tags:
        if content not in places:
            places[content] = at
            at += len(content) + -len(content) % 4
    table = b"".join(name + struct.pack(">II", places[content], len(content)) for name, content in tags)
    head = struct.pack(">I4xI4s4s4s12x4s28x", at, 0x04400000, b"mntr", space, connection, b"acsp") + xyz(D50)[8:]
    body = b"".join(content + bytes(-len(content) % 4) for content in places)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def xyz(values: Sequence[float]) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *(round(65536 * value) for value in values))


def curve(values: Sequence[float]) -> bytes:
    """A sampled curve (10.6) of values from 0 to 1."""
    return struct.pack(f">4s4xI{len(values)}H", b"curv", len(values), *_sixteen_bits(values))


def table(levels: Sequence[float], points: int, colours: Iterable[Lab]) -> bytes:
    """A table of red, green and blue to Lab (10.10): one curve before it, and `points` to each side of the grid."""
    entries = [entry for colour in colours for entry in _lab16(*colour)]
    head = struct.pack(">4s4xBBBx9iHH", b"mft2", 3, 3, points, *_IDENTITY, len(levels), 2)
    inputs = 3 * struct.pack(f">{len(levels)}H", *_sixteen_bits(levels))
    return head + inputs + struct.pack(f">{len(entries)}H", *entries) + 3 * struct.pack(">HH", 0, 65535)


def lab(colour: Sequence[float]) -> Lab:
    """CIE L*a*b* of an XYZ under D50 (CIE 15, 8.2.1)."""
    x, y, z = (
        math.cbrt(part / white) if part / white > (6 / 29) ** 3 else part / white / (3 * (6 / 29) ** 2) + 4 / 29
        for part, white in zip(colour, D50, strict=True)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _lab16(light: float, a: float, b: float) -> tuple[int, int, int]:
    """The encoding of this kind of table, in which 100 is 0xFF00 (10.10, table 42)."""
    return _clipped(light * 652.8), _clipped((a + 128) * 256), _clipped((b + 128) * 256)


def _clipped(value: float) -> int:
    return min(max(round(value), 0), 65535)


def _sixteen_bits(values: Iterable[float]) -> list[int]:
    return [round(65535 * value) for value in values]
