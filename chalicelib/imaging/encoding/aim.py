"""The quality at which a picture looks as good as asked for, found by a few trials."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import pairwise
from typing import NamedTuple

from PIL import Image

from chalicelib.imaging.encoding.visual import Judge
from chalicelib.model.picture import Format

QUALITIES = (15, 20, 28, 34, 40, 46, 52, 58, 64, 70, 75, 80, 84, 88, 92, 96, 100)
TYPICAL = {
    Format.JPEG: (12, 29.3, 46.1, 52.2, 58.0, 62.8, 65.7, 68.8, 71.4, 74.6, 77.5, 81.4, 84.2, 87.2, 89.7, 93.4, 96.5),
    Format.WEBP: (31, 35.5, 41.9, 46.4, 49.9, 53.3, 56.6, 59.2, 61.5, 63.8, 65.6, 71.0, 74.7, 79.0, 83.1, 85.9, 87.2),
    Format.AVIF: (-5, 4.9, 21.9, 34.4, 45.1, 57.3, 63.9, 70.5, 74.3, 77.9, 80.1, 83.4, 85.4, 87.9, 89.4, 91.3, 94.6),
}
"""The scores of an average photograph at QUALITIES, of nine that no other measurement has to do with. A picture's own
curve is about this one, shifted: what it lacks to 100 is so many times as much."""

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

    Where the format does not reach the score the answer is 100; it is 15 at least, below which little is saved.
    """
    judge = Judge(image)
    wanted = _loss(score)
    curve = [Trial(quality, _loss(typical)) for quality, typical in zip(QUALITIES, TYPICAL[target], strict=True)]
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
    return min(missed, key=lambda tried: (missed[tried], tried))


def _following(curve: Sequence[Trial], trials: Sequence[Trial], wanted: float) -> float:
    """Where the typical curve, shifted through the nearest trial and as steep as two tell, has the wanted loss.

    Two on both sides of it tell for sure; two on one side are not trusted far.
    """
    near, *others = sorted(trials, key=lambda trial: abs(trial.loss - wanted))
    beyond = [trial for trial in others if (trial.loss > wanted) != (near.loss > wanted)]
    steepness = 1.0
    for other in (beyond or others)[:1]:
        typical = _loss_at(curve, other.quality) - _loss_at(curve, near.quality)
        steepness = (other.loss - near.loss) / typical
        if not beyond:
            steepness = min(max(steepness, 0.5), 2.0)
    return _quality_at(curve, _loss_at(curve, near.quality) + (wanted - near.loss) / max(steepness, 0.1))


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
