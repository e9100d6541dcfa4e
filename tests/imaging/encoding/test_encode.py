"""Quality, sizes in bytes, palettes."""

import pytest
from PIL import Image

from chalicelib.errors import InvalidRequest, ResourcesExceeded, VariantTooLarge
from chalicelib.imaging.animation import Film
from chalicelib.imaging.boundary import encodable
from chalicelib.imaging.encoding import encode as module
from chalicelib.imaging.encoding.encode import encode
from chalicelib.imaging.metadata import Kept
from chalicelib.model.picture import Format, VariantSpec
from tests.imaging import pictures

PICTURE = pictures.photograph(160, 120)


def encoded(target, image=PICTURE, *, palette=False, **fields):
    spec = VariantSpec(name="a", **fields)
    return encode(Film([image], [0], 0), spec, target, Kept(), palette=palette, checkpoint=lambda: None)


@pytest.mark.parametrize("target", list(Format))
def test_bytes_grow_with_quality(target):
    sizes = [len(encoded(target, quality=quality)) for quality in (5, 40, 75, 95)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


@pytest.mark.parametrize("target", list(Format))
def test_max_bytes_gets_the_best_quality_that_fits_in_few_encodes(target, monkeypatch):
    room = len(encoded(target, quality=50)) + 10
    asked = []
    save = module._save  # noqa: SLF001 - counted

    def noted(film, spec, target, kept, quality):
        asked.append(quality)
        return save(film, spec, target, kept, quality)

    monkeypatch.setattr(module, "_save", noted)
    data = encoded(target, max_bytes=room)
    assert len(data) <= room
    assert len(asked) <= 8
    monkeypatch.undo()
    fitting = [quality for quality in asked if len(encoded(target, quality=quality)) <= room]
    assert data == encoded(target, quality=max(fitting))
    assert len(encoded(target, quality=max(fitting) + 1)) > room


def test_the_deadline_holds_between_attempts():
    attempts = []
    room = len(encoded(Format.JPEG, quality=50))
    spec = VariantSpec(name="a", max_bytes=room)
    film = Film([PICTURE], [0], 0)
    encode(film, spec, Format.JPEG, Kept(), palette=False, checkpoint=lambda: attempts.append(None))
    assert len(attempts) > 3


def test_max_bytes_keeps_the_quality_asked_for_when_it_fits():
    assert encoded(Format.JPEG, max_bytes=10**6, quality=70) == encoded(Format.JPEG, quality=70)


@pytest.mark.parametrize("fields", [{}, {"lossless": True}])
def test_max_bytes_that_nothing_fits_in_is_an_error(fields):
    with pytest.raises(VariantTooLarge, match="fit in 20 bytes"):
        encoded(Format.WEBP, max_bytes=20, **fields)


def test_lossless_says_nothing_to_a_jpeg():
    room = len(encoded(Format.JPEG)) - 100
    assert encoded(Format.JPEG, lossless=True, max_bytes=room) == encoded(Format.JPEG, max_bytes=room)


def test_lossless_is_not_traded_for_bytes_in_one_attempt():
    attempts = []
    spec = VariantSpec(name="a", lossless=True, max_bytes=len(encoded(Format.WEBP, lossless=True)) - 1)
    film = Film([PICTURE], [0], 0)
    with pytest.raises(VariantTooLarge):
        encode(film, spec, Format.WEBP, Kept(), palette=False, checkpoint=lambda: attempts.append(None))
    assert len(attempts) == 1


@pytest.mark.parametrize("target", [Format.WEBP, Format.PNG])
def test_lossless_is(target):
    data = encoded(target, lossless=True, quality=30)
    assert pictures.opened(data).convert("RGB").tobytes() == PICTURE.tobytes()


def test_lossless_avif_is_as_near_as_its_colour_space_comes():
    largest, mean = pictures.difference(pictures.opened(encoded(Format.AVIF, lossless=True)), PICTURE)
    assert largest <= 4
    assert mean <= 1


def test_a_png_of_a_palette_original_stays_small():
    art = pictures.photograph(160, 120).quantize(16).convert("RGB").resize((100, 75), Image.Resampling.LANCZOS)
    as_palette, as_colour = encoded(Format.PNG, art, palette=True), encoded(Format.PNG, art)
    assert pictures.opened(as_palette).mode == "P"
    assert len(as_palette) < 0.7 * len(as_colour)
    assert pictures.difference(pictures.opened(as_palette).convert("RGB"), art)[1] < 8


def test_quality_of_a_png_is_its_number_of_colours():
    image = pictures.opened(encoded(Format.PNG, quality=25))
    assert image.mode == "P"
    assert len(image.getcolors()) <= 64


def test_a_palette_for_the_asking_keeps_soft_alpha_in_a_png_and_a_hard_one_in_a_gif():
    image = pictures.scenery(64, 64, "RGBA")
    soft = pictures.opened(encoded(Format.PNG, image, quality=99)).convert("RGBA").getchannel("A")
    assert len(soft.getcolors()) > 8
    assert pictures.difference(soft, image.getchannel("A"))[1] < 8
    hard = pictures.opened(encoded(Format.GIF, image)).convert("RGBA").getchannel("A")
    expected = image.getchannel("A").point(lambda level: 255 * (level >= 128))
    assert hard.tobytes() == expected.tobytes()


def test_a_picture_with_soft_alpha_needs_more_than_the_palette_that_its_original_had():
    image = pictures.scenery(64, 64, "RGBA")
    made = pictures.opened(encoded(Format.PNG, image, palette=True))
    assert (made.mode, made.tobytes()) == ("RGBA", image.tobytes())


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("target", [Format.PNG, Format.GIF])
def test_large_areas_of_one_colour_keep_it_in_a_palette(target, mode):
    """Among as many soft edges and shades as one likes, which take the rest of the palette."""
    image = pictures.photograph(400, 300)
    image.paste((255, 255, 255), (0, 0, 400, 150))
    image.paste((255, 102, 0), (50, 20, 90, 60))
    image.paste((1, 2, 3), (100, 20, 140, 60))
    image = image.resize((200, 150), Image.Resampling.LANCZOS).convert(mode)
    if mode == "RGBA":
        image.paste((0, 0, 0, 0), (0, 140, 200, 150))
    made = pictures.opened(encoded(target, image, palette=True)).convert("RGB")
    assert pictures.opened(encoded(target, image, palette=True)).mode == "P"
    flat = [(10, 60), (35, 20), (60, 20)]
    assert [made.getpixel(at) for at in flat] == [(255, 255, 255), (255, 102, 0), (1, 2, 3)]


@pytest.mark.parametrize("target", [Format.PNG, Format.GIF])
def test_as_few_colours_as_a_palette_holds_all_stay(target):
    image = Image.new("RGB", (64, 64))
    image.putdata([(at // 16, 7 * (at // 16) % 256, 251 - at // 16 % 250) for at in range(64 * 64)])
    assert pictures.opened(encoded(target, image, palette=True)).convert("RGB").tobytes() == image.tobytes()


def test_a_palette_takes_the_nearest_of_well_chosen_colours():
    """The mean difference was 5.6 while colours were looked up by their upper bits, and dithered."""
    image = pictures.photograph(320, 240)
    assert pictures.difference(pictures.opened(encoded(Format.GIF, image)).convert("RGB"), image)[1] < 5.2


def test_a_moving_png_keeps_its_colours_whatever_its_quality():
    frames = [Image.new("RGB", (8, 8), colour) for colour in (pictures.RED, pictures.GREEN)]
    film = Film(frames, [50, 50], 0)
    spec = VariantSpec(name="a", quality=10)
    made = pictures.opened(encode(film, spec, Format.PNG, Kept(), palette=True, checkpoint=lambda: None))
    assert made.mode == "RGB"
    made.seek(1)
    assert made.convert("RGB").getpixel((4, 4)) == pictures.GREEN
    with pytest.raises(VariantTooLarge):
        encode(film, VariantSpec(name="a", max_bytes=60), Format.PNG, Kept(), palette=True, checkpoint=lambda: None)


def test_progressive_is_for_the_asking():
    assert "progressive" not in pictures.opened(encoded(Format.JPEG)).info
    assert pictures.opened(encoded(Format.JPEG, progressive=True)).info["progressive"] == 1


def test_grey_stays_grey():
    assert pictures.opened(encoded(Format.JPEG, PICTURE.convert("L"))).mode == "L"
    assert pictures.opened(encoded(Format.PNG, PICTURE.convert("L"))).mode == "L"


@pytest.mark.parametrize("said", ["Conversion to YUV failed: Out of memory", "Encoding of color planes failed"])
def test_an_encoder_without_memory_is_no_wrong_request(said):
    with pytest.raises(ResourcesExceeded, match="needs more memory than there is"), encodable("large", "avif"):
        raise RuntimeError(f"Failed to encode image: {said}")
    with pytest.raises(InvalidRequest), encodable("large", "avif"):
        raise RuntimeError("Failed to encode image: Invalid argument")
