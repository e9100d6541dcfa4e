"""Small fingerprints of a picture, all taken from a thumbnail of at most 32 pixels a side."""

import base64
import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from operator import mul

from PIL import Image

from chalicelib.imaging.colours import colour

THUMBNAIL_SIDE = 32


def thumbhash(image: Image.Image) -> str:
    """The ThumbHash of `image` (RGB or RGBA) in base64: about 28 bytes that decode to a blurred placeholder.

    The format is Evan Wallace's (evanw.github.io/thumbhash): a discrete cosine transform of lightness, yellow-blue and
    red-green, and of alpha where there is any.
    """
    width, height = image.size
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    has_alpha = alpha is not None and alpha.getextrema() != (255, 255)
    solid = colour.flattened(image, _mean_colour(image)) if has_alpha else image.convert("RGB")
    limit = 5 if has_alpha else 7
    across = max(1, _round(limit * width / max(width, height)))
    down = max(1, _round(limit * height / max(width, height)))
    red, green, blue = (band.tobytes() for band in solid.split())
    pixels = list(zip(red, green, blue, strict=True))
    planes = [
        _plane([(r + g + b) / 765 for r, g, b in pixels], width, max(3, across), max(3, down)),
        _plane([(r + g) / 510 - b / 255 for r, g, b in pixels], width, 3, 3),
        _plane([(r - g) / 255 for r, g, _ in pixels], width, 3, 3),
    ]
    (light, light_scale, _), (yellow, yellow_scale, _), (reddish, reddish_scale, _) = planes
    landscape = width > height
    packed = bytearray()
    packed += (
        _round(63 * light)
        | _round(31.5 + 31.5 * yellow) << 6
        | _round(31.5 + 31.5 * reddish) << 12
        | _round(31 * light_scale) << 18
        | has_alpha << 23
    ).to_bytes(3, "little")
    packed += (
        (down if landscape else across)
        | _round(63 * yellow_scale) << 3
        | _round(63 * reddish_scale) << 9
        | landscape << 15
    ).to_bytes(2, "little")
    if has_alpha and alpha is not None:
        planes.append(_plane([level / 255 for level in alpha.tobytes()], width, 5, 5))
        opacity, opacity_scale, _ = planes[-1]
        packed.append(_round(15 * opacity) | _round(15 * opacity_scale) << 4)
    nibbles = [_round(15 * value) for _, _, values in planes for value in values]
    nibbles += [0] * (len(nibbles) % 2)
    packed += bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
    return base64.b64encode(packed).decode()


def dominant_color(image: Image.Image) -> str:
    """The commonest colour of `image` (RGB or RGBA) as `#rrggbb`.

    It is the mean of the fullest of 4,096 bins, 16 along each of red, green and blue (as sharp's `stats` counts);
    pixels that are more transparent than not don't count, unless all are.
    """
    pixels = list(zip(*(band.tobytes() for band in image.convert("RGBA").split()), strict=True))
    seen = [pixel for pixel in pixels if pixel[3] >= 128] or pixels
    bins: dict[tuple[int, int, int], list[tuple[int, ...]]] = {}
    for pixel in seen:
        bins.setdefault((pixel[0] >> 4, pixel[1] >> 4, pixel[2] >> 4), []).append(pixel)
    fullest = max(bins.values(), key=len)
    return "#" + "".join(f"{_round(sum(values) / len(values)):02x}" for values in list(zip(*fullest, strict=True))[:3])


def perceptual_hash(image: Image.Image) -> str:
    """The 64-bit difference hash of `image` (RGB or RGBA) as 16 hexadecimal digits.

    Bit by bit, row by row: is a pixel of the 9 x 8 grey thumbnail darker than its right neighbour (Neal Krawetz,
    "Kind of Like That", 2013)? Pictures whose hashes differ in few bits look alike.
    """
    solid = colour.flattened(image, colour.WHITE) if image.mode == "RGBA" else image
    grey = solid.convert("L").resize((9, 8), Image.Resampling.BOX).tobytes()
    rows = [grey[at : at + 9] for at in range(0, 72, 9)]
    bits = [left < right for row in rows for left, right in pairwise(row)]
    return f"{sum(bit << 63 - place for place, bit in enumerate(bits)):016x}"


def _mean_colour(image: Image.Image) -> colour.Colour:
    """The mean of `image` (RGBA), each pixel weighed by its alpha; black when all of it is transparent."""
    red, green, blue, alpha = (band.tobytes() for band in image.split())
    weight = sum(alpha) or 1
    mean = (_round(sum(map(mul, band, alpha)) / weight) for band in (red, green, blue))
    return (*mean, 255)  # type: ignore[return-value]


@lru_cache(maxsize=256)
def _wave(step: int, length: int) -> Sequence[float]:
    return [math.cos(math.pi / length * step * (at + 0.5)) for at in range(length)]


def _plane(values: Sequence[float], width: int, across: int, down: int) -> tuple[float, float, list[float]]:
    """The mean of a channel, the largest coefficient of its waves, and these relative to it as 0 ... 1, in their order.

    The waves are the lowest of a two-dimensional DCT-II: fewer the higher their frequency in the other direction.
    """
    height = len(values) // width
    rows = [values[at : at + width] for at in range(0, len(values), width)]
    by_row = [[sum(map(mul, row, _wave(step, width))) for row in rows] for step in range(across)]
    mean, *others = (
        sum(map(mul, by_row[step], _wave(rise, height))) / len(values)
        for rise in range(down)
        for step in range(across)
        if step * down < across * (down - rise)
    )
    scale = max(map(abs, others))
    return mean, scale, [0.5 + 0.5 * value / scale for value in others] if scale else [0.0] * len(others)


def _round(value: float) -> int:
    """Half up, as the reference implementations of ThumbHash round."""
    return math.floor(value + 0.5)
