"""What moves stays moving: frames as the specifications compose them, timing and number of showings."""

import io

import pytest
from PIL import Image, ImageSequence

from chalicelib.errors import CorruptImage, DeadlineExceeded, ImageTooLarge, TooManyFrames
from chalicelib.imaging import animation
from chalicelib.imaging import render as render_module
from chalicelib.imaging.encoding.encode import encode
from chalicelib.imaging.metadata import Kept
from chalicelib.imaging.render import render
from chalicelib.model.picture import Fit, Format, Limits, VariantSpec
from chalicelib.pipelines.loading import load
from tests.imaging import pictures

SIDE = 16
CLEAR = (0, 0, 0, 0)
TIMES = [100, 250, 40]


def solid(colour):
    return Image.new("RGBA", (SIDE, SIDE), (*colour, 255))


def frames_of(data):
    image = Image.open(io.BytesIO(data))
    return [
        (frame.convert("RGBA"), frame.info.get("duration", 0)) for frame in ImageSequence.Iterator(image)
    ], image.info


def colours_at(data, *points):
    return [[frame.getpixel(point) for point in points] for frame, _ in frames_of(data)[0]]


def moving(name, loop=0):
    first, *rest = (solid(colour) for colour in (pictures.RED, pictures.GREEN, pictures.BLUE))
    return pictures.file_of(first, name, save_all=True, append_images=rest, duration=TIMES, loop=loop, disposal=2)


@pytest.mark.parametrize("target", [Format.GIF, Format.WEBP, Format.PNG, Format.AVIF])
@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG"])
def test_frames_and_timing_survive_from_each_format_to_each(name, target):
    spec = VariantSpec(name="half", width=8, format=target, lossless=target is Format.WEBP)
    rendering = render(moving(name), [spec])
    assert rendering.original.frames == 3
    frames, _ = frames_of(rendering.variants[0].data)
    assert [round(duration) for _, duration in frames] == TIMES
    assert [frame.size for frame, _ in frames] == [(8, 8)] * 3
    for (frame, _), colour in zip(frames, (pictures.RED, pictures.GREEN, pictures.BLUE), strict=True):
        assert all(abs(one - other) <= 12 for one, other in zip(frame.getpixel((4, 4))[:3], colour, strict=True))


def test_other_formats_get_the_first_frame():
    variant = render(moving("GIF"), [VariantSpec(name="still", format=Format.JPEG)]).variants[0]
    still = pictures.opened(variant.data)
    assert getattr(still, "n_frames", 1) == 1
    assert still.getpixel((8, 8))[0] > 240


@pytest.mark.parametrize(
    ("name", "loop", "plays"),
    [("gif", None, 1), ("gif", 0, 0), ("gif", 4, 5), ("webp", 0, 0), ("webp", 3, 3), ("png", 2, 2), ("png", None, 0)],
)
def test_how_often_a_file_plays(name, loop, plays):
    assert animation.plays(name, loop) == plays


@pytest.mark.parametrize(("plays", "loop"), [(0, 0), (1, None), (2, 1), (5, 4), (100_000, 65_535)])
def test_the_loop_field_of_a_gif(plays, loop):
    assert animation.gif_loop(plays) == loop


@pytest.mark.parametrize(
    ("source", "loop", "target", "expected"),
    [
        ("GIF", 0, Format.GIF, 0),
        ("GIF", 2, Format.GIF, 2),
        ("GIF", 2, Format.WEBP, 3),
        ("GIF", 2, Format.PNG, 3),
        ("WEBP", 3, Format.GIF, 2),
        ("WEBP", 1, Format.GIF, None),
        ("PNG", 3, Format.WEBP, 3),
    ],
)
def test_the_number_of_showings_survives(source, loop, target, expected):
    data = render(moving(source, loop), [VariantSpec(name="same size", format=target)]).variants[0].data
    assert frames_of(data)[1].get("loop") == expected


def test_a_gif_without_a_loop_field_plays_once():
    data = pictures.gif(
        (4, 4), [pictures.RED, pictures.BLUE], [((0, 0, 4, 4), [n] * 16, 5, 0, None) for n in (0, 1)], loop=None
    )
    assert frames_of(render(data, [VariantSpec(name="gif")]).variants[0].data)[1].get("loop") is None


LEFT, RIGHT = (2, 8), (13, 8)
HALF = (8, 0, 16, 16)


def gif_of(disposals, *, background_frame_transparent=None):
    """Red everywhere; then blue on the right half; then green on one pixel: disposal shows in what is left of blue."""
    frames = [
        ((0, 0, 16, 16), [0] * 256, 5, disposals[0], background_frame_transparent),
        (HALF, [1] * 128, 5, disposals[1], None),
        ((0, 0, 1, 1), [2], 5, disposals[2], None),
    ]
    return pictures.gif((16, 16), [pictures.RED, pictures.BLUE, pictures.GREEN, (9, 9, 9)], frames, loop=0)


@pytest.mark.parametrize("target", [None, Format.WEBP])
@pytest.mark.parametrize(
    ("disposal", "left_of_blue"),
    [(1, (*pictures.BLUE, 255)), (3, (*pictures.RED, 255))],
    ids=["leave in place", "restore to previous"],
)
def test_gif_disposal(disposal, left_of_blue, target):
    """GIF89a, 23.c.iv."""
    spec = VariantSpec(name="out", format=target, lossless=True)
    found = colours_at(render(gif_of((1, disposal, 1)), [spec]).variants[0].data, LEFT, RIGHT)
    red, blue = (*pictures.RED, 255), (*pictures.BLUE, 255)
    assert found == [[red, red], [red, blue], [red, left_of_blue]]


@pytest.mark.parametrize("target", [None, Format.WEBP])
def test_gif_disposal_to_background_is_to_transparency(target):
    """As browsers do it, where a frame has a transparent index."""
    frames = [
        ((0, 0, 16, 16), [3] * 256, 5, 1, 3),
        (HALF, [1] * 128, 5, 2, 3),
        ((0, 0, 1, 1), [2], 5, 1, 3),
    ]
    data = pictures.gif((16, 16), [pictures.RED, pictures.BLUE, pictures.GREEN, (9, 9, 9)], frames, loop=0)
    spec = VariantSpec(name="out", format=target, lossless=True)
    found = colours_at(render(data, [spec]).variants[0].data, LEFT, RIGHT)
    alphas = [[pixel[3] for pixel in frame] for frame in found]
    assert alphas == [[0, 0], [0, 255], [0, 0]]
    assert found[1][1][:3] == pictures.BLUE


SOURCE, OVER = 0, 1
LEAVE, TO_BACKGROUND, TO_PREVIOUS = 0, 1, 2


@pytest.mark.parametrize(
    ("dispose", "third"),
    [(LEAVE, (*pictures.BLUE, 255)), (TO_BACKGROUND, CLEAR), (TO_PREVIOUS, (*pictures.RED, 255))],
    ids=["none", "background", "previous"],
)
def test_apng_disposal_and_blending(dispose, third):
    """PNG third edition, 11.3.6.2: the third frame is transparent and laid over what disposal left.

    Where that is the second frame once more, the encoder makes one frame of both.
    """
    red, blue, clear = (bytes(pixel) * 256 for pixel in ((*pictures.RED, 255), (*pictures.BLUE, 255), CLEAR))
    data = pictures.apng((16, 16), [(red, 50, LEAVE, SOURCE), (blue, 50, dispose, SOURCE), (clear, 50, LEAVE, OVER)], 0)
    spec = VariantSpec(name="out", format=Format.WEBP, lossless=True)
    found = [frame[0] for frame in colours_at(render(data, [spec]).variants[0].data, (8, 8))]
    assert found[:2] == [(*pictures.RED, 255), (*pictures.BLUE, 255)]
    assert found[-1][3] == third[3]
    assert not third[3] or found[-1] == third


def test_the_default_image_of_an_apng_is_no_frame_of_it():
    first, *rest = (solid(colour) for colour in (pictures.WHITE, pictures.GREEN, pictures.BLUE))
    data = pictures.file_of(first, "PNG", save_all=True, append_images=rest, default_image=True, duration=80)
    rendering = render(data, [VariantSpec(name="same"), VariantSpec(name="still", format=Format.JPEG)])
    assert rendering.original.frames == 2
    greens = [frame[0][:3] for frame in colours_at(rendering.variants[0].data, (8, 8))]
    assert greens == [pictures.GREEN, pictures.BLUE]
    assert pictures.opened(rendering.variants[1].data).getpixel((8, 8))[1] > 240


def test_transparency_of_an_animation_survives_padding_in_a_gif():
    data = render(moving("GIF"), [VariantSpec(name="box", width=16, height=32, fit=Fit.CONTAIN)]).variants[0].data
    found = colours_at(data, (8, 2), (8, 16))
    assert [frame[0][3] for frame in found] == [0, 0, 0]
    assert [frame[1][:3] for frame in found] == [pictures.RED, pictures.GREEN, pictures.BLUE]


def test_the_limits_count_all_frames():
    data = moving("GIF")
    with pytest.raises(TooManyFrames, match="3 frames: at most 2"):
        render(data, [], limits=Limits(max_frames=2))
    with pytest.raises(ImageTooLarge, match="16 x 16 x 3 frames = 768 pixels: at most 767"):
        render(data, [], limits=Limits(max_pixels=767))
    render(data, [], limits=Limits(max_pixels=768, max_frames=3))


def test_fewer_frames_than_promised_are_corrupt():
    data = moving("WEBP")
    cut = data.rindex(b"ANMF")
    with pytest.raises(CorruptImage):
        render(data[: cut + 24], [VariantSpec(name="a")])


def test_a_gif_that_ends_in_a_frame_is_corrupt():
    data = moving("GIF")
    with pytest.raises(CorruptImage):
        render(data[:-6], [VariantSpec(name="a")])


@pytest.mark.parametrize("target", [Format.WEBP, Format.PNG, Format.AVIF])
@pytest.mark.parametrize("opaque_first", [True, False])
def test_alpha_is_decided_once_for_all_frames(target, opaque_first):
    opaque, clear = solid(pictures.RED), Image.new("RGBA", (SIDE, SIDE), CLEAR)
    clear.paste((*pictures.GREEN, 255), (0, 0, SIDE, 8))
    first, *rest = (opaque, clear, opaque) if opaque_first else (clear, opaque, clear)
    data = pictures.file_of(first, "PNG", save_all=True, append_images=rest, duration=100)
    made = render(data, [VariantSpec(name="a", format=target, lossless=target is not Format.AVIF)]).variants[0].data
    if target is Format.WEBP:  # of which Pillow reads alpha only where the file has a flag for it
        made = render(made, [VariantSpec(name="a", format=Format.PNG)]).variants[0].data
    alphas = [frame[0][3] > 127 for frame in colours_at(made, (8, 12))]
    assert alphas == [opaque_first, not opaque_first, opaque_first]


@pytest.mark.parametrize("loop", [65_535, 70_000])
@pytest.mark.parametrize("target", [Format.GIF, Format.WEBP, Format.PNG])
def test_more_showings_than_a_format_can_count_are_its_most(loop, target):
    source = "GIF" if loop == 65_535 else "PNG"
    made = render(moving(source, loop), [VariantSpec(name="a", format=target)]).variants[0].data
    assert frames_of(made)[1]["loop"] >= 65_534


def test_times_are_as_long_as_a_format_can_tell():
    assert animation.durations([10**7], Format.GIF) == [655_350]
    assert animation.durations([10**7], Format.PNG) == [65_535]
    assert animation.durations([10**9], Format.WEBP) == [16_777_215]


def test_a_gif_is_as_long_as_what_it_was_made_of():
    """Hundredths of a second cannot tell 33 ms; no frame is so short that browsers would slow it down."""
    assert animation.durations([33] * 6, Format.GIF) == [30, 40, 30, 30, 40, 30]
    assert sum(animation.durations([16] * 100, Format.GIF)) == 2000
    assert animation.durations([5, 100], Format.GIF) == [20, 90]


def test_the_deadline_holds_between_the_frames_of_an_encode():
    asked = []
    first, *rest = (solid((shade, 0, 0)) for shade in range(0, 200, 10))
    film = animation.Film([first, *rest], [50] * 20, 0)
    for target in (Format.GIF, Format.WEBP, Format.PNG, Format.AVIF):
        asked.clear()
        encode(film, VariantSpec(name="a"), target, Kept(), palette=False, checkpoint=lambda: asked.append(None))
        assert len(asked) > 20, target


def test_what_the_frames_of_a_webp_leave_of_its_canvas_is_clear():
    """RFC 9649, 2.7.1.1: its background may be ignored, and is, by every browser."""
    first, second = solid(pictures.RED), solid(pictures.BLUE)
    first.paste(CLEAR, (0, 8, SIDE, SIDE))
    second.paste(CLEAR, (0, 8, SIDE, SIDE))
    data = bytearray(pictures.file_of(first, "WEBP", save_all=True, append_images=[second], lossless=True))
    data[20] &= ~0x10
    found = colours_at(
        render(bytes(data), [VariantSpec(name="a", format=Format.PNG)]).variants[0].data, (8, 2), (8, 12)
    )
    assert [[pixel[3] for pixel in frame] for frame in found] == [[255, 0], [255, 0]]


@pytest.mark.parametrize(("told", "shown"), [(0, 100), (10, 100), (20, 20), (33, 33)])
def test_a_frame_is_shown_as_long_as_browsers_show_it(told, shown):
    assert animation.shown(told) == shown


def test_the_frames_of_all_moving_variants_are_limited_together():
    specs = [VariantSpec(name="a"), VariantSpec(name="b", width=8), VariantSpec(name="c", format=Format.JPEG)]
    with pytest.raises(ImageTooLarge, match="3 frames, which make 960 pixels in all moving variants: at most 959"):
        render(moving("GIF"), specs, limits=Limits(max_moving_pixels=959))
    render(moving("GIF"), specs, limits=Limits(max_moving_pixels=960))


def test_equal_variants_are_made_and_counted_once(monkeypatch):
    made = []

    def noted(film, spec, *rest, **options):
        made.append(spec.name)
        return encode(film, spec, *rest, **options)

    monkeypatch.setattr(render_module.encode, "encode", noted)
    specs = [
        VariantSpec(name="medium", width=640, key="{variant}/{key}"),
        VariantSpec(name="small", width=8),
        VariantSpec(name="large", width=1280, height=1280, fit=Fit.OUTSIDE, bucket="source", format=Format.GIF),
        VariantSpec(name="poor", width=640, quality=10),
    ]
    variants = render(moving("GIF"), specs, limits=Limits(max_moving_pixels=3 * (2 * 256 + 64))).variants
    assert [variant.spec for variant in variants] == specs
    assert variants[0].data == variants[2].data
    assert sorted(made) == ["large", "poor", "small"]


@pytest.mark.parametrize(("width", "height", "frames"), [(640, 360, 88), (480, 270, 150)])
def test_ordinary_animations_pass_the_limits_with_the_default_pipeline(width, height, frames):
    def checkpoint():
        raise DeadlineExceeded("the limits are passed")

    first, *rest = (Image.new("L", (width, height), 80 + at) for at in range(frames))
    data = pictures.file_of(first, "GIF", save_all=True, append_images=rest, duration=40)
    with pytest.raises(DeadlineExceeded):
        render(data, load("default").variants, checkpoint=checkpoint)


@pytest.mark.parametrize("target", [Format.GIF, Format.WEBP, None])
def test_a_still_of_what_moves_is_for_the_asking(target):
    limits = Limits(max_moving_pixels=1)
    variant = render(
        moving("GIF"), [VariantSpec(name="a", format=target, animated=False, lossless=True)], limits=limits
    ).variants[0]
    assert [frame.getpixel((8, 8)) for frame, _ in frames_of(variant.data)[0]] == [(*pictures.RED, 255)]
