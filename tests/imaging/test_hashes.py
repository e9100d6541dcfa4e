"""Fingerprints: ThumbHash against its reference implementation, the others against their definitions."""

import base64

import pytest
from PIL import Image

from chalicelib.imaging.hashes import dominant_color, perceptual_hash, thumbhash
from tests.imaging import pictures


def ramps(width, height, *, alpha):
    """Red grows to the right and green downwards, blue is a saw, and alpha grows along the diagonal."""
    rows = [
        [
            (255 * x // (width - 1), 255 * y // (height - 1), (x * 7 + y * 3) % 256)
            + ((255 * (x + y) // (width + height - 2),) if alpha else ())
            for x in range(width)
        ]
        for y in range(height)
    ]
    return pictures.image_of(rows, "RGBA" if alpha else "RGB")


def fields(text, *, header_only=False):
    """What a ThumbHash holds: its shape, and as whole numbers the means and scales and the coefficients."""
    data = base64.b64decode(text)
    first, second = int.from_bytes(data[:3], "little"), int.from_bytes(data[3:5], "little")
    has_alpha = first >> 23
    header = [first & 63, first >> 6 & 63, first >> 12 & 63, first >> 18 & 31, second >> 3 & 63, second >> 9 & 63]
    rest = [nibble for byte in data[5:] for nibble in (byte & 15, byte >> 4)]
    return (has_alpha, second & 7, second >> 15, len(data)), header + rest * (not header_only)


@pytest.mark.parametrize(
    ("size", "alpha", "reference"),
    [
        ((32, 24), False, "4PcRLZpwd3hyeHiHh3eHeLugCfh3"),
        ((24, 32), False, "HwgSFRqAh4F4iIh4iIh4iI9wCPh3"),
        ((32, 32), True, "JfiFHQ4ncHmSapl3iOXgC/lngIeAh3h4iA=="),
        ((32, 5), False, "XvgROaCAh4eCiIiIjHAY+Hg="),
        ((20, 32), True, "pOiFCw4nkLKnd4h6kArpWHOHcHiIeIc="),
    ],
)
def test_thumbhash_is_that_of_the_npm_package_within_a_step(size, alpha, reference):
    """The references come from `rgbaToThumbHash` of npm's thumbhash 0.1.1, on the same pixels.

    A step is allowed, because coefficients that are exactly nought lie on the edge between two of them.
    """
    shape, values = fields(thumbhash(ramps(*size, alpha=alpha)))
    expected_shape, expected = fields(reference)
    assert shape == expected_shape
    assert max(abs(one - other) for one, other in zip(values, expected, strict=True)) <= 1


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("colour", [0, 255])
def test_flat_pictures_have_a_thumbhash(mode, colour):
    picture = Image.new(mode, (8, 8), (colour,) * 3 + (255,) * (mode == "RGBA"))
    _, (light, *_, light_scale, yellow_scale, red_scale) = fields(thumbhash(picture), header_only=True)
    assert light == (63 if colour else 0)
    assert (light_scale, yellow_scale, red_scale) == (0, 0, 0)


@pytest.mark.parametrize(
    ("colour", "header"),
    [
        (pictures.WHITE, [63, 32, 32]),
        ((255, 255, 0), [42, 63, 32]),
        (pictures.BLUE, [21, 0, 32]),
        (pictures.RED, [21, 47, 63]),
    ],
)
def test_the_means_of_a_thumbhash_are_lightness_yellow_blue_and_red_green(colour, header):
    """63 (R + G + B) / 3, 31.5 + 31.5 ((R + G) / 2 - B), 31.5 + 31.5 (R - G), rounded half up."""
    assert fields(thumbhash(Image.new("RGB", (8, 8), colour)))[1][:3] == header


def test_a_wholly_transparent_picture_has_a_thumbhash():
    shape, _ = fields(thumbhash(Image.new("RGBA", (8, 8), (0, 0, 0, 0))))
    assert shape[0] == 1


def test_the_dominant_colour_is_the_mean_of_the_commonest_ones():
    picture = Image.new("RGB", (10, 10), (200, 16, 16))
    picture.paste((202, 18, 20), (0, 0, 10, 5))
    picture.paste((0, 0, 255), (0, 0, 4, 4))
    assert dominant_color(picture) == "#c91112"


def test_transparent_pixels_have_no_say_in_the_dominant_colour():
    picture = Image.new("RGBA", (10, 10), (0, 255, 0, 0))
    picture.paste((250, 0, 0, 255), (0, 0, 3, 3))
    assert dominant_color(picture) == "#fa0000"
    assert dominant_color(Image.new("RGBA", (4, 4), (9, 9, 9, 0))) == "#090909"


def test_the_perceptual_hash_is_one_bit_for_each_rise_to_the_right():
    rising = pictures.image_of([[(x * 20,) * 3 for x in range(9)]] * 8)
    assert perceptual_hash(rising) == "f" * 16
    assert perceptual_hash(rising.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) == "0" * 16
    one_row = [[(x * 20 if y == 0 else 0,) * 3 for x in range(9)] for y in range(8)]
    assert perceptual_hash(pictures.image_of(one_row)) == "ff" + "0" * 14


def test_the_perceptual_hash_survives_compression_and_scaling():
    picture = pictures.scenery(400, 300)
    changed = pictures.opened(pictures.file_of(picture.resize((220, 170)), "JPEG", quality=40))
    bits = int(perceptual_hash(picture), 16) ^ int(perceptual_hash(changed), 16)
    assert bits.bit_count() <= 4
