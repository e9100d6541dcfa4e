"""AV1 (Bitstream & Decoding Process Specification, 5.3 to 5.5): what a sequence header says of its frames."""

from typing import NamedTuple

ENOUGH = 512
"""Bytes in which a sequence header is found: a temporal delimiter may precede it, and it has some dozens."""

_SEQUENCE_HEADER, _TEMPORAL_DELIMITER = 1, 2


class Coded(NamedTuple):
    """The largest size that a frame may have; `deep` are samples of more than 8 bits."""

    width: int
    height: int
    deep: bool


class _Bits:
    """Bits from the front of some bytes; zeros after their end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data.ljust(ENOUGH, b"\0"), "big")
        self._left = 8 * max(len(data), ENOUGH)

    def take(self, count: int) -> int:
        self._left -= count
        return self._value >> max(self._left, 0) & (1 << count) - 1


def coded(data: bytes) -> Coded | None:
    """What the sequence header near the start of `data` allows; None where there is none."""
    at = 0
    while at + 2 < len(data):
        head = data[at]
        kind, extended, sized = head >> 3 & 15, head >> 2 & 1, head >> 1 & 1
        at += 1 + extended
        length = len(data) - at
        if sized:
            length, at = _leb128(data, at)
        if kind == _SEQUENCE_HEADER:
            return _read(_Bits(data[at : at + min(length, ENOUGH)]))
        if kind != _TEMPORAL_DELIMITER:
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


def _read(bits: _Bits) -> Coded:
    bits.take(4)  # profile, still picture
    reduced = bits.take(1)
    if reduced:
        bits.take(5)
    else:
        _pass_operating_points(bits)
    across, down = bits.take(4) + 1, bits.take(4) + 1
    width, height = bits.take(across) + 1, bits.take(down) + 1
    if not reduced and bits.take(1):  # frame ids
        bits.take(7)
    bits.take(3)
    if not reduced:
        _pass_tools(bits)
    bits.take(3)
    return Coded(width, height, deep=bool(bits.take(1)))


def _pass_tools(bits: _Bits) -> None:
    bits.take(4)
    order_hint = bits.take(1)
    if order_hint:
        bits.take(2)
    screen_content = 2 if bits.take(1) else bits.take(1)
    if screen_content and not bits.take(1):
        bits.take(1)
    if order_hint:
        bits.take(3)


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
