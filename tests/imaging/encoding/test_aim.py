"""Quality by a score to keep."""

import pytest
from PIL import Image

from chalicelib.errors import VariantTooLarge
from chalicelib.imaging.animation import Film
from chalicelib.imaging.encoding import aim
from chalicelib.imaging.encoding.encode import encode
from chalicelib.imaging.encoding.visual import Judge
from chalicelib.imaging.metadata import Kept
from chalicelib.model.picture import Effort, Format, VariantSpec
from localcloud import photo
from tests.imaging import pictures

PICTURE = Image.open(photo.TARGET).resize((320, 240), Image.Resampling.LANCZOS)


def encoded(output, *frames, checkpoint=lambda: None, **fields):
    film = Film(list(frames or [PICTURE]), [50] * (len(frames) or 1), 0)
    return encode(film, VariantSpec(name="a", **fields), output, Kept(), palette=False, checkpoint=checkpoint)


@pytest.mark.parametrize("target", [Format.JPEG, Format.WEBP, Format.AVIF])
@pytest.mark.parametrize("score", [60, 75])
def test_auto_comes_near_the_target_in_three_encodes(target, score):
    attempts = []
    data = encoded(target, quality="auto", target=score, checkpoint=lambda: attempts.append(None))
    assert Judge(PICTURE).score(pictures.opened(data)) == pytest.approx(score, abs=2)
    assert len(attempts) <= 3


def test_auto_takes_more_bytes_for_what_is_harder_to_keep():
    flat = Image.new("RGB", PICTURE.size, "navy")
    assert encoded(Format.WEBP, flat, quality="auto") == encoded(Format.WEBP, flat, quality=15)
    sizes = [len(encoded(Format.WEBP, quality="auto", target=score)) for score in (50, 65, 80)]
    assert sizes == sorted(sizes)


def test_auto_with_high_effort_judges_what_that_makes():
    data = encoded(Format.JPEG, quality="auto", target=70, effort=Effort.HIGH)
    assert Judge(PICTURE).score(pictures.opened(data)) == pytest.approx(70, abs=1.5)


@pytest.mark.parametrize(("target", "fields"), [(Format.PNG, {}), (Format.GIF, {}), (Format.WEBP, {"lossless": True})])
def test_auto_is_the_default_where_nothing_is_lost_to_quality(target, fields):
    assert encoded(target, quality="auto", **fields) == encoded(target, **fields)


def test_bytes_come_before_the_score():
    room = len(encoded(Format.JPEG, quality="auto", target=60))
    assert len(encoded(Format.JPEG, quality="auto", target=85, max_bytes=room)) <= room
    with pytest.raises(VariantTooLarge):
        encoded(Format.JPEG, quality="auto", max_bytes=20)


def test_a_score_out_of_reach_is_approached_as_far_as_the_format_goes():
    """WebP has half the colour's resolution: fine red lines are lost in it at any quality."""
    picture = Image.new("RGB", (128, 128), "blue")
    for column in range(0, 128, 2):
        picture.paste((255, 0, 0), (column, 0, column + 1, 128))
    assert encoded(Format.WEBP, picture, quality="auto", target=95) == encoded(Format.WEBP, picture, quality=100)


def test_of_what_moves_the_first_frame_is_judged(monkeypatch):
    judged = []
    monkeypatch.setattr(aim, "Judge", lambda image: judged.append(image) or Judge(image))
    data = encoded(Format.WEBP, PICTURE, PICTURE.transpose(Image.Transpose.FLIP_LEFT_RIGHT), quality="auto")
    assert judged == [PICTURE]
    assert pictures.opened(data).n_frames == 2


def test_of_a_large_picture_the_middle_is_judged(monkeypatch):
    monkeypatch.setattr(aim, "JUDGED_PIXELS", 3_000)
    part = aim.sample(PICTURE)
    assert part.size == (63, 47)
    assert part.tobytes() == PICTURE.crop((128, 96, 191, 143)).tobytes()
    assert pictures.opened(encoded(Format.JPEG, quality="auto")).size == PICTURE.size
