"""How much of a picture an encoder kept: SSIMULACRA2, by what Pillow and the resizer do with floating point."""

from collections.abc import Callable
from typing import NamedTuple

from PIL import Image

from chalicelib.imaging.drawing import resample
from chalicelib.imaging.drawing.resample import Area
from chalicelib.imaging.encoding.xyb import Plane, math, planes
from chalicelib.model.picture import Size

STRIDE = 3
"""The maps are taken at one pixel of 3 x 3: where the window's sigma is 1.5 pixels, neighbours say nearly the same."""

MARGIN = 9
"""Pixels that a window reaches to."""

PHASED = 2
"""The first scale that is small enough to be looked at pixel by pixel, and so small that sampling would be noise."""

CONTRAST = 0.0009
"""kC2, which keeps flat windows from dividing by zero."""


class Weights(NamedTuple):
    """What the mean of a map adds to the distance, and its 4-norm."""

    mean: float = 0.0
    norm: float = 0.0


class Term(NamedTuple):
    """One channel at one scale (0 is full size, each next one half of it), and the weights of its three maps."""

    channel: str
    scale: int
    structure: Weights = Weights()
    ringing: Weights = Weights()
    blur: Weights = Weights()


TERMS = (
    Term("Y", 0, structure=Weights(norm=7.466890328078848), blur=Weights(norm=17.445833984131262)),
    Term("X", 1, structure=Weights(norm=1.1041726426657346)),
    Term("Y", 1, structure=Weights(norm=6.683678146179332), blur=Weights(norm=1.027889937768264)),
    Term("X", 2, structure=Weights(norm=1.8422455520539298), ringing=Weights(norm=11.441172603757666)),
    Term("Y", 2, structure=Weights(225.20515300849274, 19.213238186143016)),
    Term("X", 3, structure=Weights(norm=1.8787594979546387), ringing=Weights(norm=10.94906990605142)),
    Term(
        "Y",
        3,
        structure=Weights(176.39317598450694, 24.43300999870476),
        ringing=Weights(norm=0.28520802612117757),
    ),
    Term("B", 3, structure=Weights(norm=8.826982764996862), ringing=Weights(norm=23.19243343998926)),
    Term("X", 4, ringing=Weights(0.9677937080626833, 0.9981766977854967)),
    Term("Y", 4, structure=Weights(norm=34.77906344483772), ringing=Weights(norm=44.835625328877896)),
    Term(
        "B",
        4,
        structure=Weights(mean=95.1080498811086),
        ringing=Weights(0.9863978034400682, 171.2667255897307),
        blur=Weights(0.9834382792465353, 0.9807858872435379),
    ),
)
"""The weights of SSIMULACRA2 2.1 (libjxl, tools/ssimulacra2.cc) that are greater than 0.01.

The others make up less than a thousandth of a distance, and half of the work.
"""


CHANNELS = ["".join(term.channel for term in TERMS if term.scale == scale) for scale in range(5)]


class Seen(NamedTuple):
    """One channel at one scale, sampled: the plane itself, its pixels and the means of its windows."""

    plane: Plane
    pixels: Plane
    means: Plane
    squares: Plane


class Judge:
    """Scores what encoders make of one picture, which is looked at once."""

    def __init__(self, original: Image.Image) -> None:
        self._seen = {key: _seen(plane, key[1]) for key, plane in planes(original, CHANNELS).items()}

    def score(self, made: Image.Image) -> float:
        """The SSIMULACRA2 of `made`, of the original's size: 100 where equal, 70 where few see a difference."""
        distance = 0.0
        other = planes(made, CHANNELS)
        for term in TERMS:
            key = term.channel, term.scale
            if key in other:
                distance += _distance(self._seen[key], other[key], term)
        return _score(distance)


def _seen(plane: Plane, scale: int) -> Seen:
    squares = math(lambda of: of["a"] * of["a"], a=plane)
    means, squares_means = (_sampled(of, scale, resample.windowed) for of in (plane, squares))
    return Seen(plane, _sampled(plane, scale, _centres), means, squares_means)


def _sampled(plane: Plane, scale: int, sample: Callable[[Plane, Area], Plane]) -> Plane:
    """Every third pixel each way; at the small scales all of them, the three by three phases side by side."""
    width, height = (side - side % STRIDE for side in plane.size)
    if scale < PHASED:
        return sample(plane, (0, 0, width, height))
    wide = _with_margins(plane)
    phases = range(MARGIN - 1, MARGIN - 1 + STRIDE)
    whole = Image.new("F", (width, height))
    for row, top in enumerate(phases):
        for column, left in enumerate(phases):
            part = sample(wide, (left, top, left + width, top + height))
            whole.paste(part, (column * part.width, row * part.height))
    return whole


def _with_margins(plane: Plane) -> Plane:
    """The plane in the dark to the left and right, and mirrored above and below, as SSIMULACRA2 in Python has it.

    At the small scales, many pixels are so near an edge that this tells.
    """
    wide = Image.new("F", (plane.width + 2 * MARGIN, plane.height + 2 * MARGIN))
    wide.paste(plane, (MARGIN, MARGIN))
    deep = min(MARGIN, plane.height)
    mirrored = plane.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    wide.paste(mirrored.crop((0, plane.height - deep, plane.width, plane.height)), (MARGIN, MARGIN - deep))
    wide.paste(mirrored.crop((0, 0, plane.width, deep)), (MARGIN, MARGIN + plane.height))
    return wide


def _centres(plane: Plane, area: Area) -> Plane:
    left, top, right, bottom = area
    size = Size(round((right - left) / STRIDE), round((bottom - top) / STRIDE))
    return plane.resize(size, Image.Resampling.NEAREST, area)


def _distance(seen: Seen, plane: Plane, term: Term) -> float:
    other = _seen(plane, term.scale)
    products = math(lambda of: of["a"] * of["b"], a=seen.plane, b=plane)
    both = _sampled(products, term.scale, resample.windowed)
    total = 0.0
    if any(term.structure):
        total += _weighed(_structure(seen, other, both), term.structure)
    if any(term.ringing) or any(term.blur):
        edges = _edges(seen, other)
        if any(term.ringing):
            total += _weighed(math(lambda of: of["max"](of["a"], 0.0), a=edges), term.ringing)
        if any(term.blur):
            total += _weighed(math(lambda of: of["max"](0.0 - of["a"], 0.0), a=edges), term.blur)
    return total


def _structure(seen: Seen, other: Seen, both: Plane) -> Plane:
    """1 - SSIM, without the luminance term's denominator, as SSIMULACRA2 has it."""
    return math(
        lambda of: of["max"](
            1.0
            - (1.0 - (of["m"] - of["n"]) * (of["m"] - of["n"]))
            * ((of["mn"] - of["m"] * of["n"]) * 2.0 + CONTRAST)
            / ((of["mm"] - of["m"] * of["m"]) + (of["nn"] - of["n"] * of["n"]) + CONTRAST),
            0.0,
        ),
        m=seen.means,
        n=other.means,
        mm=seen.squares,
        nn=other.squares,
        mn=both,
    )


def _edges(seen: Seen, other: Seen) -> Plane:
    """How much stronger (ringing) or weaker (blur) a pixel stands out of its window."""
    return math(
        lambda of: (1.0 + abs(of["b"] - of["n"])) / (1.0 + abs(of["a"] - of["m"])) - 1.0,
        a=seen.pixels,
        m=seen.means,
        b=other.pixels,
        n=other.means,
    )


def _weighed(map_: Plane, weights: Weights) -> float:
    total = weights.mean * _mean(map_) if weights.mean else 0.0
    if weights.norm:
        squared = math(lambda of: of["a"] * of["a"], a=map_)
        total += weights.norm * _mean(math(lambda of: of["a"] * of["a"], a=squared)) ** 0.25
    return total


def _mean(plane: Plane) -> float:
    mean = plane.reduce(plane.size).getpixel((0, 0))
    assert isinstance(mean, float)
    return mean


def _score(distance: float) -> float:
    """The polynomial and the power that lay the distance on a scale of people's opinions."""
    scaled = distance * 0.9562382616834844
    bent = 2.326765642916932 * scaled - 0.020884521182843837 * scaled**2 + 6.248496625763138e-05 * scaled**3
    return 100.0 - 10.0 * float(max(bent, 0.0) ** 0.6276336467831387)
