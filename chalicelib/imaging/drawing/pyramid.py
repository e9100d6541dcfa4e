"""A picture at several sizes, from which any part at any smaller size is drawn cheaply."""

from typing import Self

import msgspec
from PIL import Image

from chalicelib.imaging.colours import colour
from chalicelib.imaging.drawing.geometry import Box
from chalicelib.imaging.drawing.resample import Area, premultiplied, resample
from chalicelib.model.picture import Size

MARGIN = 2.0
"""How much larger than what is drawn from it an intermediate is at least; below, two filters in a row cost fidelity."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of each EXIF orientation upright (Exif 2.32, 4.6.4, tag 0x0112)."""

SIDEWAYS = frozenset({5, 6, 7, 8})
"""The orientations whose rows are stored as columns."""

_RIGHT_TO_LEFT = frozenset({2, 3, 7, 8})
_BOTTOM_TO_TOP = frozenset({3, 4, 6, 7})
"""The orientations whose first stored column, or row, is the last one of what it shows."""


class Level(msgspec.Struct, frozen=True):
    """The whole picture at one size. `turn` and `profile` are what still parts it from upright and sRGB.

    `extent` is how many of the image's columns and rows the picture fills, as stored: with a part of the last ones,
    where a decoder has scaled by a factor that does not divide its sides.
    """

    image: Image.Image
    extent: tuple[float, float]
    turn: int = 1
    profile: bytes | None = None

    @property
    def size(self) -> Size:
        """Upright."""
        return _stored(Size(*self.image.size), self.turn)


class Pyramid(msgspec.Struct):
    """The levels of one picture, largest first; what is drawn as a whole is kept as a level for what comes after.

    `original` is the upright size that boxes are measured in; the first level may be smaller than that. `straight` is
    the first level as it was before it was multiplied by its alpha, which cannot be undone to the last bit.
    """

    original: Size
    levels: list[Level] = msgspec.field(default_factory=list)
    straight: Level | None = None

    @classmethod
    def of(
        cls,
        image: Image.Image,
        original: Size,
        *,
        turn: int,
        profile: bytes | None,
        shrink: int = 1,
        unscaled: bool = False,
    ) -> Self:
        """A pyramid on `image`, which is brought to 8 bits and a mode that scales.

        `image` is not to be used any more: it may have been changed, or closed. Each of its pixels stands for
        `shrink` x `shrink` of the original's.
        `unscaled` says that it will be drawn at its own size too, where nothing is to be lost.
        """
        base = colour.to_eight_bits(image)
        if base is not image:
            image.close()  # whoever opened it still holds it, and there may be no room for both
        base.info = {}
        stored = _stored(original, turn)
        extent = min(stored.width / shrink, base.width), min(stored.height / shrink, base.height)
        if base.mode != "RGBA":
            return cls(original, [Level(base, extent, turn, profile)])
        straight = Level(base.copy(), extent, turn, profile) if unscaled else None
        return cls(original, [Level(premultiplied(base), extent, turn, profile)], straight)

    def draw(self, box: Box, size: Size) -> Image.Image:
        """The part `box` of the original at `size`: upright, sRGB, in mode L, RGB, RGBa or, where unscaled, RGBA.

        It may be kept as a level: it is not to be written to.

        Normalising comes after scaling, where there are fewer pixels to turn and to convert.
        """
        first = self.levels[0].size
        if self.straight is not None and first == self.original and box.size == size:
            return _drawn(self.straight, _area(box, self.original, self.straight), size)
        level = self._level_for(box, size)
        drawn = _drawn(level, _area(box, self.original, level), size)
        if box.size == self.original and _is_smaller(size, first) and size != self.levels[-1].size:
            self.levels.append(Level(drawn, drawn.size))
        return drawn

    def _level_for(self, box: Box, size: Size) -> Level:
        """The smallest level that is MARGIN times as large as is needed, or exactly as large; else the first."""
        width = size.width * self.original.width / box.size.width
        height = size.height * self.original.height / box.size.height
        for level in sorted(self.levels[1:], key=lambda level: level.size.width):
            if level.size == (width, height) or (
                level.size.width >= width * MARGIN and level.size.height >= height * MARGIN
            ):
                return level
        return self.levels[0]


def _stored(size: Size, turn: int) -> Size:
    """A size as stored from the upright one, or the other way about."""
    return Size(size.height, size.width) if turn in SIDEWAYS else size


def _is_smaller(one: Size, other: Size) -> bool:
    return one != other and one.width <= other.width and one.height <= other.height


def _drawn(level: Level, area: Area, size: Size) -> Image.Image:
    raw_size = _stored(size, level.turn)
    left, top, right, bottom = map(round, area)
    unscaled = area == (left, top, right, bottom) and raw_size == (right - left, bottom - top)
    image = level.image.crop((left, top, right, bottom)) if unscaled else resample(level.image, raw_size, area)
    upright = image.transpose(_TURNS[level.turn]) if level.turn in _TURNS else image
    return colour.to_srgb(upright, level.profile)


def _area(box: Box, original: Size, level: Level) -> Area:
    """`box`, in pixels of the upright original, as an area of the level's image as stored."""
    columns, rows = (box.left, box.right), (box.top, box.bottom)
    if level.turn in SIDEWAYS:
        columns, rows = rows, columns
    width, height = _stored(original, level.turn)
    if level.turn in _RIGHT_TO_LEFT:
        columns = width - columns[1], width - columns[0]
    if level.turn in _BOTTOM_TO_TOP:
        rows = height - rows[1], height - rows[0]
    wide, high = level.extent
    return columns[0] * wide / width, rows[0] * high / height, columns[1] * wide / width, rows[1] * high / height
