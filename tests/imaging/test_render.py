"""`render` as the rest of the application sees it: formats, limits, errors, and the steps after scaling."""

import io
import weakref
from types import SimpleNamespace

import pytest
from msgspec.structs import replace
from PIL import Image, WebPImagePlugin, _webp

from chalicelib.errors import (
    CorruptImage,
    DeadlineExceeded,
    EmptyObject,
    FileTooLarge,
    ImageTooLarge,
    InvalidRequest,
    ResourcesExceeded,
    UnsupportedFormat,
)
from chalicelib.imaging import headers
from chalicelib.imaging.decoding.decode import decode_frames, open_original
from chalicelib.imaging.drawing import steps
from chalicelib.imaging.encoding import capacity
from chalicelib.imaging.render import render
from chalicelib.model.picture import Fit, Format, Limits, Position, Size, VariantSpec, Watermark
from tests.imaging import pictures

SIZES = (
    VariantSpec(name="small", width=24, height=24),
    VariantSpec(name="large", width=96, height=96),
    VariantSpec(name="medium", width=48, height=48),
)


class Undecoded(BaseException):
    """Pixels were asked for."""


@pytest.fixture
def undecoded(monkeypatch):
    """A picture whose pixels nobody gets."""

    def loaded(*_: object, **__: object) -> None:
        raise Undecoded

    monkeypatch.setattr("chalicelib.imaging.decoding.decode.decode_frames", loaded)
    return source("PNG", "L", 10, 10)


SOURCES = [
    *(("JPEG", mode) for mode in ("RGB", "L", "CMYK")),
    *(("PNG", mode) for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16")),
    *(("WEBP", mode) for mode in ("RGB", "RGBA")),
    *(("AVIF", mode) for mode in ("RGB", "RGBA", "L")),
    *(("GIF", mode) for mode in ("P", "L")),
    *(("TIFF", mode) for mode in ("RGB", "RGBA", "L", "CMYK", "LAB", "1", "I;16", "P")),
    *(("BMP", mode) for mode in ("RGB", "L", "1", "P")),
]


def source(name, mode, width=144, height=100):
    if mode == "I;16":
        image = pictures.scenery(width, height, "L").convert("I").point(lambda level: level * 257).convert("I;16")
    elif mode == "LAB":
        image = Image.merge("LAB", pictures.scenery(width, height).split())
    else:
        image = pictures.scenery(width, height, mode)
    return pictures.file_of(image, name)


@pytest.mark.parametrize(("name", "mode"), SOURCES, ids=[f"{name} {mode}" for name, mode in SOURCES])
def test_every_mode_of_every_format_is_read(name, mode):
    rendering = render(source(name, mode), SIZES)
    original = rendering.original
    assert (original.format, original.width, original.height, original.frames) == (name.lower(), 144, 100, 1)
    assert [(variant.width, variant.height) for variant in rendering.variants] == [(24, 17), (96, 67), (48, 33)]
    assert [variant.spec for variant in rendering.variants] == list(SIZES)
    for variant in rendering.variants:
        assert pictures.opened(variant.data).size == (variant.width, variant.height)


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("JPEG", Format.JPEG),
        ("PNG", Format.PNG),
        ("WEBP", Format.WEBP),
        ("AVIF", Format.AVIF),
        ("GIF", Format.GIF),
        ("TIFF", Format.PNG),
        ("BMP", Format.PNG),
    ],
)
def test_same_keeps_the_format_or_takes_the_nearest(name, same):
    variant = render(source(name, "L"), SIZES[:1]).variants[0]
    assert (variant.format, variant.content_type) == (same, f"image/{same}")
    assert Image.open(io.BytesIO(variant.data)).format == same.upper()


@pytest.mark.parametrize("target", list(Format))
def test_every_format_is_written_with_and_without_alpha(target):
    spec = VariantSpec(name="out", width=48, format=target)
    for mode in ("RGB", "RGBA", "L"):
        image = pictures.opened(render(source("PNG", mode), [spec]).variants[0].data)
        assert image.format == target.upper()
        assert image.has_transparency_data == (mode == "RGBA" and target is not Format.JPEG)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_variant_looks_like_its_original(name):
    """Against Pillow's own full decode and Lanczos: an independent path through other code."""
    data = source(name, "RGB", 1440, 1000)
    reference = pictures.opened(data).convert("RGB").resize((96, 67), Image.Resampling.LANCZOS)
    specs = [VariantSpec(name=str(side), width=side, height=side, format=Format.PNG) for side in (96, 400)]
    largest, mean = pictures.difference(pictures.opened(render(data, specs).variants[0].data).convert("RGB"), reference)
    assert largest <= 12
    assert mean <= 1


def test_a_jpeg_is_not_decoded_larger_than_needed(monkeypatch):
    data = source("JPEG", "RGB", 1440, 1000)
    decoded = []
    load = Image.Image.load
    monkeypatch.setattr(Image.Image, "load", lambda image: decoded.append(image.size) or load(image))
    render(data, [VariantSpec(name="small", width=96, height=96)])
    assert max(decoded) == (180, 125)


def test_specs_may_be_empty_for_the_description_alone():
    rendering = render(source("JPEG", "RGB", 1440, 1000), [])
    assert rendering.variants == ()
    assert (rendering.original.width, rendering.original.mode) == (1440, "RGB")
    assert len(rendering.perceptual_hash) == 16
    assert rendering.placeholder.dominant_color.startswith("#")


def test_the_description_hardly_depends_on_the_variants():
    data = source("JPEG", "RGB", 1440, 1000)
    alone, beside = render(data, []), render(data, SIZES)
    bits = int(alone.perceptual_hash, 16) ^ int(beside.perceptual_hash, 16)
    assert bits.bit_count() <= 2
    assert alone.original == beside.original


def test_nothing_is_enlarged_unasked():
    rendering = render(source("PNG", "RGB", 30, 20), SIZES)
    assert [(variant.width, variant.height) for variant in rendering.variants] == [(24, 16), (30, 20), (30, 20)]


def test_a_variant_of_the_same_size_is_the_same_picture():
    picture = pictures.scenery(50, 40)
    variant = render(pictures.file_of(picture, "PNG"), [VariantSpec(name="same")]).variants[0]
    assert pictures.opened(variant.data).tobytes() == picture.tobytes()


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", EmptyObject, "empty"),
        (b"hello, this is no image", UnsupportedFormat, "expected JPEG"),
        (source("JPEG", "RGB")[:-200], CorruptImage, "truncated"),
        (source("PNG", "RGB")[:-40], CorruptImage, "truncated"),
        (source("WEBP", "RGB")[:-40], CorruptImage, "truncated or damaged"),
        (source("AVIF", "RGB")[:-40], CorruptImage, "truncated or damaged"),
        (source("GIF", "P")[:-400], CorruptImage, "truncated or damaged"),
        (source("TIFF", "RGB")[:-400], CorruptImage, "truncated or damaged"),
        (source("BMP", "RGB")[:-400], CorruptImage, "truncated or damaged"),
    ],
)
def test_what_is_no_whole_image_ends_in_its_own_error(data, error, message):
    with pytest.raises(error, match=message):
        render(data, SIZES)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP"])
def test_the_limits_hold_before_any_pixel_is_decoded(name, monkeypatch):
    data = source(name, "L")

    def loaded(_):
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", loaded)
    with pytest.raises(ImageTooLarge, match="144 x 100 = 14,400 pixels: at most 14,399"):
        render(data, SIZES, limits=Limits(max_pixels=14_399))
    with pytest.raises(FileTooLarge, match=f"at most {len(data) - 1:,}"):
        render(data, SIZES, limits=Limits(max_bytes=len(data) - 1))


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (VariantSpec(name="a", width=0), "width"),
        (VariantSpec(name="a", height=-1), "height"),
        (VariantSpec(name="a", width=16_384), "width"),
        (VariantSpec(name="a", height=201, width=20_000), "width"),
        (VariantSpec(name="a", width=10.5), "width"),  # type: ignore[arg-type]
        (VariantSpec(name="a", fit="stretch"), "fit"),  # type: ignore[arg-type]
        (VariantSpec(name="a", position="middle"), "position"),  # type: ignore[arg-type]
        (VariantSpec(name="a", metadata="some"), "metadata"),  # type: ignore[arg-type]
        (VariantSpec(name="a", format="bmp"), "format"),  # type: ignore[arg-type]
        (VariantSpec(name="a", max_bytes=0), "max_bytes"),
        (VariantSpec(name="a", quality=0), "quality"),
        (VariantSpec(name="a", quality=101), "quality"),
        (VariantSpec(name="a", quality="best"), "quality"),  # type: ignore[arg-type]
        (VariantSpec(name="a", quality="auto", target=101), "target"),
        (VariantSpec(name="a", effort="best"), "effort"),  # type: ignore[arg-type]
        (VariantSpec(name="a", sharpen=-1), "sharpen"),
        (VariantSpec(name="a", sharpen=float("nan")), "sharpen"),
        (VariantSpec(name="a", background="blue"), "background"),
        (VariantSpec(name="a", watermark=Watermark(image=b"nothing")), "watermark"),
        (VariantSpec(name="a", watermark=Watermark(image=source("PNG", "RGB"), opacity=1.5)), "watermark"),
        (VariantSpec(name="a", watermark=Watermark(image=source("PNG", "RGB"), scale=0)), "watermark"),
        (VariantSpec(name="a", watermark=Watermark(image=source("PNG", "L"), position=Position.ENTROPY)), "watermark"),
    ],
)
def test_a_spec_that_cannot_be_made_names_its_field(spec, field):
    with pytest.raises(InvalidRequest, match=field) as caught:
        render(source("PNG", "RGB"), [spec])
    assert caught.value.field == field


def test_a_side_that_follows_from_the_other_one_is_limited_too():
    data = source("PNG", "L", 2, 400)
    with pytest.raises(InvalidRequest, match="would have 20000 pixels: at most 16383"):
        render(data, [VariantSpec(name="a", width=100, enlarge=True)])


def test_a_canvas_is_limited_as_an_original_is():
    with pytest.raises(InvalidRequest, match="would have 250,000 pixels: at most 100,000"):
        render(
            source("PNG", "L"),
            [VariantSpec(name="a", width=500, height=500, fit=Fit.CONTAIN)],
            limits=Limits(max_pixels=100_000),
        )


@pytest.mark.parametrize("target", list(Format))
def test_a_format_is_limited_to_what_its_encoder_has_memory_for_before_anything_is_decoded(target, undecoded):
    most = capacity.MAX_PIXELS[target]
    spec = VariantSpec(name="wall", width=most // 4_000, height=4_000, fit=Fit.CONTAIN, format=target)
    with pytest.raises(Undecoded):
        render(undecoded, [spec])
    assert spec.width
    with pytest.raises(InvalidRequest, match=f"would have {most + 4_000:,} pixels: at most {most:,}"):
        render(undecoded, [replace(spec, width=spec.width + 1)])


def test_all_variants_together_are_limited_before_anything_is_decoded(undecoded):
    half = VariantSpec(name="half", width=5_000, height=5_000, fit=Fit.CONTAIN, format=Format.WEBP)
    others = [replace(half, format=Format.JPEG), VariantSpec(name="dot", width=1, height=1)]
    with pytest.raises(Undecoded):
        render(undecoded, [half, others[0]])
    with pytest.raises(ImageTooLarge, match="would have 50,000,001 pixels together: at most 50,000,000"):
        render(undecoded, [half, *others])


@pytest.mark.usefixtures("undecoded")
@pytest.mark.parametrize("target", [Format.AVIF, Format.WEBP])
def test_the_frames_of_an_animation_count_for_an_encoder_that_keeps_them(target):
    first, *rest = (Image.new("L", (2, 2), shade) for shade in range(4))
    data = pictures.file_of(first, "GIF", save_all=True, append_images=rest)
    spec = VariantSpec(name="a", width=3_000, height=3_000, fit=Fit.CONTAIN, format=target)
    with pytest.raises(InvalidRequest if target is Format.AVIF else Undecoded):
        render(data, [spec])


@pytest.mark.usefixtures("undecoded")
def test_the_frames_of_an_animation_count_for_all_variants_together():
    frames = [Image.new("L", (2, 2), shade) for shade in range(4)]
    data = pictures.file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    moving = VariantSpec(name="moving", width=3_000, height=3_000, fit=Fit.CONTAIN, format=Format.GIF)
    still = VariantSpec(name="still", width=7_001, height=2_000, fit=Fit.CONTAIN, format=Format.JPEG)
    with pytest.raises(ImageTooLarge, match="would have 50,002,000 pixels together"):
        render(data, [moving, still])
    with pytest.raises(Undecoded):
        render(data, [moving, replace(still, width=7_000)])


def test_the_checkpoint_is_asked_between_steps_and_ends_the_job():
    calls = []

    def late():
        calls.append(None)
        if len(calls) == 3:
            raise DeadlineExceeded("too late")

    with pytest.raises(DeadlineExceeded, match="too late"):
        render(source("JPEG", "RGB"), SIZES, checkpoint=late)
    calls.clear()
    render(source("JPEG", "RGB"), SIZES[:0], checkpoint=lambda: calls.append(None))
    without = len(calls)
    calls.clear()
    render(source("JPEG", "RGB"), SIZES, checkpoint=lambda: calls.append(None))
    assert len(calls) == without + len(SIZES)


def test_a_picture_of_many_rows_lies_on_its_background_as_in_one_piece():
    picture = pictures.scenery(60, 3 * steps.STRIP_ROWS + 7, "RGBA")
    size = Size(80, picture.height + 20)
    specs = [VariantSpec(name="a", width=80, height=size.height, fit=Fit.CONTAIN, background="#ff000080")]
    expected = Image.new("RGBA", size, (255, 0, 0, 128))
    expected.alpha_composite(picture, (10, 10))
    variant = render(pictures.file_of(picture, "PNG"), specs).variants[0]
    assert pictures.opened(variant.data).tobytes() == expected.tobytes()


def test_flat_noise_is_not_sharpened():
    """Differences of up to steps.SHARPEN_THRESHOLD levels are a camera's noise."""
    picture = Image.new("L", (200, 200), 100)
    picture.paste(104, (100, 0, 200, 200))
    data = pictures.file_of(picture, "PNG")
    soft, sharp = render(
        data, [VariantSpec(name="soft", width=100), VariantSpec(name="b", width=100, sharpen=2)]
    ).variants
    assert pictures.opened(soft.data).tobytes() == pictures.opened(sharp.data).tobytes()


def test_a_variant_of_a_shrunk_decode_is_as_fine_as_one_of_a_whole_one():
    """What decode.SHRINK_MARGINS are for: at half the size and no larger than the variant, libjpeg would blur."""
    picture = pictures.photograph(800, 600)
    data = pictures.file_of(picture, "JPEG", quality=95)
    reference = pictures.opened(data).resize((400, 300), Image.Resampling.LANCZOS)
    variant = render(data, [VariantSpec(name="a", width=400, format=Format.PNG)]).variants[0]
    assert pictures.difference(pictures.opened(variant.data), reference)[1] < 0.5


def test_the_frames_of_an_animation_count_for_a_canvas():
    first, *rest = (Image.new("RGB", (10, 10), (shade, 0, 0)) for shade in (0, 90, 180))
    data = pictures.file_of(first, "GIF", save_all=True, append_images=rest)
    specs = [VariantSpec(name="a", width=20, height=20, fit=Fit.CONTAIN)]
    with pytest.raises(InvalidRequest, match="would have 1,200 pixels: at most 1,199"):
        render(data, specs, limits=Limits(max_pixels=1_199))
    render(data, specs, limits=Limits(max_pixels=1_200))


def test_sharpening_raises_contrast_at_edges_only():
    picture = Image.new("L", (400, 400), 100)
    picture.paste(150, (200, 0, 400, 400))
    data = pictures.file_of(picture, "PNG")
    soft, sharp = (
        pictures.opened(variant.data)
        for variant in render(
            data, [VariantSpec(name="soft", width=100), VariantSpec(name="sharp", width=100, sharpen=1.5)]
        ).variants
    )
    assert sharp.getpixel((20, 50)) == soft.getpixel((20, 50)) == 100
    assert sharp.getpixel((49, 50)) < soft.getpixel((49, 50))
    assert sharp.getpixel((50, 50)) > soft.getpixel((50, 50))


def test_sharpening_leaves_alpha_and_unscaled_pictures_alone():
    picture = pictures.scenery(80, 60, "RGBA")
    data = pictures.file_of(picture, "PNG")
    scaled, sharp, same = (
        pictures.opened(variant.data)
        for variant in render(
            data,
            [
                VariantSpec(name="scaled", width=40),
                VariantSpec(name="sharp", width=40, sharpen=2),
                VariantSpec(name="same", sharpen=2),
            ],
        ).variants
    )
    assert sharp.getchannel("A").tobytes() == scaled.getchannel("A").tobytes()
    assert sharp.tobytes() != scaled.tobytes()
    assert pictures.difference(same, picture)[1] < 0.6


def mark(colour, **fields):
    image = pictures.file_of(Image.new("RGBA", (20, 10), colour), "PNG")
    return VariantSpec(name="marked", format=Format.PNG, watermark=Watermark(image=image, **fields))


GREY = (100, 100, 100)


@pytest.mark.parametrize(
    ("position", "box"),
    [
        (Position.SOUTHEAST, (60, 30, 80, 40)),
        (Position.NORTHWEST, (0, 0, 20, 10)),
        (Position.CENTER, (30, 15, 50, 25)),
        (Position.SOUTH, (30, 30, 50, 40)),
    ],
)
def test_a_watermark_lies_at_its_position_and_scale(position, box):
    data = pictures.file_of(Image.new("RGB", (80, 40), GREY), "PNG")
    found = pictures.opened(render(data, [mark(pictures.RED, position=position, scale=0.25)]).variants[0].data)
    expected = Image.new("RGB", (80, 40), GREY)
    expected.paste(pictures.RED, box)
    assert found.tobytes() == expected.tobytes()


def test_a_watermark_is_as_opaque_as_it_is_told():
    data = pictures.file_of(Image.new("RGB", (80, 40), GREY), "PNG")
    found = pictures.opened(render(data, [mark((255, 0, 0, 128), opacity=0.5, scale=1)]).variants[0].data)
    share = 128 * 0.5 / 255
    expected = (100 + share * 155, 100 - share * 100, 100 - share * 100)
    assert all(abs(one - other) <= 1 for one, other in zip(found.getpixel((40, 20)), expected, strict=True))


def test_a_watermark_is_never_higher_than_the_variant():
    data = pictures.file_of(Image.new("RGB", (200, 10), GREY), "PNG")
    found = pictures.opened(render(data, [mark(pictures.RED, scale=1, position=Position.WEST)]).variants[0].data)
    assert found.size == (200, 10)
    assert [found.getpixel((x, 5)) for x in (19, 21)] == [pictures.RED, GREY]


def test_a_watermark_on_a_transparent_picture_keeps_the_rest_transparent():
    data = pictures.file_of(Image.new("RGBA", (80, 40), (0, 0, 0, 0)), "PNG")
    found = pictures.opened(render(data, [mark(pictures.RED, scale=0.25)]).variants[0].data)
    assert found.getpixel((70, 35)) == (*pictures.RED, 255)
    assert found.getpixel((10, 10))[3] == 0


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_decoder_that_sees_another_size_than_was_checked_unpacks_nothing(name, monkeypatch):
    data = source(name, "L")
    monkeypatch.setitem(headers._READERS, name.lower(), lambda _: headers.Header(8, 8))  # noqa: SLF001 - a confusion
    with pytest.raises(CorruptImage, match="8 x 8 pixels in one place and 144 x 100 in another"):
        render(data, SIZES)


@pytest.mark.parametrize(("failure", "error"), [(RuntimeError, InvalidRequest), (MemoryError, ResourcesExceeded)])
def test_what_an_encoder_raises_gets_a_name(failure, error, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise failure

    data = source("PNG", "RGB")
    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(error, match="Variant 'small'"):
        render(data, SIZES)


def test_the_decoder_of_a_webp_ends_with_its_frame(monkeypatch):
    """Else it keeps eight bytes for each pixel while the variants are made."""
    made = []

    class Decoder:
        def __init__(self, data):
            self.real = _webp.WebPAnimDecoder(data)
            made.append(weakref.ref(self))

        def __getattr__(self, name):
            return getattr(self.real, name)

    data = source("WEBP", "RGB")
    monkeypatch.setattr(WebPImagePlugin, "_webp", SimpleNamespace(WebPAnimDecoder=Decoder))
    original = open_original(data, Limits())
    assert made[0]() is not None
    next(decode_frames(original, None, only_first=True))
    assert made[0]() is None
