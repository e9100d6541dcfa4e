"""What `entropy` and `attention` look for, in pictures that have it in one place."""

import random

import pytest
from PIL import Image, ImageDraw

from chalicelib.imaging.drawing import focus
from chalicelib.imaging.drawing.geometry import CENTER
from chalicelib.imaging.drawing.pyramid import Pyramid
from chalicelib.imaging.render import render
from chalicelib.model.picture import Fit, Position, Size, VariantSpec
from tests.imaging import pictures

GREY = (120, 120, 120)


def anchor(picture, part, position):
    pyramid = Pyramid.of(picture.copy(), Size(*picture.size), turn=1, profile=None)
    return focus.find(pyramid, Size(*part), position)


def noise_in(box, size=(400, 200)):
    chance = random.Random(7)
    picture = Image.new("RGB", size, GREY)
    width, height = box[2] - box[0], box[3] - box[1]
    picture.paste(Image.frombytes("RGB", (width, height), chance.randbytes(width * height * 3)), box[:2])
    return picture


@pytest.mark.parametrize("position", [Position.ENTROPY, Position.ATTENTION])
@pytest.mark.parametrize(("left", "low", "high"), [(0, 0, 0.25), (150, 0.3, 0.7), (300, 0.75, 1)])
def test_the_window_goes_where_something_is(position, left, low, high):
    found = anchor(noise_in((left, 50, left + 100, 150)), (200, 200), position)
    assert low <= found.across <= high
    assert found.down == 0.5


@pytest.mark.parametrize("position", [Position.ENTROPY, Position.ATTENTION])
def test_a_high_picture_is_searched_from_top_to_bottom(position):
    found = anchor(noise_in((50, 0, 150, 100), size=(200, 400)), (200, 200), position)
    assert found.down <= 0.25
    assert found.across == 0.5


@pytest.mark.parametrize("position", [Position.ENTROPY, Position.ATTENTION])
def test_a_flat_picture_is_cropped_in_the_middle(position):
    assert anchor(Image.new("RGB", (400, 200), GREY), (200, 200), position) == CENTER


def test_attention_prefers_a_face_to_texture_of_equal_size():
    picture = noise_in((0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    for x in range(20, 110, 6):
        draw.line((x, 60, x, 140), fill=(140, 140, 140))
    draw.ellipse((300, 60, 380, 140), fill=(224, 172, 140))
    assert anchor(picture, (120, 200), Position.ATTENTION).across > 0.6


def test_the_crop_follows():
    picture = noise_in((300, 50, 400, 150))
    spec = VariantSpec(name="a", width=100, height=100, fit=Fit.COVER, position=Position.ENTROPY)
    centred = VariantSpec(name="b", width=100, height=100, fit=Fit.COVER)
    follows, centre = (
        pictures.opened(variant.data) for variant in render(pictures.file_of(picture, "PNG"), [spec, centred]).variants
    )
    assert follows.getpixel((10, 50)) == GREY
    assert follows.crop((50, 25, 100, 75)).convert("L").entropy() > 4
    assert centre.crop((0, 0, 100, 100)).convert("L").entropy() < 1
