"""Colours against values worked out from the definitions of their spaces, in pictures.py, which shares no code."""

import struct

import pytest
from PIL import Image, ImageCms

from chalicelib.errors import InvalidRequest, UnsupportedFormat
from chalicelib.imaging.colours import colour
from chalicelib.imaging.render import render
from chalicelib.model.picture import Fit, Format, Size, VariantSpec
from tests.imaging import pictures

PATCH = 8

AS_PNG = VariantSpec(name="png", format=Format.PNG)


def rendered(data: bytes, spec: VariantSpec = AS_PNG) -> Image.Image:
    return pictures.opened(render(data, [spec]).variants[0].data)


def patches(pixels, mode):
    """A picture of flat squares in a row, one a pixel."""
    row = [pixel for pixel in pixels for _ in range(PATCH)]
    return pictures.image_of([row] * PATCH, mode)


def middles(image, count):
    return [image.convert("RGB").getpixel((PATCH * number + PATCH // 2, PATCH // 2)) for number in range(count)]


def close(one, other, tolerance):
    return all(abs(left - right) <= tolerance for left, right in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("primaries", "gamma"),
    [(pictures.DISPLAY_P3, 2.2), (pictures.ADOBE_RGB, 2.19921875), (pictures.PROPHOTO, 1.8)],
    ids=["P3", "Adobe RGB", "ProPhoto"],
)
@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_wide_gamut_becomes_srgb_within_3_levels(primaries, gamma, name):
    pixels = [(255, 255, 255), (128, 128, 128), (200, 120, 90), (60, 140, 100), (90, 90, 180)]
    picture = patches(pixels, "RGB")
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(name, {})
    data = pictures.file_of(picture, name, icc_profile=pictures.rgb_profile(primaries, gamma), **options)
    expected = [pictures.srgb_of_rgb(primaries, gamma, pixel) for pixel in pixels]
    found = middles(rendered(data), len(pixels))
    assert all(close(one, other, 3) for one, other in zip(found, expected, strict=True)), (found, expected)


def test_a_profile_keeps_alpha_and_is_applied_to_straight_colour():
    data = pictures.file_of(
        patches([(200, 120, 90, 128)], "RGBA"), "PNG", icc_profile=pictures.rgb_profile(pictures.DISPLAY_P3, 2.2)
    )
    pixel = rendered(data).getpixel((4, 4))
    assert pixel[3] == 128
    assert close(pixel[:3], pictures.srgb_of_rgb(pictures.DISPLAY_P3, 2.2, (200, 120, 90)), 4)


INKS = {
    (0, 0, 0, 0): (100.0, 0.0, 0.0),
    (1, 0, 0, 0): (60.0, -30.0, -35.0),
    (0, 1, 0, 0): (50.0, 60.0, 0.0),
    (0, 0, 1, 0): (90.0, 0.0, 70.0),
    (1, 1, 0, 0): (30.0, 20.0, -40.0),
}


@pytest.mark.parametrize("name", ["JPEG", "TIFF"])
def test_cmyk_is_converted_by_its_profile_within_5_levels(name):
    corners = list(INKS)
    picture = patches([tuple(255 * ink for ink in corner) for corner in corners], "CMYK")
    profile = pictures.cmyk_profile(INKS, other=(0.0, 0.0, 0.0))
    options = {"quality": 100, "subsampling": 0} if name == "JPEG" else {}
    found = middles(rendered(pictures.file_of(picture, name, icc_profile=profile, **options)), len(corners))
    expected = [pictures.srgb_of_lab(INKS[corner]) for corner in corners]
    assert all(close(one, other, 5) for one, other in zip(found, expected, strict=True)), (found, expected)


@pytest.mark.parametrize("name", ["JPEG", "TIFF"])
def test_cmyk_without_a_profile_is_the_complement_of_its_inks(name):
    """As every browser does: R = (1 - C)(1 - K); a JPEG stores the inks inverted, as Adobe's do."""
    pixels = [(0, 0, 0, 0), (255, 0, 0, 0), (0, 128, 255, 0), (40, 80, 120, 60), (0, 0, 0, 255)]
    options = {"quality": 100, "subsampling": 0} if name == "JPEG" else {}
    found = middles(rendered(pictures.file_of(patches(pixels, "CMYK"), name, **options)), len(pixels))
    expected = [tuple(round((255 - ink) * (255 - black) / 255) for ink in inks) for *inks, black in pixels]
    assert all(close(one, other, 3) for one, other in zip(found, expected, strict=True)), (found, expected)


def test_a_broken_profile_is_as_good_as_none():
    data = pictures.file_of(patches([(200, 120, 90)], "RGB"), "PNG", icc_profile=b"no profile at all")
    assert middles(rendered(data), 1) == [(200, 120, 90)]


def test_16_bit_grey_is_scaled_and_not_clipped():
    levels = [0, 128, 255, 256, 4112, 32768, 65280, 65535]
    line = b"\0" + b"".join(struct.pack(">H", level) for level in levels for _ in range(PATCH))
    data = pictures.png((PATCH * len(levels), PATCH, 16, 0), line * PATCH)
    found = [pixel[0] for pixel in middles(rendered(data), len(levels))]
    assert all(abs(one - level / 257) <= 0.5 for one, level in zip(found, levels, strict=True)), found


def test_16_bit_colour_is_scaled_and_not_clipped():
    pixels = [(0, 32768, 65535), (256, 4112, 50000)]
    line = b"\0" + b"".join(struct.pack(">HHH", *pixel) for pixel in pixels for _ in range(PATCH))
    found = middles(rendered(pictures.png((PATCH * 2, PATCH, 16, 2), line * PATCH)), 2)
    expected = [tuple(level / 257 for level in pixel) for pixel in pixels]
    assert all(close(one, other, 1) for one, other in zip(found, expected, strict=True)), found


@pytest.mark.parametrize(("largest", "white"), [(40_000, 65_535), (1_000_000, 1_000_000)])
def test_wide_whole_numbers_are_scaled_by_what_their_white_must_be(largest, white):
    image = Image.new("I", (2, 1), 0)
    image.putpixel((1, 0), largest)
    assert colour.to_eight_bits(image).getpixel((1, 0)) == round(255 * largest / white)


@pytest.mark.parametrize(
    ("depth", "kind", "line", "clear", "expected"),
    [
        (2, 0, b"\xe4", b"\0\1", [(255, 255), (170, 255), (85, 0), (0, 255)]),
        (4, 0, b"\x0f\x84", b"\0\x08", [(0, 255), (255, 255), (136, 0), (68, 255)]),
        (16, 0, struct.pack(">4H", 0, 32768, 32769, 65535), struct.pack(">H", 32768), [(0, 255), (128, 0), (128, 255)]),
        (16, 0, struct.pack(">4H", 0, 32768, 4112, 65535), struct.pack(">H", 5), [(0, 255), (128, 255), (16, 255)]),
        (
            16,
            2,
            struct.pack(">12H", *[0] * 3, *[32768] * 3, *[4112] * 3, *[65535] * 3),
            struct.pack(">3H", 32768, 32768, 32768),
            [(0, 255), (128, 0), (16, 255)],
        ),
    ],
    ids=["2-bit grey", "4-bit grey", "16-bit grey", "16-bit grey without the level", "16-bit colour"],
)
def test_the_clear_level_of_a_png_is_found_at_every_depth(depth, kind, line, clear, expected):
    data = pictures.png((4, 1, depth, kind), b"\0" + line, (b"tRNS", clear))
    image = rendered(data, VariantSpec(name="same", format=Format.PNG)).convert("RGBA")
    found = [image.getpixel((at, 0)) for at in range(len(expected))]
    assert [(pixel[0], pixel[3]) for pixel in found] == expected


def test_16_bit_grey_whose_white_is_zero_is_no_negative():
    levels = Image.frombytes("I;16", (2, 1), struct.pack("<2H", 0, 65535 - 4112))
    data = pictures.file_of(levels, "TIFF", tiffinfo={262: 0})
    assert pictures.opened(data).tag_v2[262] == 0
    image = rendered(data)
    assert [image.getpixel((at, 0)) for at in range(2)] == [255, 16]


def test_floating_point_pixels_are_refused():
    with pytest.raises(UnsupportedFormat, match="floating point"):
        render(pictures.file_of(Image.new("F", (4, 4), 0.5), "TIFF"), [])


def test_a_picture_with_alpha_at_its_own_size_is_the_same():
    pixels = [(200, 100, 50, 1), (200, 100, 50, 10), (201, 77, 3, 254)]
    data = pictures.file_of(pictures.image_of([pixels], "RGBA"), "PNG")
    specs = [VariantSpec(name="small", width=2), VariantSpec(name="same")]
    image = pictures.opened(render(data, specs).variants[1].data)
    assert [image.getpixel((at, 0)) for at in range(3)] == pixels


@pytest.mark.parametrize("target", [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF])
def test_a_converted_picture_carries_no_profile(target):
    profile = pictures.rgb_profile(pictures.DISPLAY_P3, 2.2)
    data = pictures.file_of(pictures.scenery(40, 30), "PNG", icc_profile=profile)
    assert not rendered(data, VariantSpec(name="a", width=20, format=target)).info.get("icc_profile")


def test_a_profile_is_judged_by_what_it_does_and_not_by_its_name():
    linear = pictures.rgb_profile(pictures.SRGB, 1.0).replace(b"a test's own\0", b"sRGB, really\0")
    found = middles(rendered(pictures.file_of(patches([(64, 64, 64)], "RGB"), "PNG", icc_profile=linear)), 1)
    assert close(found[0], pictures.srgb_of_linear([64 / 255] * 3), 1)


@pytest.mark.parametrize("width", [40, 41, 20])
def test_the_background_lies_behind_what_is_transparent(width):
    picture = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    picture.paste((*pictures.RED, 255), (0, 0, 20, 40))
    spec = VariantSpec(name="box", width=width, height=40, fit=Fit.CONTAIN, background="#0000ff")
    found = rendered(pictures.file_of(picture, "PNG"), spec).convert("RGBA")
    assert found.getpixel((width * 3 // 4, 20)) == (*pictures.BLUE, 255)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_scaling_is_premultiplied(mode):
    """Opaque white beside transparent black: the edge between them stays white, and only its alpha falls."""
    opaque, clear = ((255,) * len(mode), (0,) * len(mode))
    picture = pictures.image_of([[opaque] * 32 + [clear] * 32] * 64, mode)
    found = rendered(pictures.file_of(picture, "PNG"), VariantSpec(name="small", width=9, format=Format.PNG))
    edge = found.convert("RGBA").getpixel((4, 4))
    assert edge[:3] == pictures.WHITE
    assert 100 < edge[3] < 156


def test_an_alpha_channel_that_says_nothing_is_dropped():
    picture = pictures.scenery(40, 30).convert("RGBA")
    rendering = render(pictures.file_of(picture, "PNG"), [VariantSpec(name="small", width=20)])
    assert rendering.original.has_alpha
    assert pictures.opened(rendering.variants[0].data).mode == "RGB"


def test_transparency_becomes_white_or_the_background_where_the_format_has_none():
    data = pictures.file_of(Image.new("RGBA", (16, 16), (0, 0, 0, 0)), "PNG")
    white, blue = (
        render(data, [VariantSpec(name="flat", format=Format.JPEG, background=background)]).variants[0].data
        for background in (None, "#0000ff")
    )
    assert close(pictures.opened(white).getpixel((8, 8)), pictures.WHITE, 2)
    assert close(pictures.opened(blue).getpixel((8, 8)), pictures.BLUE, 2)


@pytest.mark.parametrize(
    ("background", "format_", "expected"),
    [
        (None, Format.PNG, (0, 0, 0, 0)),
        ("#00ff0080", Format.PNG, (0, 255, 0, 128)),
        ("#0000ff", Format.PNG, (0, 0, 255, 255)),
        (None, Format.JPEG, (255, 255, 255, 255)),
    ],
)
def test_contain_pads_with_the_background(background, format_, expected):
    data = pictures.file_of(Image.new("RGB", (40, 20), pictures.RED), "PNG")
    spec = VariantSpec(name="box", width=40, height=40, fit=Fit.CONTAIN, background=background, format=format_)
    found = rendered(data, spec).convert("RGBA")
    assert found.size == Size(40, 40)
    assert close(found.getpixel((20, 2)), expected, 6)
    assert close(found.getpixel((20, 20)), (*pictures.RED, 255), 6)


@pytest.mark.parametrize("text", ["red", "#fff", "#12345", "#gggggg", "#1234567", "112233"])
def test_a_background_that_is_no_colour_is_refused(text):
    with pytest.raises(InvalidRequest, match="background") as caught:
        colour.background(text, clear=True)
    assert caught.value.field == "background"


def test_background():
    assert colour.background("#0a14ff", clear=True) == (10, 20, 255, 255)
    assert colour.background("#0A14FF80", clear=False) == (10, 20, 255, 128)
    assert colour.background(None, clear=True) == (0, 0, 0, 0)
    assert colour.background(None, clear=False) == (255, 255, 255, 255)


def test_a_profile_that_calls_itself_srgb_changes_nothing():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = pictures.scenery(40, 30)
    assert rendered(pictures.file_of(picture, "PNG", icc_profile=profile)).tobytes() == picture.tobytes()


def test_grey_with_a_grey_profile_stays_grey():
    """Of gamma 1: what is stored is light itself."""
    data = pictures.file_of(Image.new("L", (16, 16), 64), "PNG", icc_profile=pictures.grey_profile(1.0))
    found = rendered(data)
    assert found.mode == "L"
    assert abs(found.getpixel((8, 8)) - pictures.srgb_of_linear([64 / 255])[0]) <= 1
