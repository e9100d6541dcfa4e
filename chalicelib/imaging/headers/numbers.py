"""Numbers as files have them."""

from chalicelib.errors import CorruptImage


def u16(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


def u16le(data: bytes, at: int) -> int:
    return data[at + 1] << 8 | data[at]


def u32(data: bytes, at: int) -> int:
    return u16(data, at) << 16 | u16(data, at + 2)


def u32le(data: bytes, at: int) -> int:
    return u16le(data, at + 2) << 16 | u16le(data, at)


class Bits:
    """Bits from the front of some bytes; CorruptImage where there are none left."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise CorruptImage("The file ends in the middle of what it says of its picture")
        return self._value >> self._left & (1 << count) - 1

    def exp_golomb(self) -> int:
        """An unsigned number of H.265, 9.2."""
        zeros = 0
        while not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)
