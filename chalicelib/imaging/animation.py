"""What moves: frames with their timing, and how often the whole of them plays."""

from dataclasses import dataclass

from PIL import Image

from chalicelib.model import Format

FOR_EVER = 0

MOVING = frozenset({Format.GIF, Format.WEBP, Format.PNG, Format.AVIF})
"""The formats that can hold an animation, PNG as APNG."""

_MAX_GIF_LOOPS = 65_535


@dataclass(frozen=True, slots=True)
class Film:
    """The frames of one variant, full canvases all; a still has one. `plays` is FOR_EVER or a number of times."""

    frames: list[Image.Image]
    milliseconds: list[int]
    plays: int

    @property
    def moves(self) -> bool:
        return len(self.frames) > 1


def plays(name: str, loop: object) -> int:
    """How often an animation plays, from the loop field of a file of format `name`; None says that it has none.

    A GIF counts the repetitions after the first showing, and one without the field shows once; WebP and APNG count
    showings (Google's gif2webp draws the same line).
    """
    if not isinstance(loop, int):
        return 1 if name == "gif" else FOR_EVER
    return loop + 1 if name == "gif" and loop else loop


def gif_loop(count: int) -> int | None:
    """The loop field of a GIF that plays `count` times, None for no field at all."""
    if count == FOR_EVER:
        return 0
    return min(count - 1, _MAX_GIF_LOOPS) or None
