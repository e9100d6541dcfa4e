"""Levels, and the sixteen cases of orientation against the wording of the EXIF standard."""

import pytest
from PIL import Image, ImageOps

from chalicelib.imaging.drawing import geometry
from chalicelib.imaging.drawing.geometry import Box
from chalicelib.imaging.drawing.pyramid import Pyramid
from chalicelib.imaging.render import render
from chalicelib.model.picture import Fit, Format, Position, Size, VariantSpec
from tests.imaging import pictures

CELL = 16

SHOWN = [[pictures.RED, pictures.GREEN, pictures.BLUE], [pictures.WHITE, (0, 0, 0), (255, 255, 0)]]
"""What is to be seen: two rows of three cells, all different."""

STORED = {
    1: lambda rows: rows,
    2: lambda rows: [row[::-1] for row in rows],
    3: lambda rows: [row[::-1] for row in rows[::-1]],
    4: lambda rows: rows[::-1],
    5: lambda rows: [list(column) for column in zip(*rows, strict=True)],
    6: lambda rows: [list(column) for column in zip(*rows, strict=True)][::-1],
    7: lambda rows: [list(column)[::-1] for column in zip(*rows, strict=True)][::-1],
    8: lambda rows: [list(column)[::-1] for column in zip(*rows, strict=True)],
}
"""How rows are stored under each orientation (Exif 2.32, tag 0x0112: where stored row 0 and column 0 are seen).

6: row 0 is the right side, column 0 the top, so the first stored row is the last shown column, from the top down.
8: row 0 is the left side, column 0 the bottom, so the first stored row is the first shown column, from the bottom up.
"""


def cells(rows):
    return pictures.image_of([[pixel for pixel in row for _ in range(CELL)] for row in rows for _ in range(CELL)])


def seen(image):
    """The colour in the middle of each cell, one of SHOWN's; compression may have moved it a little."""
    columns, rows = image.width * 3 // image.width, 2
    if image.height > image.width:
        columns, rows = 2, 3
    wide, high = image.width / columns, image.height / rows
    return [
        [
            tuple(255 * (channel > 127) for channel in image.getpixel((int(wide * (x + 0.5)), int(high * (y + 0.5)))))
            for x in range(columns)
        ]
        for y in range(rows)
    ]


def with_orientation(picture, orientation, name):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return pictures.file_of(picture, name, exif=exif, **({"quality": 100} if name == "JPEG" else {}))


@pytest.mark.parametrize("shape", ["landscape", "portrait"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_all_sixteen_cases_of_orientation_end_upright(orientation, shape, name):
    shown = SHOWN if shape == "landscape" else [list(column) for column in zip(*SHOWN, strict=True)]
    data = with_orientation(cells(STORED[orientation](shown)), orientation, name)
    rendering = render(data, [VariantSpec(name="half", width=24, height=24, format=Format.PNG)])
    width, height = (3 * CELL, 2 * CELL) if shape == "landscape" else (2 * CELL, 3 * CELL)
    assert (rendering.original.width, rendering.original.height) == (width, height)
    assert rendering.original.orientation == orientation
    assert seen(pictures.opened(rendering.variants[0].data)) == shown


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_crop_is_taken_from_the_upright_picture(orientation):
    """The south-east 2 x 1 cells of what is shown: black and yellow, wherever they are stored."""
    data = with_orientation(cells(STORED[orientation](SHOWN)), orientation, "PNG")
    whole = VariantSpec(name="crop", width=2, height=1, fit=Fit.COVER, position=Position.SOUTHEAST)
    right_third = VariantSpec(name="edge", width=16, height=32, fit=Fit.COVER, position=Position.EAST)
    crop, edge = (pictures.opened(variant.data) for variant in render(data, [whole, right_third]).variants)
    assert crop.size == (2, 1)
    assert [edge.getpixel((8, y)) for y in (8, 24)] == [pictures.BLUE, (255, 255, 0)]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_in_any_corner_is_taken_from_the_upright_picture(orientation):
    pyramid = Pyramid.of(cells(STORED[orientation](SHOWN)), Size(48, 32), turn=orientation, profile=None)
    for left, top in ((0, 0), (16, 0), (0, 16), (32, 16)):
        drawn = pyramid.draw(Box(left, top, left + 16, top + 16), Size(8, 8))
        assert drawn.getpixel((4, 4)) == SHOWN[top // 16][left // 16]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(809, 601), (601, 809)])
@pytest.mark.parametrize("fit", [Fit.INSIDE, Fit.COVER])
def test_a_jpeg_is_shrunk_in_place_where_its_sides_do_not_divide(fit, size, orientation):
    """At 1/8 809 pixels are 102 columns, of which the picture fills 101 and an eighth."""
    data = with_orientation(pictures.photograph(*size), orientation, "JPEG")
    spec = VariantSpec(name="a", width=64, height=48, fit=fit, position=Position.SOUTHEAST, format=Format.PNG)
    drawn = pictures.opened(render(data, [spec]).variants[0].data)
    upright = ImageOps.exif_transpose(pictures.opened(data))
    crop = geometry.plan(Size(*upright.size), (64, 48), fit, anchor=geometry.ANCHORS[spec.position]).crop
    largest, mean = pictures.difference(drawn, upright.resize(drawn.size, Image.Resampling.LANCZOS, box=tuple(crop)))
    assert largest <= 14
    assert mean < 0.8


def test_an_orientation_that_makes_no_sense_is_upright():
    data = with_orientation(cells(SHOWN), 9, "JPEG")
    assert render(data, []).original.orientation == 1


def whole(pyramid):
    return Box(0, 0, *pyramid.original)


def test_each_size_is_drawn_from_the_smallest_level_that_is_twice_as_large():
    picture = pictures.scenery(800, 600)
    pyramid = Pyramid.of(picture, Size(800, 600), turn=1, profile=None)
    for width in (400, 300, 150, 40):
        pyramid.draw(whole(pyramid), Size(width, width * 3 // 4))
    assert [level.size.width for level in pyramid.levels] == [800, 400, 300, 150, 40]
    tall = Size(76, 57)
    assert pyramid._level_for(whole(pyramid), tall).size == Size(300, 225)  # noqa: SLF001 - the rule under test
    assert pyramid._level_for(whole(pyramid), Size(20, 15)).size == Size(40, 30)  # noqa: SLF001
    assert pyramid._level_for(whole(pyramid), Size(500, 375)).size == Size(800, 600)  # noqa: SLF001


def test_a_crop_becomes_no_level():
    pyramid = Pyramid.of(pictures.scenery(80, 60), Size(80, 60), turn=1, profile=None)
    pyramid.draw(Box(10, 10, 50, 50), Size(20, 20))
    assert len(pyramid.levels) == 1


def test_a_drawing_through_levels_is_nearly_the_direct_one():
    picture = pictures.scenery(1200, 900)
    direct = picture.resize((60, 45), Image.Resampling.LANCZOS)
    pyramid = Pyramid.of(picture, Size(1200, 900), turn=1, profile=None)
    for size in (Size(600, 450), Size(240, 180)):
        pyramid.draw(whole(pyramid), size)
    largest, mean = pictures.difference(pyramid.draw(whole(pyramid), Size(60, 45)), direct)
    assert largest <= 8
    assert mean <= 0.5


def test_an_enlarged_variant_spoils_none_of_its_neighbours():
    picture = pictures.photograph(100, 80)
    data = pictures.file_of(picture, "PNG")
    specs = [
        VariantSpec(name="big", width=400, enlarge=True),
        VariantSpec(name="same"),
        VariantSpec(name="half", width=50),
    ]
    _, same, half = (pictures.opened(made.data) for made in render(data, specs).variants)
    assert same.tobytes() == picture.tobytes()
    assert half.tobytes() == pictures.opened(render(data, specs[2:]).variants[0].data).tobytes()


def test_a_picture_that_had_to_be_converted_is_let_go_of():
    """Whoever opened it still holds it: a function has no room for it twice."""
    image = Image.new("LA", (8, 8))
    pyramid = Pyramid.of(image, Size(8, 8), turn=1, profile=None)
    assert pyramid.draw(whole(pyramid), Size(4, 4)).mode == "RGBa"
    with pytest.raises(ValueError, match="closed image"):
        image.getpixel((0, 0))
