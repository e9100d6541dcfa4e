"""Colours that a file declares by numbers: known patches, beside what the standards' formulas give."""

import math
import struct
import zlib

import pytest
from PIL import Image

from chalicelib.errors import UnsupportedFormat
from chalicelib.imaging.colours import cicp
from chalicelib.imaging.render import render
from chalicelib.model.picture import Format, VariantSpec
from tests.imaging import heics, pictures

PATCHES = [(200, 100, 50), (40, 90, 160), (128, 128, 128), (250, 250, 250), (10, 10, 10), (90, 140, 60)]

BT2020 = ((0.67348, 0.16567, 0.12505), (0.27903, 0.67535, 0.04562), (-0.00193, 0.02998, 0.79706))
"""Red, green and blue of BT.2020 as columns of XYZ, adapted to D50, as ICC profiles in circulation have them."""


def srgb_light(level):
    return level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4


def bt709_light(level):
    """The inverse of BT.709's transfer characteristics, with the rounded constants of the recommendation."""
    return level / 4.5 if level < 0.081 else ((level + 0.099) / 1.099) ** (1 / 0.45)


def pq_nits(level):
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = level ** (1 / m2)
    return 10_000 * (max(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)


def pq_level(nits):
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if pq_nits(middle) < nits else (low, middle)
    return low


def hlg_level(scene):
    return math.sqrt(3 * scene) if scene <= 1 / 12 else 0.17883277 * math.log(12 * scene - 0.28466892) + 0.55991073


def expected(matrix, light, pixel):
    linear = [light(level / 255) for level in pixel]
    return pictures.srgb_of_xyz([sum(row[at] * linear[at] for at in range(3)) for row in matrix])


def png(pixel, *numbers, mode="RGB", before=()):
    chunks = [*before, (b"cICP", bytes(numbers))]
    if mode == "L":
        return pictures.png((8, 8, 8, 0), (b"\0" + bytes(pixel[:1]) * 8) * 8, *chunks)
    return pictures.png((8, 8, 8, 2), (b"\0" + bytes(pixel) * 8) * 8, *chunks)


def avif(pixel, primaries, transfer, *, frames=1):
    image = Image.new("RGB", (16, 16), pixel)
    moving = {"save_all": True, "append_images": [image.rotate(90)] * (frames - 1)} if frames > 1 else {}
    data = pictures.file_of(image, "AVIF", quality=100, subsampling="4:4:4", **moving)
    assert b"colrnclx" in data
    for at in range(len(data)):
        if data[at : at + 8] == b"colrnclx":
            data = data[: at + 8] + struct.pack(">HH", primaries, transfer) + data[at + 12 :]
    return data


def heic(pixel, primaries, transfer):
    return heics.heic([heics.coded(Image.new("RGB", (64, 64), pixel), heics.nclx(primaries, transfer, 6))])


FILES = {"png": lambda pixel, *numbers: png(pixel, *numbers, 0, 1), "avif": avif, "heic": heic}


def shown(data):
    variant = pictures.opened(render(data, [VariantSpec(name="a", format=Format.PNG, lossless=True)]).variants[0].data)
    return variant.convert("RGB").getpixel((4, 4))


@pytest.mark.parametrize("pixel", PATCHES)
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("numbers", "matrix", "light"),
    [
        ((12, 13), pictures.DISPLAY_P3, srgb_light),
        ((9, 1), BT2020, bt709_light),
        ((9, 14), BT2020, bt709_light),
        ((1, 4), pictures.SRGB, lambda level: level**2.2),
        ((1, 8), pictures.SRGB, lambda level: level),
        ((1, 13), pictures.SRGB, srgb_light),
        ((2, 2), pictures.SRGB, srgb_light),
    ],
)
def test_standard_colours_become_srgb(name, numbers, matrix, light, pixel):
    wanted = expected(matrix, light, pixel)
    # YCbCr of 8 bits costs a level or two, and the curves of linear light make more of it in the dark
    assert shown(FILES[name](pixel, *numbers)) == pytest.approx(wanted, abs=2 if name == "png" else 6)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("nits", "seen"), [(0, 0), (1, 15), (10, 63), (26, 100), (58, 146), (203, 229), (1000, 255)])
def test_pq_greys_keep_their_light_up_to_the_knee_and_white_is_near_white(name, nits, seen):
    """Below 88 candelas nothing is mapped: sRGB of nits / 203. Reference white lands below white."""
    code = round(255 * pq_level(nits))
    if nits <= 58:
        light = pq_nits(code / 255) / 203
        assert pictures.srgb_of_linear([light] * 3)[0] == pytest.approx(seen, abs=4)
        seen = pictures.srgb_of_linear([light] * 3)[0]
    assert shown(FILES[name]((code,) * 3, 9, 16)) == pytest.approx((seen,) * 3, abs=3)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("nits", [10, 26, 58])
def test_hlg_greys_show_what_a_display_of_1000_candelas_would(name, nits):
    code = round(255 * hlg_level((nits / 1000) ** (1 / 1.2)))
    wanted = pictures.srgb_of_linear([nits / 203] * 3)
    assert shown(FILES[name]((code,) * 3, 9, 18)) == pytest.approx(wanted, abs=3)


def test_reference_white_is_the_same_from_pq_and_hlg():
    pq, hlg = round(255 * pq_level(203)), round(255 * 0.75)
    assert shown(png((pq,) * 3, 9, 16, 0, 1)) == pytest.approx(shown(png((hlg,) * 3, 9, 18, 0, 1)), abs=2)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("scene", [(0.10, 0.03, 0.01), (0.03, 0.06, 0.02), (0.02, 0.03, 0.08), (0.03, 0.03, 0.03)])
def test_hlg_colours_are_those_of_a_display_of_1000_candelas(name, scene):
    """By the OOTF of BT.2100, on luminance; below the knee nothing else happens to them."""
    pixel = tuple(round(255 * hlg_level(part)) for part in scene)
    luminance = 0.2627 * scene[0] + 0.6780 * scene[1] + 0.0593 * scene[2]
    light = [1000 * luminance**0.2 * part / 203 for part in scene]
    wanted = pictures.srgb_of_xyz([sum(row[at] * light[at] for at in range(3)) for row in BT2020])
    assert shown(FILES[name](pixel, 9, 18)) == pytest.approx(wanted, abs=4 if name == "png" else 6)


def test_hdr_colours_below_the_knee_have_the_right_hue():
    linear = (0.2, 0.1, 0.05)
    pixel = tuple(round(255 * pq_level(203 * light)) for light in linear)
    wanted = pictures.srgb_of_xyz([sum(row[at] * linear[at] for at in range(3)) for row in BT2020])
    assert shown(png(pixel, 9, 16, 0, 1)) == pytest.approx(wanted, abs=4)


@pytest.mark.parametrize("level", [16, 60, 128, 235])
def test_a_png_of_narrow_range_is_widened(level):
    wanted = round(255 * (level - 16) / 219)
    assert shown(png((level,) * 3, 1, 13, 0, 0)) == pytest.approx((wanted,) * 3, abs=1)


def test_grey_pngs_are_minded_too():
    wanted = pictures.srgb_of_linear([128 / 255] * 3)
    assert shown(png((128,), 1, 8, 0, 1, mode="L")) == pytest.approx(wanted, abs=1)


def test_numbers_go_before_a_profile_in_a_png():
    profile = zlib.compress(pictures.rgb_profile(pictures.ADOBE_RGB, 1.0))
    data = png((200, 100, 50), 1, 13, 0, 1, before=[(b"iCCP", b"x\0\0" + profile)])
    assert shown(data) == (200, 100, 50)


def test_a_profile_goes_before_numbers_in_a_heic():
    profile = pictures.rgb_profile(pictures.DISPLAY_P3, 2.2)
    item = heics.coded(Image.new("RGB", (64, 64), (200, 100, 50)), heics.nclx(9, 16, 6))
    item.properties.append(heics.box(b"colr", b"prof" + profile))
    wanted = pictures.srgb_of_rgb(pictures.DISPLAY_P3, 2.2, (200, 100, 50))
    assert shown(heics.heic([item])) == pytest.approx(wanted, abs=5)


def test_a_grid_without_colours_has_those_of_its_tiles():
    tile = heics.coded(Image.new("RGB", (64, 64), (200, 100, 50)), heics.nclx(12, 13, 6))
    wanted = expected(pictures.DISPLAY_P3, srgb_light, (200, 100, 50))
    assert shown(heics.heic([heics.grid(1, 1, 64, 64, [2]), tile])) == pytest.approx(wanted, abs=5)


def test_a_moving_avif_has_the_colours_of_its_track():
    wanted = expected(pictures.DISPLAY_P3, srgb_light, (200, 100, 50))
    assert shown(avif((200, 100, 50), 12, 13, frames=2)) == pytest.approx(wanted, abs=5)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (png((1, 2, 3), 1, 25, 0, 1), "transfer characteristics 25"),
        (png((1, 2, 3), 30, 13, 0, 1), "primaries 30"),
        (png((1, 2, 3), 9, 16, 9, 1), "matrix 9: expected RGB"),
        (avif((1, 2, 3), 1, 19), "transfer characteristics 19"),
    ],
)
def test_numbers_that_nobody_knows_are_refused_in_words(data, words):
    with pytest.raises(UnsupportedFormat, match=words):
        render(data, [])


@pytest.mark.parametrize("primaries", [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22])
def test_white_is_white_in_every_space(primaries):
    assert shown(png((255, 255, 255), primaries, 13, 0, 1)) == pytest.approx((255, 255, 255), abs=1)


def test_srgb_by_numbers_costs_nothing():
    assert cicp.profile(cicp.Cicp(1, 13, 6, full_range=True), grey=False) is None
