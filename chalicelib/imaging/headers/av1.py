"""AV1 (Bitstream & Decoding Process Specification, 5.3 to 5.5): what a sequence header says of its frames."""

from typing import NamedTuple

from chalicelib.imaging.headers.numbers import Bits

ENOUGH = 512
"""Bytes in which a sequence header is found: a temporal delimiter may precede it, and it has some dozens."""

_SEQUENCE_HEADER, _TEMPORAL_DELIMITER = 1, 2


class Coded(NamedTuple):
    """The largest size that a frame may have; `deep` are samples of more than 8 bits."""

    width: int
    height: int
    deep: bool


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
            return _read(Bits(data[at : at + min(length, ENOUGH)].ljust(ENOUGH, b"\0")))
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


def _read(bits: Bits) -> Coded:
    bits.read(4)  # profile, still picture
    reduced = bits.read(1)
    if reduced:
        bits.read(5)
    else:
        _pass_operating_points(bits)
    across, down = bits.read(4) + 1, bits.read(4) + 1
    width, height = bits.read(across) + 1, bits.read(down) + 1
    if not reduced and bits.read(1):  # frame ids
        bits.read(7)
    bits.read(3)
    if not reduced:
        _pass_tools(bits)
    bits.read(3)
    return Coded(width, height, deep=bool(bits.read(1)))


def _pass_tools(bits: Bits) -> None:
    bits.read(4)
    order_hint = bits.read(1)
    if order_hint:
        bits.read(2)
    screen_content = 2 if bits.read(1) else bits.read(1)
    if screen_content and not bits.read(1):
        bits.read(1)
    if order_hint:
        bits.read(3)


def _pass_operating_points(bits: Bits) -> None:
    delay = 0
    if bits.read(1):  # timing
        bits.read(64)
        if bits.read(1):  # equal picture interval, in Exp-Golomb
            zeros = 0
            while zeros < 32 and not bits.read(1):
                zeros += 1
            bits.read(zeros)
        if bits.read(1):  # decoder model
            delay = bits.read(5) + 1
            bits.read(42)
    display = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:
            bits.read(1)
        if delay and bits.read(1):
            bits.read(2 * delay + 1)
        if display and bits.read(1):
            bits.read(4)
