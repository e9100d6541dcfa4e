"""The colours of SSIMULACRA2: XYB, in which equal differences look about equal, at full size and its halves."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from PIL import Image, ImageMath

from chalicelib.imaging.colours.cicp import srgb_light

type Plane = Image.Image
"""A picture in mode F."""

SMALLEST = 8
"""Pixels of a side below which there is no further scale."""

BACKGROUND = (128, 128, 128, 255)
"""What is seen through a transparent picture."""

BIAS = 0.0037930732552754493
ROOT = BIAS ** (1 / 3)
OPSIN = ((0.30, 0.622, 0.078), (0.23, 0.692, 0.078), (0.24342268924547819, 0.20476744424496821, 0.55180986650955360))
"""Linear sRGB to the responses of long, middle and short cones, and what is added before the cube root."""


def planes(picture: Image.Image, scales: Iterable[str]) -> dict[tuple[str, int], Plane]:
    """The channels that are named for each scale (0 is full size), as far as the picture is large enough for it."""
    cones = _cones(picture)
    found: dict[tuple[str, int], Plane] = {}
    for scale, channels in enumerate(scales):
        if scale:
            cones = [plane.reduce(2) for plane in cones]
        if min(cones[0].size) < SMALLEST:
            break
        roots = [math(lambda of: of["a"] ** (1 / 3), a=plane) for plane in cones[: 3 if "B" in channels else 2]]
        found |= {(channel, scale): _channel(channel, roots) for channel in channels}
    return found


def _cones(picture: Image.Image) -> list[Plane]:
    """The responses of the three kinds of cones, in linear light."""
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, BACKGROUND), picture)
    bands = picture.convert("RGB").split()
    return [
        math(
            lambda of: of["r"] + of["g"] + of["b"],
            **{name: band.point(table, "F") for name, band, table in zip("rgb", bands, tables, strict=True)},
        )
        for tables in _tables()
    ]


@cache
def _tables() -> list[list[list[float]]]:
    """For each cone and each of red, green and blue, the share of it that a level of 0 to 255 adds."""
    linear = [srgb_light(level / 255) for level in range(256)]
    return [[[weight * light + BIAS / 3 for light in linear] for weight in weights] for weights in OPSIN]


def _channel(name: str, roots: Sequence[Plane]) -> Plane:
    """A channel of XYB, scaled and moved above 0 as SSIMULACRA2 does."""
    long, middle = roots[:2]
    if name == "X":
        return math(lambda of: (of["a"] - of["b"]) * 7.0 + 0.42, a=long, b=middle)
    if name == "Y":
        return math(lambda of: (of["a"] + of["b"]) * 0.5 + (0.01 - ROOT), a=long, b=middle)
    return math(lambda of: of["c"] - (of["a"] + of["b"]) * 0.5 + 0.55, a=long, b=middle, c=roots[2])


def math(expression: Callable[[dict[str, Any]], Any], **named: Plane) -> Plane:
    """The plane that an expression makes of others, pixel by pixel."""
    result: Plane = ImageMath.lambda_eval(expression, **named)
    return result
