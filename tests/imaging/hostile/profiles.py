"""ICC profiles (ICC.1:2010) that keep a colour engine busy."""

import struct

from tests.imaging import pictures


def multi_process(elements: int, segments: int, space: bytes = b"RGB ") -> bytes:
    """A display profile whose D2B1 has that many curve sets, which share one curve of that many segments (10.16)."""
    channels = 1 if space == b"GRAY" else 3
    breaks = b"".join(struct.pack(">f", number / segments) for number in range(1, segments))
    formula = b"parf" + bytes(4) + struct.pack(">HHffff", 0, 0, 1.0, 1.0, 0.0, 0.0)
    curve = b"curf" + bytes(4) + struct.pack(">HH", segments, 0) + breaks + formula * segments
    table = 16 + 8 * elements
    curves = b"cvst" + bytes(4) + struct.pack(">HH", channels, channels)
    curves += struct.pack(">II", 12 + 8 * channels, len(curve)) * channels + curve
    matrix = b"matf" + bytes(4) + struct.pack(">HH", channels, 3)
    matrix += b"".join(struct.pack(">f", value) for value in [0.3] * (3 * channels) + [0.0] * 3)
    head = b"mpet" + bytes(4) + struct.pack(">HHI", channels, 3, elements + 1)
    positions = struct.pack(">II", table + 8, len(curves)) * elements
    positions += struct.pack(">II", table + 8 + len(curves), len(matrix))
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 63_190, 65_536, 54_061)
    tags = [(b"wtpt", white), (b"D2B1", head + positions + curves + matrix)]
    return _version_four(pictures.icc_profile(b"mntr", space, b"XYZ ", tags))


def lookup(channels: int, grid: int, space: bytes = b"RGB ", *, entries: int = 4096) -> bytes:
    """A profile of one large table of 16 bits to Lab."""
    table = b"mft2\0\0\0\0" + bytes([channels, 3, grid, 0])
    table += b"".join(struct.pack(">i", 65_536 if at % 4 == 0 else 0) for at in range(9))
    table += struct.pack(">HH", entries, entries)
    ramp = b"".join(struct.pack(">H", 65_535 * at // (entries - 1)) for at in range(entries))
    table += ramp * channels + bytes(2 * 3 * grid**channels) + ramp * 3
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 63_190, 65_536, 54_061)
    kind = b"prtr" if channels == 4 else b"mntr"
    return pictures.icc_profile(kind, space, b"Lab ", [(b"wtpt", white), (b"A2B0", table)])


def _version_four(profile: bytes) -> bytes:
    return profile[:8] + b"\x04\x30\0\0" + profile[12:]
