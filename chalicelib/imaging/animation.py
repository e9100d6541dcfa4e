"""What moves: frames with their timing, and how often the whole of them plays."""

import msgspec
from PIL import Image

from chalicelib.model.picture import Format

FOR_EVER = 0

MOVING = frozenset({Format.GIF, Format.WEBP, Format.PNG, Format.AVIF})
"""The formats that can hold an animation, PNG as APNG."""

_MAX_LOOPS = 65_535
"""Of GIF and WebP alike; where a file asks for more, nobody will count."""

_MOST_MILLISECONDS = {Format.GIF: 655_350, Format.PNG: 65_535, Format.WEBP: 2**24 - 1, Format.AVIF: 2**31 - 1}
"""The longest that a frame can show in each format."""

_LEAST_GIF_TICKS = 2
"""Hundredths of a second; browsers show a frame of fewer for a tenth of a second."""


class Film(msgspec.Struct, frozen=True):
    """The frames of one variant, full canvases all; a still has one. `plays` is FOR_EVER or a number of times."""

    frames: list[Image.Image]
    milliseconds: list[int]
    plays: int

    @property
    def moves(self) -> bool:
        return len(self.frames) > 1

    def unify(self) -> None:
        """Give every frame the same mode: the one that loses nothing of any, as encoders take that of the first."""
        modes = {frame.mode for frame in self.frames}
        if len(modes) > 1:
            mode = "RGBA" if "RGBA" in modes else "RGB"
            self.frames[:] = [frame.convert(mode) for frame in self.frames]


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
    return min(count - 1, _MAX_LOOPS) or None


def shown(milliseconds: int) -> int:
    """How long browsers show a frame that says `milliseconds`: up to ten of them they take for a mistake."""
    return milliseconds if milliseconds > 10 else 100


def showings(count: int) -> int:
    """The loop field of a WebP or APNG that plays `count` times."""
    return min(count, _MAX_LOOPS)


def durations(milliseconds: list[int], target: Format) -> list[int]:
    """What each frame's time is in a file of that format, in milliseconds.

    A GIF counts in hundredths of a second: what rounding adds to one frame is taken from the next.
    """
    most = _MOST_MILLISECONDS[target]
    if target is not Format.GIF:
        return [min(time, most) for time in milliseconds]
    told = []
    late = 0
    for time in milliseconds:
        wanted = min(time, most) - late
        told.append(min(10 * max(_LEAST_GIF_TICKS, (wanted + 5) // 10), most))
        late = told[-1] - wanted
    return told
