"""What is read of a file of any format, and what it may say at most."""

from typing import NamedTuple

from chalicelib.errors import ImageTooLarge

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
