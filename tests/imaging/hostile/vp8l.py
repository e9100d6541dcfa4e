"""Lossless WebP (RFC 9649, 3): one pixel of a meta prefix image for each group of prefix codes."""

_LENGTHS_ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16)
_REPEAT_LAST, _REPEAT_ZERO, _EIGHT = (0b01, 2), (0b11, 2), (0b0, 1)
"""The codes of the lengths that are used here, their first bit lowest."""


class _Bits:
    """Bits from the lowest of the first byte on."""

    def __init__(self) -> None:
        self._done = bytearray()
        self._value = self._length = 0

    def put(self, value: int, length: int) -> None:
        self._value |= value << self._length
        self._length += length
        while self._length >= 8:
            self._done.append(self._value & 0xFF)
            self._value >>= 8
            self._length -= 8

    def all(self) -> bytes:
        return bytes(self._done) + self._value.to_bytes(9, "little")


def many_groups(side: int, block_bits: int, groups: int) -> bytes:
    """The content of a VP8L chunk: a square picture in one colour, each of whose blocks has its own prefix codes.

    The side is a multiple of 2 to the power of `block_bits`.
    """
    bits = _Bits()
    for value, length in ((0x2F, 8), (side - 1, 14), (side - 1, 14), (0, 4)):  # signature, sides, no alpha, version 0
        bits.put(value, length)
    bits.put(0b100, 3)  # no transform, no colour cache, meta prefix codes
    bits.put(block_bits - 2, 3)
    bits.put(0, 1)
    for alphabet in (280, 256):  # the number of a group is in green and red
        _code_of_eight_bits(bits, alphabet)
    for _ in range(3):
        _code_of_one_symbol(bits)
    turned = [int(f"{byte:08b}"[::-1], 2) for byte in range(256)]
    across = side >> block_bits
    for block in range(across * across):
        bits.put(turned[block % groups & 0xFF], 8)
        bits.put(turned[block % groups >> 8], 8)
    for _ in range(5 * groups):
        _code_of_one_symbol(bits)
    return bits.all()


def _code_of_one_symbol(bits: _Bits) -> None:
    bits.put(0b0001, 4)  # simple, one symbol, of one bit: zero


def _code_of_eight_bits(bits: _Bits, alphabet: int) -> None:
    """256 symbols of eight bits each, and the others of none."""
    bits.put(0, 1)
    lengths = {8: 1, 18: 2, 16: 2}
    order = (*_LENGTHS_ORDER, 6, 7, 8)
    bits.put(len(order) - 4, 4)
    for symbol in order:
        bits.put(lengths.get(symbol, 0), 3)
    bits.put(0, 1)
    bits.put(*_EIGHT)
    for repeats in (*[6] * 42, 3):
        bits.put(*_REPEAT_LAST)
        bits.put(repeats - 3, 2)
    if alphabet > 256:
        bits.put(*_REPEAT_ZERO)
        bits.put(alphabet - 256 - 11, 7)
