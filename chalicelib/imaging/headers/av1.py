"""AV1 (Bitstream & Decoding Process Specification, 5.3 to 5.5): the size that a sequence header allows its frames."""

from chalicelib.imaging.headers.common import Header

ENOUGH = 512
"""Bytes in which a sequence header is found: a temporal delimiter may precede it, and it has some dozens."""

_SEQUENCE_HEADER, _LAST_BEFORE = 1, 2


class _Bits:
    """Bits from the front of some bytes; zeros after their end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data.ljust(ENOUGH, b"\0"), "big")
        self._left = 8 * max(len(data), ENOUGH)

    def take(self, count: int) -> int:
        self._left -= count
        return self._value >> max(self._left, 0) & (1 << count) - 1


def coded_size(data: bytes) -> Header | None:
    """The largest frame that the sequence header near the start of `data` allows; None where there is none."""
    at = 0
    while at + 2 < len(data):
        head = data[at]
        kind, extended, sized = head >> 3 & 15, head >> 2 & 1, head >> 1 & 1
        at += 1 + extended
        length = len(data) - at
        if sized:
            length, at = _leb128(data, at)
        if kind == _SEQUENCE_HEADER:
            return _size(_Bits(data[at : at + min(length, ENOUGH)]))
        if kind != _LAST_BEFORE:
            return None
        at += length
    return None


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 56, 7):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            break
    return value, at


def _size(bits: _Bits) -> Header:
    bits.take(4)  # profile, still picture
    if bits.take(1):  # reduced still picture header
        bits.take(5)
    else:
        _pass_operating_points(bits)
    across, down = bits.take(4) + 1, bits.take(4) + 1
    return Header(bits.take(across) + 1, bits.take(down) + 1)


def _pass_operating_points(bits: _Bits) -> None:
    delay = 0
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):  # equal picture interval, in Exp-Golomb
            zeros = 0
            while zeros < 32 and not bits.take(1):
                zeros += 1
            bits.take(zeros)
        if bits.take(1):  # decoder model
            delay = bits.take(5) + 1
            bits.take(42)
    display = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay and bits.take(1):
            bits.take(2 * delay + 1)
        if display and bits.take(1):
            bits.take(4)
