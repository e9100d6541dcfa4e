"""How an original becomes a target, in whole pixels; no pixel is touched here, and no Pillow imported."""

from typing import NamedTuple

from chalicelib.model.picture import Fit, Position, Size


class Box(NamedTuple):
    """A rectangle in whole pixels; `right` and `bottom` are the first column and row outside it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> Size:
        return Size(self.right - self.left, self.bottom - self.top)


class Anchor(NamedTuple):
    """A share of the free room that lies left of and above something: (0, 0) is north-west, (1, 1) south-east."""

    across: float
    down: float


class Point(NamedTuple):
    """Whole pixels from the top left corner."""

    left: int
    top: int


class Plan(NamedTuple):
    """How one variant is made: cut `crop` out of the original, scale it to `scaled`, lay it at `offset` on `canvas`."""

    crop: Box
    scaled: Size
    canvas: Size
    offset: Point


CENTER = Anchor(0.5, 0.5)

ANCHORS = {
    Position.CENTER: CENTER,
    Position.NORTH: Anchor(0.5, 0.0),
    Position.NORTHEAST: Anchor(1.0, 0.0),
    Position.EAST: Anchor(1.0, 0.5),
    Position.SOUTHEAST: Anchor(1.0, 1.0),
    Position.SOUTH: Anchor(0.5, 1.0),
    Position.SOUTHWEST: Anchor(0.0, 1.0),
    Position.WEST: Anchor(0.0, 0.5),
    Position.NORTHWEST: Anchor(0.0, 0.0),
}


def plan(
    original: Size,
    target: tuple[int | None, int | None],
    fit: Fit,
    *,
    anchor: Anchor = CENTER,
    enlarge: bool = False,
) -> Plan:
    """Decide how `original` becomes `target`, in whole pixels.

    Sizes are upright: EXIF orientation is already applied. The crop box is in original pixels and is taken before
    scaling; `offset` places the scaled image on the canvas. A target side of None follows from the other one, which
    stays exact, and the aspect ratio; with both None the size stays. `anchor` says which part COVER keeps and where
    CONTAIN places the picture. Unless `enlarge` is true nothing grows: for COVER the target shrinks, keeping its shape,
    until no axis would; for FILL each axis stops at the original's; CONTAIN pads to the target all the same.

    >>> plan(Size(4000, 3000), Size(400, 400), Fit.COVER).crop
    Box(left=500, top=0, right=3500, bottom=3000)
    >>> plan(Size(4000, 3000), Size(400, 400), Fit.INSIDE).scaled
    Size(width=400, height=300)
    """
    box = _complete(original, target)
    whole = Box(0, 0, *original)
    stretched = box if enlarge else _smaller(original, box)
    has_shape = None in target
    match fit:
        case Fit.INSIDE:
            return _unpadded(whole, stretched if has_shape else inside(original, box, enlarge=enlarge))
        case Fit.OUTSIDE:
            return _unpadded(whole, stretched if has_shape else _outside(original, box, enlarge=enlarge))
        case Fit.FILL:
            return _unpadded(whole, stretched)
        case Fit.CONTAIN:
            scaled = stretched if has_shape else inside(original, box, enlarge=enlarge)
            return Plan(whole, scaled, box, offset(scaled, box, anchor))
        case Fit.COVER:
            kept = inside(box, original, enlarge=True)
            scaled = box if enlarge else _smaller(box, kept)
            return _unpadded(place(kept, original, anchor), scaled)


def place(part: Size, whole: Size, anchor: Anchor) -> Box:
    """The box of size `part` that lies at `anchor` in `whole`, which is at least as large."""
    left, top = offset(part, whole, anchor)
    return Box(left, top, left + part.width, top + part.height)


def offset(part: Size, whole: Size, anchor: Anchor) -> Point:
    """Where the top left corner of `part` comes to lie in `whole`, in whole pixels."""
    return Point(
        _half_up((whole.width - part.width) * anchor.across),
        _half_up((whole.height - part.height) * anchor.down),
    )


def inside(original: Size, box: Size, *, enlarge: bool = False) -> Size:
    """The largest size of the original's aspect ratio that fits in `box`; not larger than the original unless asked."""
    if not enlarge and original.width <= box.width and original.height <= box.height:
        return original
    if original.width * box.height >= box.width * original.height:
        return Size(box.width, _proportional(original.height, box.width, original.width))
    return Size(_proportional(original.width, box.height, original.height), box.height)


def _outside(original: Size, box: Size, *, enlarge: bool) -> Size:
    """The smallest size of the original's aspect ratio that covers `box`; not larger than the original unless asked."""
    if not enlarge and (original.width <= box.width or original.height <= box.height):
        return original
    if original.width * box.height <= box.width * original.height:
        return Size(box.width, _proportional(original.height, box.width, original.width))
    return Size(_proportional(original.width, box.height, original.height), box.height)


def _complete(original: Size, target: tuple[int | None, int | None]) -> Size:
    width, height = target
    if width is None and height is None:
        return original
    if width is None:
        assert height is not None
        return Size(_proportional(original.width, height, original.height), height)
    if height is None:
        return Size(width, _proportional(original.height, width, original.width))
    return Size(width, height)


def _smaller(one: Size, other: Size) -> Size:
    return Size(min(one.width, other.width), min(one.height, other.height))


def _unpadded(crop: Box, scaled: Size) -> Plan:
    return Plan(crop, scaled, scaled, Point(0, 0))


def _proportional(side: int, numerator: int, denominator: int) -> int:
    """`side * numerator / denominator`, rounded half up in whole numbers, and at least one pixel."""
    return max(1, (2 * side * numerator + denominator) // (2 * denominator))


def _half_up(value: float) -> int:
    return int(value + 0.5)
