"""Uploads whose metadata has a say in their variants."""

import pytest
from msgspec.structs import replace

from chalicelib import orders
from chalicelib.errors import InvalidRequest, StorageUnavailable, UnknownVariant
from chalicelib.model.picture import VariantSpec
from chalicelib.model.pipeline import Pipeline, Source
from chalicelib.model.record import Status
from chalicelib.usecases.resize import resize
from tests.conftest import call, failing, picture

PIPELINE = Pipeline(
    name="instructed",
    source=Source(instructions=True),
    variants=(
        VariantSpec(name="small", width=50, key="{variant}/{stem}.{ext}"),
        VariantSpec(name="large", width=200, key="{variant}/{stem}.{ext}"),
    ),
)


@pytest.fixture
def instructed(stage):
    return replace(stage, halftone=replace(stage.halftone, pipeline=PIPELINE))


def upload(stage, sequencer="01", **metadata):
    stage.upload("photo.jpg", picture(400, 300), Metadata=metadata)
    return stage.tell(sequencer=sequencer)


def order(stage, **request):
    return resize(orders.parse({"bucket": "originals", "key": "photo.jpg"} | request), stage.halftone, call("request"))


def test_the_metadata_of_an_upload_is_followed(instructed):
    record = upload(instructed, variants="small", width="80", format="webp")
    assert [(v.name, v.key, v.width, v.height) for v in record.variants] == [("small", "small/photo.webp", 80, 60)]
    assert instructed.keys("variants") == {"small/photo.webp"}


def test_other_metadata_on_the_same_picture_makes_other_variants_and_leaves_none_behind(instructed):
    upload(instructed, "01", format="webp")
    assert instructed.keys("variants") == {"small/photo.webp", "large/photo.webp"}
    upload(instructed, "02", variants="small")
    assert instructed.keys("variants") == {"small/photo.jpg"}


def test_the_places_of_any_format_are_named_before_anything_is_written(instructed, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(type(instructed.halftone.storage), "put", failing(StorageUnavailable("not now")))
        with pytest.raises(StorageUnavailable):
            upload(instructed, format="webp", variants="large")
    assert {place.location for place in instructed.entry().possible_locations} == {
        ("variants", f"{name}/photo.{extension}")
        for name in ("small", "large")
        for extension in ("jpg", "png", "webp", "avif", "gif")
    }


@pytest.mark.parametrize(
    ("metadata", "code", "field"),
    [
        ({"width": "-5"}, "invalid_request", "width"),
        ({"width": "16383", "height": "16383", "fit": "contain"}, "invalid_request", "width"),
        ({"fit": "cover"}, "invalid_request", "height"),
        ({"variants": "huge"}, "unknown_variant", "variants"),
    ],
)
def test_metadata_that_cannot_be_followed_fails_the_image_and_nothing_is_retried(instructed, metadata, code, field):
    upload(instructed, "01")
    record = upload(instructed, "02", **metadata)
    assert (record.status, record.error.code) == (Status.FAILED, code)
    assert field in record.error.message
    assert instructed.keys("variants") == set()
    assert [completion.event.value for completion in instructed.completions()] == ["image.ready", "image.failed"]


def test_who_asks_for_what_cannot_be_followed_hears_why(instructed):
    upload(instructed, width="-5")
    with pytest.raises(InvalidRequest, match="width"):
        order(instructed)


def test_a_deletion_takes_away_what_instructions_made(instructed):
    upload(instructed, format="png")
    instructed.s3.delete_object(Bucket="originals", Key="photo.jpg")
    assert instructed.tell(sequencer="02", kind="removed").status is Status.DELETED
    assert instructed.keys("variants") == set()


def test_who_asks_for_a_variant_by_its_name_gets_it_as_instructed(instructed):
    upload(instructed, width="80")
    instructed.s3.delete_object(Bucket="variants", Key="small/photo.jpg")
    order(instructed, variants=["small"])
    assert instructed.image("variants", "small/photo.jpg").size == (80, 60)


@pytest.mark.parametrize("known", [True, False])
def test_what_the_metadata_leaves_out_cannot_be_asked_for(instructed, known):
    instructed.upload("photo.jpg", picture(400, 300), Metadata={"variants": "small"})
    if known:
        upload(instructed, variants="small")
    with pytest.raises(UnknownVariant, match="expected names out of small, got 'large'"):
        order(instructed, variants=["small", "large"])
    assert instructed.keys("variants") == {"small/photo.jpg"}


def test_a_size_of_the_callers_own_is_not_instructed(instructed):
    upload(instructed, format="png", width="80")
    (small, large, own) = order(instructed, width=20).variants
    assert (small.format, large.width, own.format, own.width) == ("png", 80, "jpeg", 20)
