"""Where the variants of an image go, and where they may be."""

import pytest
from msgspec.structs import replace

from chalicelib.errors import InvalidRequest
from chalicelib.model.order import AdHoc
from chalicelib.model.picture import Format, VariantSpec
from chalicelib.model.pipeline import Pipeline, Source
from chalicelib.usecases.entry import Image
from chalicelib.usecases.locations import location, possible_locations

PHOTO = Image("originals", "a/photo.jpg")
SAME = VariantSpec(name="small", key="{variant}/{path}/{stem}.{ext}")
WEBP = VariantSpec(name="web", format=Format.WEBP, key="{variant}/{key}.{ext}")
OWN = AdHoc(spec=VariantSpec(name="w7", width=7, key="_/{variant}/{version}/{key}"))


def under(stage, *specs, **source):
    return replace(stage.halftone, pipeline=Pipeline(name="p", source=Source(**source), variants=specs))


@pytest.mark.parametrize(
    ("bucket", "key", "named"),
    [
        ("originals", "a/photo.jpg", "thumbnail/a/photo.jpg"),
        ("originals", "/photo.jpg", "thumbnail/@/photo.jpg"),
        ("extra", "a/photo.jpg", "thumbnail/@extra/a/photo.jpg"),
    ],
)
def test_a_variant_of_the_pipeline_goes_where_its_template_says(stage, bucket, key, named):
    thumbnail = AdHoc(spec=stage.halftone.pipeline.variants[0])
    assert location(thumbnail, Image(bucket, key), Format.JPEG, stage.halftone) == ("variants", named)


def test_an_ad_hoc_variant_has_a_place_of_its_version(stage):
    first, again, second = (location(OWN, PHOTO, Format.JPEG, stage.halftone, etag=etag) for etag in ("1", "1", "2"))
    assert first == again != second
    assert first[1].startswith("_/w7/")


def test_a_caller_may_choose_bucket_and_key(stage):
    chosen = replace(OWN, dest_bucket="extra", dest_key="card.jpg")
    assert location(chosen, PHOTO, Format.JPEG, stage.halftone) == ("extra", "card.jpg")


@pytest.mark.parametrize(
    ("chosen", "image", "field"),
    [
        ({"dest_bucket": "originals"}, PHOTO, "dest_bucket"),
        ({"dest_bucket": "originals", "dest_key": "b.jpg"}, PHOTO, "dest_key"),
        ({"dest_bucket": "extra", "dest_key": "b.jpg"}, Image("extra", "b.jpg"), "dest_key"),
        ({"dest_key": "thumbnail/b.jpg"}, PHOTO, "dest_key"),
        ({"dest_key": "_/b.jpg"}, PHOTO, "dest_key"),
        ({"dest_bucket": "extra", "dest_key": "_/b.jpg"}, PHOTO, "dest_key"),
    ],
)
def test_but_not_where_originals_or_variants_of_others_are(stage, chosen, image, field):
    with pytest.raises(InvalidRequest, match="choose another place") as caught:
        location(replace(OWN, **chosen), image, Format.JPEG, stage.halftone)
    assert caught.value.field == field


def test_a_variant_may_be_in_any_format_that_its_original_may_have(stage):
    assert possible_locations(PHOTO, under(stage, SAME, WEBP)) == {
        ("variants", "web/a/photo.jpg.webp"),
        *(("variants", f"small/a/photo.{extension}") for extension in ("jpg", "png", "webp", "avif", "gif")),
    }


def test_metadata_may_choose_any_format(stage):
    found = possible_locations(PHOTO, under(stage, WEBP, instructions=True))
    assert found == {("variants", f"web/a/photo.jpg.{end}") for end in ("jpg", "png", "webp", "avif", "gif")}


def test_a_place_that_cannot_be_is_left_out(stage):
    long = Image("originals", "x" * 1020 + ".jpg")
    assert possible_locations(long, under(stage, SAME, WEBP)) == set()


def test_wherever_a_variant_goes_is_among_the_possible_places(stage):
    halftone = under(stage, SAME, WEBP)
    for output in Format:
        assert location(AdHoc(spec=SAME), PHOTO, output, halftone) in possible_locations(PHOTO, halftone)
