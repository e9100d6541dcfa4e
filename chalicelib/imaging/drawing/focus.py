"""Which part of a picture `cover` keeps when its content decides: the fullest window along the free axis.

Written on Pillow's filters, without a model. `attention` follows the idea of libvips's and smartcrop.js's: edges,
saturated colour and skin tones draw the eye.
"""

from collections.abc import Callable

from PIL import Image, ImageChops, ImageFilter

from chalicelib.imaging.drawing.geometry import Anchor, Box, inside
from chalicelib.imaging.drawing.pyramid import Pyramid
from chalicelib.model.picture import Position, Size

SIDE = 96
"""Pixels of the longer side of the thumbnail that is looked at."""

CANDIDATES = 24
"""Windows that are compared along the free axis; the chosen one is off the best by 2 % of the free room at most."""

_SKIN_HUES = range(26)
_SKIN_SATURATIONS = range(40, 180)
_SKIN_VALUES = range(80, 256)


def find(pyramid: Pyramid, part: Size, position: Position) -> Anchor:
    """Where the window `part` (in original pixels) holds most entropy, or draws most attention; the middle if equal."""
    size = inside(pyramid.original, Size(SIDE, SIDE))
    small = pyramid.draw(Box(0, 0, *pyramid.original), size).convert("RGB")
    if position is Position.ENTROPY:
        grey = small.convert("L")
        return _fullest(grey, part, pyramid.original, lambda window: window.entropy())
    return _fullest(_attention(small), part, pyramid.original, _sum)


def _fullest(image: Image.Image, part: Size, whole: Size, measure: Callable[[Image.Image], float]) -> Anchor:
    wide = part.width / whole.width
    high = part.height / whole.height
    along_x = wide < high

    def score(share: float) -> tuple[float, float]:
        across, down = (share, 0.5) if along_x else (0.5, share)
        left, top = image.width * (1 - wide) * across, image.height * (1 - high) * down
        right, bottom = left + image.width * wide, top + image.height * high
        window = image.crop(
            (round(left), round(top), max(round(right), round(left) + 1), max(round(bottom), round(top) + 1))
        )
        return round(measure(window), 6), -abs(share - 0.5)

    best = max((step / CANDIDATES for step in range(CANDIDATES + 1)), key=score)
    return Anchor(best, 0.5) if along_x else Anchor(0.5, best)


def _attention(image: Image.Image) -> Image.Image:
    hue, saturation, value = image.convert("HSV").split()
    colourful = ImageChops.multiply(saturation, value).point(lambda level: level // 2)
    skin = ImageChops.multiply(
        ImageChops.multiply(_within(hue, _SKIN_HUES), _within(saturation, _SKIN_SATURATIONS)),
        _within(value, _SKIN_VALUES),
    )
    return ImageChops.add(ImageChops.add(_edges(image), colourful), skin)


def _edges(image: Image.Image) -> Image.Image:
    """How steep each pixel's surroundings are; nought along the border, where Pillow's filters leave pixels as are."""
    found = Image.new("L", image.size, 0)
    if min(image.size) > 2:
        steepness = image.convert("L").filter(ImageFilter.GaussianBlur(1)).filter(ImageFilter.FIND_EDGES)
        found.paste(steepness.crop((1, 1, image.width - 1, image.height - 1)), (1, 1))
    return found


def _within(band: Image.Image, levels: range) -> Image.Image:
    return band.point([255 if level in levels else 0 for level in range(256)])


def _sum(window: Image.Image) -> float:
    return float(sum(level * count for level, count in enumerate(window.histogram()))) / (window.width * window.height)
