"""The score of a picture, beside what the reference says of the same pair (ssimulacra2 0.3.0, version 2.1)."""

import pytest
from PIL import Image, ImageFilter

from chalicelib.imaging.encoding.visual import Judge
from tests.imaging import pictures

PICTURE = pictures.photograph(320, 240)

REFERENCE = {"blurred": 72.01, "in few colours": 65.20, "reddish": 74.79, "in blocks": 77.76}

DARK = PICTURE.point(lambda level: level * 0.4)


def spoiled(how):
    match how:
        case "blurred":
            return PICTURE.filter(ImageFilter.GaussianBlur(0.8))
        case "in few colours":
            return PICTURE.point(lambda level: level & 0xF0)
        case "reddish":
            return Image.merge("RGB", (PICTURE.getchannel(0).point(lambda level: level * 0.95), *PICTURE.split()[1:]))
        case "in blocks":
            return PICTURE.reduce(2).resize(PICTURE.size, Image.Resampling.NEAREST)
    raise AssertionError(how)


def test_equal_pictures_score_100():
    assert Judge(PICTURE).score(PICTURE) == pytest.approx(100, abs=0.01)


@pytest.mark.parametrize(("how", "score"), REFERENCE.items())
def test_the_score_is_nearly_the_reference(how, score):
    assert Judge(PICTURE).score(spoiled(how)) == pytest.approx(score, abs=0.5)


def test_what_lies_in_the_dark_is_scored_like_the_reference():
    """Near the edges a channel's own offset tells."""
    assert Judge(DARK).score(DARK.point(lambda level: int(level) & 0xF0)) == pytest.approx(34.93, abs=0.8)


def test_without_the_resizer_the_score_is_nearly_the_same(monkeypatch):
    monkeypatch.setattr("chalicelib.imaging.drawing.resample.HAS_SIMD", False)
    assert Judge(PICTURE).score(spoiled("blurred")) == pytest.approx(REFERENCE["blurred"], abs=3)


def test_transparent_pictures_are_compared_over_grey():
    clear = PICTURE.copy()
    clear.putalpha(0)
    other = spoiled("reddish")
    other.putalpha(0)
    assert Judge(clear).score(other) == pytest.approx(100, abs=0.01)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (9, 8), (33, 31)])
def test_small_pictures_have_a_score(size):
    picture = pictures.photograph(*size)
    assert Judge(picture).score(picture) == pytest.approx(100, abs=0.01)
