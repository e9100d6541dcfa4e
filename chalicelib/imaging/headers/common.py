"""What the readers of all formats share."""

from typing import NamedTuple

from chalicelib.errors import CorruptImage, ImageTooLarge

MAX_SIDE = 65_535
"""Pixels: what JPEG and GIF can hold at most. A resampler keeps 48 bytes for each of the longer side's, so that a row
of 100,000,000, which is a kilobyte of BMP, takes 5 GB."""


class Header(NamedTuple):
    """Pixels of the canvas as stored, before orientation, and the frames that are laid on it."""

    width: int
    height: int
    frames: int = 1


def check_count(name: str, count: int, most: int, what: str) -> None:
    """Refuse a file of more parts than any encoder writes, which takes long to go through and shows nothing."""
    if count > most:
        raise ImageTooLarge(f"The {name} file has more than {most:,} {what}, too many to go through")


def check_sides(header: Header) -> None:
    """Refuse a picture that is too long, however narrow it is."""
    if max(header.width, header.height) > MAX_SIDE:
        raise ImageTooLarge(
            f"The image has {header.width:,} x {header.height:,} pixels: at most {MAX_SIDE:,} a side are allowed"
        )


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
