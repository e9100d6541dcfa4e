"""Geometry by rule (properties) and by example."""

import doctest

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.imaging.drawing import geometry
from chalicelib.imaging.drawing.geometry import ANCHORS, Box, Plan, Point, plan
from chalicelib.model.picture import Fit, Position, Size

SIDES = st.integers(1, 20_000)
SIZES = st.builds(Size, SIDES, SIDES)
FITS = st.sampled_from(list(Fit))
POSITIONS = st.sampled_from(list(ANCHORS))
OPEN_TARGETS = st.tuples(st.none() | SIDES, st.none() | SIDES)


def test_the_examples_of_the_docstrings():
    assert doctest.testmod(geometry).failed == 0


@given(size=SIZES, target=OPEN_TARGETS, fit=FITS, position=POSITIONS, enlarge=st.booleans())
@example(size=Size(1, 20_000), target=(20_000, None), fit=Fit.INSIDE, position=Position.CENTER, enlarge=True)
def test_no_side_is_zero_and_everything_lies_inside_what_it_is_cut_from_or_laid_on(
    size, target, fit, position, enlarge
):
    made = plan(size, target, fit, anchor=ANCHORS[position], enlarge=enlarge)
    assert min(*made.scaled, *made.canvas, *made.crop.size) >= 1
    assert 0 <= made.crop.left < made.crop.right <= size.width
    assert 0 <= made.crop.top < made.crop.bottom <= size.height
    assert min(made.offset) >= 0
    assert made.offset.left + made.scaled.width <= made.canvas.width
    assert made.offset.top + made.scaled.height <= made.canvas.height


@given(SIZES, OPEN_TARGETS, FITS, POSITIONS)
def test_nothing_grows_unasked(size, target, fit, position):
    made = plan(size, target, fit, anchor=ANCHORS[position])
    assert made.scaled.width <= made.crop.size.width
    assert made.scaled.height <= made.crop.size.height


@given(SIZES, SIZES, st.sampled_from([Fit.INSIDE, Fit.OUTSIDE, Fit.CONTAIN]), st.booleans())
def test_the_aspect_ratio_is_kept_within_half_a_pixel(size, target, fit, enlarge):
    """One side decides; the other one is off its exact length by half a pixel at most, or is the one it must have."""
    scaled = plan(size, target, fit, enlarge=enlarge).scaled
    exact_height = size.height * scaled.width / size.width
    exact_width = size.width * scaled.height / size.height
    assert (
        abs(scaled.height - exact_height) <= 0.5
        or abs(scaled.width - exact_width) <= 0.5
        or (scaled.height == 1 and exact_height < 1)
        or (scaled.width == 1 and exact_width < 1)
    )


@given(SIZES, SIZES, st.booleans())
def test_inside_fits_and_outside_covers(size, target, enlarge):
    within = plan(size, target, Fit.INSIDE, enlarge=enlarge).scaled
    assert within.width <= target.width
    assert within.height <= target.height
    assert not enlarge or within.width == target.width or within.height == target.height
    without = plan(size, target, Fit.OUTSIDE, enlarge=True).scaled
    assert without.width >= target.width
    assert without.height >= target.height


@given(SIZES, SIZES, POSITIONS, st.booleans())
def test_cover_crops_one_axis_at_most_and_keeps_the_shape_of_the_target(size, target, position, enlarge):
    made = plan(size, target, Fit.COVER, anchor=ANCHORS[position], enlarge=enlarge)
    kept = made.crop.size
    assert kept.width == size.width or kept.height == size.height
    off = min(
        abs(kept.width - target.width * kept.height / target.height),
        abs(kept.height - target.height * kept.width / target.width),
    )
    assert off <= 0.5 or 1 in kept
    assert not enlarge or made.canvas == target


@given(SIZES, SIZES, POSITIONS)
def test_contain_and_fill_give_the_whole_target(size, target, position):
    assert plan(size, target, Fit.CONTAIN, anchor=ANCHORS[position]).canvas == target
    filled = plan(size, target, Fit.FILL, enlarge=True)
    assert filled == Plan(Box(0, 0, *size), target, target, Point(0, 0))


@given(SIZES, FITS, st.booleans())
def test_an_open_target_keeps_the_size(size, fit, enlarge):
    assert plan(size, (None, None), fit, enlarge=enlarge) == Plan(Box(0, 0, *size), size, size, Point(0, 0))


@pytest.mark.parametrize(
    ("fit", "enlarge", "expected"),
    [
        (Fit.INSIDE, False, Plan(Box(0, 0, 300, 200), Size(100, 67), Size(100, 67), Point(0, 0))),
        (Fit.OUTSIDE, False, Plan(Box(0, 0, 300, 200), Size(150, 100), Size(150, 100), Point(0, 0))),
        (Fit.COVER, False, Plan(Box(50, 0, 250, 200), Size(100, 100), Size(100, 100), Point(0, 0))),
        (Fit.CONTAIN, False, Plan(Box(0, 0, 300, 200), Size(100, 67), Size(100, 100), Point(0, 17))),
        (Fit.FILL, False, Plan(Box(0, 0, 300, 200), Size(100, 100), Size(100, 100), Point(0, 0))),
    ],
)
def test_each_fit_of_a_300x200_original_in_a_100_square(fit, enlarge, expected):
    assert plan(Size(300, 200), Size(100, 100), fit, enlarge=enlarge) == expected


@pytest.mark.parametrize(
    ("fit", "enlarge", "scaled", "canvas"),
    [
        (Fit.INSIDE, False, (30, 20), (30, 20)),
        (Fit.INSIDE, True, (90, 60), (90, 60)),
        (Fit.OUTSIDE, False, (30, 20), (30, 20)),
        (Fit.OUTSIDE, True, (135, 90), (135, 90)),
        (Fit.COVER, False, (20, 20), (20, 20)),
        (Fit.COVER, True, (90, 90), (90, 90)),
        (Fit.CONTAIN, False, (30, 20), (90, 90)),
        (Fit.CONTAIN, True, (90, 60), (90, 90)),
        (Fit.FILL, False, (30, 20), (30, 20)),
        (Fit.FILL, True, (90, 90), (90, 90)),
    ],
)
def test_each_fit_of_a_30x20_original_in_a_90_square(fit, enlarge, scaled, canvas):
    made = plan(Size(30, 20), Size(90, 90), fit, enlarge=enlarge)
    assert (made.scaled, made.canvas) == (scaled, canvas)


@pytest.mark.parametrize(
    ("position", "left", "top"),
    [
        (Position.NORTHWEST, 0, 0),
        (Position.NORTH, 50, 0),
        (Position.NORTHEAST, 100, 0),
        (Position.WEST, 0, 0),
        (Position.CENTER, 50, 0),
        (Position.EAST, 100, 0),
        (Position.SOUTHWEST, 0, 0),
        (Position.SOUTH, 50, 0),
        (Position.SOUTHEAST, 100, 0),
    ],
)
def test_cover_keeps_the_part_at_the_compass_point(position, left, top):
    """The original is wide: only east and west make a difference; standing on its side, north and south do."""
    anchor = ANCHORS[position]
    assert plan(Size(300, 200), Size(10, 10), Fit.COVER, anchor=anchor).crop == Box(left, top, left + 200, top + 200)
    high = plan(Size(200, 300), Size(10, 10), Fit.COVER, anchor=anchor).crop
    assert high == Box(0, round(100 * anchor.down), 200, round(100 * anchor.down) + 200)


@given(SIZES, SIDES)
def test_one_open_side_follows_from_the_other(size, width):
    made = plan(size, (width, None), Fit.FILL, enlarge=True)
    assert made.canvas.width == width
    assert abs(made.canvas.height - max(1, size.height * width / size.width)) <= 0.5


@given(
    size=SIZES,
    side=SIDES,
    fit=st.sampled_from([Fit.INSIDE, Fit.OUTSIDE, Fit.CONTAIN, Fit.FILL]),
    enlarge=st.booleans(),
)
@example(size=Size(900, 300), side=640, fit=Fit.INSIDE, enlarge=False)
@example(size=Size(900, 300), side=640, fit=Fit.CONTAIN, enlarge=False)
def test_a_side_given_alone_is_exact(size, side, fit, enlarge):
    """Unless that would enlarge: then the original's own."""
    by_width = plan(size, (side, None), fit, enlarge=enlarge)
    assert by_width.scaled.width == (side if enlarge else min(side, size.width))
    assert abs(by_width.scaled.height - max(1, size.height * by_width.scaled.width / size.width)) <= 0.5
    turned = plan(Size(size.height, size.width), (None, side), fit, enlarge=enlarge)
    assert turned.scaled == Size(by_width.scaled.height, by_width.scaled.width)
