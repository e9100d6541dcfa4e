"""The quality at which a picture looks as good as asked for, found by a few trials."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import pairwise
from typing import NamedTuple

from PIL import Image

from chalicelib.imaging.visual import Judge
from chalicelib.model.picture import Format

TYPICAL = {
    Format.JPEG: ((1, 5.0), (30, 52.0), (50, 65.6), (65, 71.7), (80, 80.2), (90, 87.5), (100, 96.0)),
    Format.WEBP: ((1, 5.0), (30, 50.0), (55, 61.0), (75, 70.0), (85, 76.0), (92, 81.0), (100, 88.0)),
    Format.AVIF: ((1, 5.0), (30, 45.0), (40, 54.0), (52, 65.0), (64, 75.0), (76, 84.0), (100, 96.0)),
}
"""Quality and the score of an average photograph. A picture's own curve is this one, shifted: what it lacks to 100 is
so many times as much."""

JUDGED_PIXELS = 4_000_000
"""Of a larger picture the middle is judged, which bounds time and memory."""

TRIALS = 3

NEAR = 0.5
"""A trial within so many points of the target is taken."""


class Trial(NamedTuple):
    """A quality and, on a logarithmic scale, what the picture lacks to a score of 100 at it."""

    quality: float
    loss: float


def sample(image: Image.Image) -> Image.Image:
    """The picture itself, or so much of its middle as is judged."""
    share = math.sqrt(JUDGED_PIXELS / (image.width * image.height))
    if share >= 1:
        return image
    width, height = (max(1, int(side * share)) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def quality_for(image: Image.Image, target: Format, score: float, attempt: Callable[[int], bytes]) -> int:
    """The quality at which `attempt`, which encodes `image`, comes nearest to `score` of SSIMULACRA2.

    Where the format does not reach the score the answer is 100.
    """
    judge = Judge(image)
    wanted = _loss(score)
    curve = [Trial(quality, _loss(typical)) for quality, typical in TYPICAL[target]]
    missed: dict[int, float] = {}
    trials: list[Trial] = []
    quality = _nearest(_quality_at(curve, wanted))
    while quality not in missed and len(missed) < TRIALS:
        reached = judge.score(_opened(attempt(quality), target))
        missed[quality] = abs(reached - score)
        if missed[quality] <= NEAR:
            break
        trials.append(Trial(quality, _loss(reached)))
        quality = _nearest(_following(curve, trials, wanted))
    return min(missed, key=lambda tried: missed[tried])


def _following(curve: Sequence[Trial], trials: Sequence[Trial], wanted: float) -> float:
    """Where the typical curve, shifted through the last trial and as steep as both say, has the wanted loss."""
    last = trials[-1]
    steepness = 1.0
    if len(trials) > 1:
        typical = _loss_at(curve, trials[-2].quality) - _loss_at(curve, last.quality)
        steepness = min(max((trials[-2].loss - last.loss) / typical, 0.5), 2.0)
    return _quality_at(curve, _loss_at(curve, last.quality) + (wanted - last.loss) / steepness)


def _loss(score: float) -> float:
    return math.log(max(100.0 - score, 0.1))


def _loss_at(curve: Sequence[Trial], quality: float) -> float:
    low, high = next((low, high) for low, high in pairwise(curve) if quality <= high.quality)
    return low.loss + (high.loss - low.loss) * (quality - low.quality) / (high.quality - low.quality)


def _quality_at(curve: Sequence[Trial], loss: float) -> float:
    """The inverse of the curve, whose loss falls; its ends are the answer for what lies beyond them."""
    index = bisect_left(curve, -loss, key=lambda point: -point.loss)
    if index in (0, len(curve)):
        return curve[min(index, len(curve) - 1)].quality
    low, high = curve[index - 1], curve[index]
    return low.quality + (high.quality - low.quality) * (loss - low.loss) / (high.loss - low.loss)


def _nearest(quality: float) -> int:
    return round(min(max(quality, 1), 100))


def _opened(data: bytes, target: Format) -> Image.Image:
    with Image.open(BytesIO(data), formats=[target.value]) as image:
        image.load()
        return image
