"""What encoders are told: effort, and AVIF by size."""

import pytest
from PIL import Image

from chalicelib.errors import InvalidRequest
from chalicelib.imaging.animation import Film
from chalicelib.imaging.encoding.codecs import LARGE_AVIF, options
from chalicelib.imaging.encoding.encode import encode
from chalicelib.imaging.encoding.visual import Judge
from chalicelib.imaging.metadata import Kept
from chalicelib.model.picture import Effort, Format, Size, VariantSpec
from localcloud import photo
from tests.imaging import pictures

PICTURE = pictures.photograph(256, 192)
PHOTO = Image.open(photo.TARGET).resize((320, 240), Image.Resampling.LANCZOS)


def encoded(output, *frames, kept=Kept(), **fields):  # noqa: B008 - frozen
    film = Film(list(frames or [PICTURE]), [50] * (len(frames) or 1), 0)
    return encode(film, VariantSpec(name="a", **fields), output, kept, palette=False, checkpoint=lambda: None)


@pytest.mark.parametrize("output", [Format.JPEG, Format.WEBP, Format.AVIF])
def test_high_effort_takes_fewer_bytes_for_the_same_score(output):
    """The bytes at a score lie between those of two qualities, on a logarithmic scale."""
    judge = Judge(PICTURE)
    spent = []
    for effort in Effort:
        made = [encoded(output, effort=effort, quality=quality) for quality in (50, 85)]
        low, high = (judge.score(pictures.opened(data)) for data in made)
        share = (68 - low) / (high - low)
        spent.append(len(made[0]) ** (1 - share) * len(made[1]) ** share)
    assert spent[1] < 0.99 * spent[0]


def test_high_effort_packs_the_same_png():
    picture = pictures.scenery(256, 192)
    normal, high = (encoded(Format.PNG, picture, effort=effort) for effort in (Effort.NORMAL, Effort.HIGH))
    assert len(high) < len(normal)
    assert pictures.opened(high).tobytes() == picture.tobytes()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_of_high_effort_keeps_mode_and_metadata(mode):
    exif = Image.Exif()
    exif[0x8298] = "Somebody"
    kept = Kept(exif=exif.tobytes(), xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    made = pictures.opened(encoded(Format.JPEG, PICTURE.convert(mode), kept=kept, effort=Effort.HIGH))
    assert (made.mode, made.size, made.info["progressive"]) == (mode, PICTURE.size, 1)
    assert made.getexif()[0x8298] == "Somebody"
    assert made.info["xmp"] == kept.xmp
    assert "exif" not in pictures.opened(encoded(Format.JPEG, effort=Effort.HIGH)).info


@pytest.mark.parametrize("effort", list(Effort))
def test_metadata_too_long_for_a_jpeg_is_refused(effort):
    with pytest.raises(InvalidRequest, match="cannot be encoded as jpeg"):
        encoded(Format.JPEG, kept=Kept(xmp=b"x" * 65_600), effort=effort)


@pytest.mark.parametrize("effort", list(Effort))
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_avif_of_the_highest_quality_can_be_made(effort, mode):
    made = pictures.opened(encoded(Format.AVIF, PICTURE.convert(mode), effort=effort, quality=100))
    assert pictures.difference(made.convert("RGB"), PICTURE.convert(mode).convert("RGB"))[1] < 2


def test_large_avifs_are_made_fastest():
    side = 600
    small, large = (
        options(VariantSpec(name="a"), Format.AVIF, 52, size, moves=False)
        for size in (Size(side, LARGE_AVIF // side - 1), Size(side, LARGE_AVIF // side))
    )
    assert (small["speed"], large["speed"]) == (8, 9)


def test_a_film_is_made_of_differences():
    frames = [PHOTO.crop((4 * shift, 2 * shift, 4 * shift + 160, 2 * shift + 120)) for shift in range(8)]
    assert len(encoded(Format.AVIF, *frames)) < 0.31 * sum(len(encoded(Format.AVIF, frame)) for frame in frames)


def test_quality_means_the_same_whether_tuned_or_not():
    """At the default quality, as libavif takes it without tuning: 64.6."""
    judge = Judge(PICTURE)
    plain = pictures.file_of(PICTURE, "AVIF", quality=52, subsampling="4:4:4", speed=8)
    score = judge.score(pictures.opened(plain))
    for effort in Effort:
        assert judge.score(pictures.opened(encoded(Format.AVIF, effort=effort))) == pytest.approx(score, abs=4)
