import doctest
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.errors import InvalidRequest, UnknownVariant
from chalicelib.model.picture import Fit, Format, Limits, VariantSpec
from chalicelib.model.pipeline import Pipeline, Source
from chalicelib.pipelines import instructions
from chalicelib.pipelines.instructions import instructed

THUMBNAIL = VariantSpec(name="thumbnail", width=128, height=128)
LARGE = VariantSpec(name="large", width=1280, quality=80, format=Format.WEBP, enlarge=True, key="{stem}.{ext}")
PIPELINE = Pipeline(name="p", source=Source(instructions=True), variants=(THUMBNAIL, LARGE))


def test_the_docstring_says_true():
    assert doctest.testmod(instructions).failed == 0


def test_an_original_without_instructions_gets_what_the_pipeline_says():
    assert instructed(PIPELINE, {}) == (THUMBNAIL, LARGE)
    assert instructed(PIPELINE, {"author": "me", "resized": "false"}) == (THUMBNAIL, LARGE)


@given(st.dictionaries(st.sampled_from(["width", "fit", "variants", "quality"]), st.text()))
def test_a_pipeline_that_takes_none_does_not_look(metadata):
    plain = replace(PIPELINE, source=Source())
    assert instructed(plain, metadata) == plain.variants


@pytest.mark.parametrize(
    ("metadata", "changes"),
    [
        ({"width": "640"}, {"width": 640}),
        ({"height": "48"}, {"height": 48}),
        ({"width": "1", "height": "16383"}, {"width": 1, "height": 16383}),
        ({"format": "png"}, {"format": Format.PNG}),
        ({"format": "same"}, {"format": None}),
        ({"quality": "1"}, {"quality": 1}),
        ({"quality": "auto"}, {"quality": "auto"}),
        ({"fit": "cover", "width": "9", "height": "9"}, {"fit": Fit.COVER, "width": 9, "height": 9}),
    ],
)
def test_what_it_says_takes_the_place_of_what_the_pipeline_says(metadata, changes):
    assert instructed(PIPELINE, metadata) == tuple(replace(spec, **changes) for spec in (THUMBNAIL, LARGE))


@given(width=st.integers(1, Limits().max_side), quality=st.integers(1, 100), picked=st.booleans())
def test_all_else_stays_as_it_is(width, quality, picked):
    metadata = {"width": str(width), "quality": str(quality)} | ({"variants": "large"} if picked else {})
    specs = instructed(PIPELINE, metadata)
    assert [replace(spec, width=None, quality=None) for spec in specs] == [
        replace(spec, width=None, quality=None) for spec in ((LARGE,) if picked else (THUMBNAIL, LARGE))
    ]
    assert {(spec.width, spec.quality) for spec in specs} == {(width, quality)}


@pytest.mark.parametrize(
    ("text", "names"),
    [("large", ["large"]), ("large, thumbnail", ["large", "thumbnail"]), ("large,large", ["large"])],
)
def test_it_may_pick_variants(text, names):
    assert [spec.name for spec in instructed(PIPELINE, {"variants": text})] == names


def test_a_fit_that_needs_both_sides_is_checked_for_the_variants_that_are_picked():
    assert instructed(PIPELINE, {"fit": "fill", "variants": "thumbnail"}) == (replace(THUMBNAIL, fit=Fit.FILL),)
    with pytest.raises(InvalidRequest, match=r"x-amz-meta-height: expected a number.*fit fill.*large") as caught:
        instructed(PIPELINE, {"fit": "fill"})
    assert caught.value.field == "height"


WRONG = {
    "width": [
        "",
        "0",
        "-5",
        "16384",
        "9" * 1000,
        "64.5",
        "640.0",
        "1e3",
        "0x10",
        "+5",
        " 5",
        "1_0",
        "\u0663",
        "null",
        "ten",
    ],
    "height": ["0", "None", "300px"],
    "fit": ["", "crop", "Cover", "inside "],
    "format": ["jpg", "tiff", "PNG", ""],
    "quality": ["0", "101", "high"],
}


@pytest.mark.parametrize(("field", "text"), [(field, text) for field, texts in WRONG.items() for text in texts])
def test_what_is_wrong_is_named(field, text):
    with pytest.raises(InvalidRequest, match=f"^x-amz-meta-{field}: expected .*got ") as caught:
        instructed(PIPELINE, {field: text})
    assert caught.value.field == field
    assert text[:40] in str(caught.value)
    assert len(str(caught.value)) < 140


def test_all_that_is_wrong_is_listed():
    with pytest.raises(InvalidRequest) as caught:
        instructed(PIPELINE, {"quality": "0", "width": "wide", "fit": "tight"})
    assert str(caught.value) == (
        "x-amz-meta-width: expected a whole number, got 'wide'; "
        "x-amz-meta-fit: expected one of inside, outside, cover, contain, fill, got 'tight'; "
        "x-amz-meta-quality: expected 1 to 100, or 'auto', got 0"
    )


@pytest.mark.parametrize("text", ["", "huge", "large,", "large;thumbnail", "LARGE"])
def test_variants_that_the_pipeline_does_not_have_are_unknown(text):
    with pytest.raises(UnknownVariant, match=r"^x-amz-meta-variants: expected names out of thumbnail, large, got"):
        instructed(PIPELINE, {"variants": text})


def test_names_that_nobody_knows_are_repeated_in_part():
    with pytest.raises(UnknownVariant) as caught:
        instructed(PIPELINE, {"variants": "x" * 2000})
    assert str(caught.value).endswith("got 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...")


@given(st.dictionaries(st.sampled_from([*WRONG, "variants", "other"]), st.text(max_size=20)))
def test_nothing_else_is_raised(metadata):
    with suppress(InvalidRequest):
        assert {spec.name for spec in instructed(PIPELINE, metadata)} <= {"thumbnail", "large"}
