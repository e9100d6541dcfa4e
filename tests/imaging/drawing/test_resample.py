"""SIMD and Pillow give one picture, whole or in bands."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from chalicelib.imaging.drawing import resample as module
from chalicelib.imaging.drawing.resample import MODES, premultiplied, resample, straight
from chalicelib.model.picture import Size
from tests.imaging import pictures

pytestmark = pytest.mark.skipif(not module.HAS_SIMD, reason="the SIMD resizer is not installed: there is one way only")


def picture(mode, width=150, height=110):
    if mode == "RGBa":
        return pictures.scenery(width, height, "RGBA").convert("RGBa")
    return pictures.scenery(width, height, mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [Size(37, 29), Size(150, 20), Size(300, 200), Size(1, 1)])
def test_simd_is_pillow_within_5_levels_and_half_a_level_on_average(mode, size):
    image = picture(mode)
    one, other = (resample(image, size, simd=simd) for simd in (True, False))
    largest, mean = pictures.difference(one, other)
    assert largest <= 5
    assert mean <= 0.5


@pytest.mark.parametrize("area", [(10.5, 20.25, 99.75, 88.0), (0.0, 0.0, 150.0, 110.0), (149.0, 109.0, 150.0, 110.0)])
def test_a_part_of_an_image_is_the_same_part_both_ways(area):
    image = picture("RGB")
    largest, mean = pictures.difference(*(resample(image, Size(40, 30), area, simd=simd) for simd in (True, False)))
    assert largest <= 5
    assert mean <= 0.5


@pytest.mark.parametrize("mode", MODES)
def test_bands_leave_no_seam(mode, monkeypatch):
    image = picture(mode)
    whole = resample(image, Size(70, 50), (3.3, 4.4, 140.2, 105.5))
    monkeypatch.setattr(module, "SMALL_BYTES", 1000)
    assert resample(image, Size(70, 50), (3.3, 4.4, 140.2, 105.5)).tobytes() == whole.tobytes()


@pytest.mark.parametrize(
    ("size", "width", "height", "bands"),
    [
        (Size(128, 96), 2000, 1500, 1),
        (Size(1280, 960), 2000, 1500, 4),
        (Size(1280, 960), 4000, 3000, 2),
        (Size(16_000, 8_000), 100, 50, 2),
        (Size(16_000, 1), 16_000, 1_000, 1),
    ],
)
def test_bands_are_as_few_as_memory_allows(size, width, height, bands):
    assert module._bands(size, width, height) == bands  # noqa: SLF001 - the rule under test


def test_rounding_does_not_carry_the_last_band_over_the_edge(monkeypatch):
    """18.04... + 192 x ((118 - 18.04...) / 192) is more than 118 in floats, which the resizer refuses."""
    monkeypatch.setattr(module, "_bands", lambda *_: 2)
    assert resample(Image.new("L", (10, 118)), Size(3, 192), (0, 18.043461920179094, 10, 118)).size == (3, 192)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_every_area_inside_an_image_is_accepted(data):
    width, height = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))
    left = data.draw(st.floats(0, width - 0.5))
    top = data.draw(st.floats(0, height - 0.5))
    right = data.draw(st.floats(left + 0.25, width) | st.just(float(width)))
    bottom = data.draw(st.floats(top + 0.25, height) | st.just(float(height)))
    size = Size(data.draw(st.integers(1, 120)), data.draw(st.integers(1, 120)))
    assert resample(Image.new("L", (width, height)), size, (left, top, right, bottom)).size == size


def test_alpha_is_multiplied_and_divided_as_pillow_does_within_a_level():
    image = picture("RGBA")
    largest, _ = pictures.difference(premultiplied(image.copy()), image.convert("RGBa"))
    assert largest <= 1
    scaled = image.convert("RGBa")
    largest, _ = pictures.difference(straight(scaled), scaled.convert("RGBA"))
    assert largest <= 1
    assert straight(scaled, simd=False).tobytes() == scaled.convert("RGBA").tobytes()
    assert premultiplied(image.copy(), simd=False).tobytes() == scaled.tobytes()


def test_straightening_leaves_its_image_alone():
    image = picture("RGBa")
    before = image.tobytes()
    straight(image)
    assert (image.mode, image.tobytes()) == ("RGBa", before)
