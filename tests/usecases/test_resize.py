from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chalicelib import orders
from chalicelib.errors import (
    CatalogueUnavailable,
    CorruptImage,
    ForbiddenBucket,
    ImageTooLarge,
    InvalidRequest,
    NotFound,
    StorageUnavailable,
    UnknownVariant,
)
from chalicelib.identity import image_id
from chalicelib.model.picture import Format, Limits, VariantSpec
from chalicelib.model.record import Status
from chalicelib.model.storage import StorageChange
from chalicelib.usecases import resize as resize_module
from chalicelib.usecases.ingest import ingest
from chalicelib.usecases.reprocess import reprocess
from chalicelib.usecases.resize import resize
from tests.conftest import call, picture

PHOTO = image_id("originals", "photo.jpg")


def ordered(stage, **request):
    return resize(orders.parse({"bucket": "originals", "key": "photo.jpg"} | request), stage.halftone, call("request"))


def names(record):
    return [variant.name for variant in record.variants]


@pytest.fixture
def photo(stage):
    stage.upload("photo.jpg", picture(800, 600))
    return ingest(
        StorageChange(kind="created", bucket="originals", key="photo.jpg", sequencer="05"), stage.halftone, call()
    )


def test_without_more_the_whole_pipeline_is_made(stage):
    stage.upload("photo.jpg", picture(800, 600))
    record = ordered(stage)
    assert names(record) == ["thumbnail", "medium", "large"]
    assert stage.record("photo.jpg") == record
    assert [completion.status for completion in stage.completions()] == [Status.READY]


def test_what_was_never_taken_in_is_first(stage):
    stage.upload("photo.jpg", picture(800, 600))
    assert names(ordered(stage, width=100)) == ["thumbnail", "medium", "large", "w100"]
    assert [len(completion.variants) for completion in stage.completions()] == [3, 4]


def test_a_named_variant_that_somebody_deleted_is_made_again(stage, photo):
    stage.s3.delete_object(Bucket="variants", Key="medium/photo.jpg")
    assert ordered(stage, variants=["medium", "medium"]).variants == photo.variants
    assert "medium/photo.jpg" in stage.keys("variants")


def test_an_adhoc_variant_joins_the_record(stage, photo):
    record = ordered(stage, width=100, height=100, fit="cover", format="webp", quality=60)
    assert names(record) == [*names(photo), "w100-h100-fit-cover-webp-q60"]
    made = record.variants[-1]
    assert (made.format, made.width, made.height) == (Format.WEBP, 100, 100)
    assert made.key == "w100-h100-fit-cover-webp-q60/photo.jpg.webp"
    assert stage.image(made.bucket, made.key).format == "WEBP"
    assert (record.created_at, record.original) == (photo.created_at, photo.original)
    assert stage.record("photo.jpg") == record


def test_the_same_again_replaces_and_does_not_double(stage, photo):
    ordered(stage, width=100)
    assert names(ordered(stage, width=100)) == [*names(photo), "w100"]


def test_variants_of_an_older_version_go(stage, photo):
    ordered(stage, width=100)
    stage.upload("photo.jpg", picture(600, 800))
    record = ordered(stage, width=50)
    assert names(record) == ["thumbnail", "medium", "large", "w50"]
    assert "w100/photo.jpg" not in stage.keys("variants")
    assert record.etag != photo.etag


def test_the_same_size_at_two_places_is_two_variants(stage, photo):
    ordered(stage, width=100, dest_key="here.jpg")
    record = ordered(stage, width=100, dest_bucket="extra", dest_key="there.jpg")
    assert len({variant.name for variant in record.variants}) == len(photo.variants) + 2
    assert "here.jpg" in stage.keys("variants")
    assert stage.keys("extra") == {"there.jpg"}


def test_a_variant_never_takes_the_place_of_anything_else(stage, photo):
    stage.upload("other.jpg", picture(800, 600))
    ordered(stage, key="other.jpg", width=50, dest_key="mine/taken.jpg")
    stage.upload("foreign.jpg", b"somebody's", bucket="extra")
    for place in (
        {"dest_key": "thumbnail/other.jpg"},
        {"dest_key": "thumbnail/photo.jpg"},
        {"dest_key": "w60/other.jpg"},
        {"dest_key": "w60-h60-fit-cover-webp-q75-to-0a1b/other.jpg"},
        {"dest_key": "mine/taken.jpg"},
        {"dest_bucket": "extra", "dest_key": "foreign.jpg"},
    ):
        with pytest.raises(InvalidRequest, match="dest_key") as caught:
            ordered(stage, width=60, **place)
        assert caught.value.field == "dest_key"
    ordered(stage, width=61, dest_key="mine/own.jpg")
    with pytest.raises(InvalidRequest, match="something else already"):
        ordered(stage, width=62, dest_key="mine/own.jpg")
    assert ordered(stage, width=61, dest_key="mine/own.jpg").variants[-1].width == 61
    assert stage.record("photo.jpg").variants[: len(photo.variants)] == photo.variants


def test_one_key_in_two_buckets_is_two_images_with_variants_of_their_own(stage, photo):
    stage.upload("photo.jpg", picture(600, 800), bucket="extra")
    record = ordered(stage, bucket="extra")
    assert {variant.key for variant in record.variants} == {
        f"{name}/extra/photo.jpg" for name in ("thumbnail", "medium", "large")
    }
    for variant in photo.variants:
        assert stage.s3.head_object(Bucket=variant.bucket, Key=variant.key)["ETag"] == f'"{variant.etag}"'


def test_there_is_a_most_of_adhoc_variants(stage, photo, monkeypatch):
    monkeypatch.setattr(resize_module, "MOST_EXTRAS", 2)
    ordered(stage, width=1)
    record = ordered(stage, width=2)
    with pytest.raises(InvalidRequest, match="2 ad-hoc variants"):
        ordered(stage, width=3)
    assert ordered(stage, width=2).variants == record.variants
    assert len(record.variants) == len(photo.variants) + 2


def test_a_variant_is_not_an_original(stage, photo):
    with pytest.raises(InvalidRequest, match="is a variant"):
        ordered(stage, bucket="variants", key=photo.variants[0].key)


def test_a_failure_is_tried_again_when_somebody_asks(stage):
    stage.upload("photo.jpg", picture(800, 600))
    strict = replace(stage.halftone, settings=replace(stage.halftone.settings, limits=Limits(max_pixels=100)))
    with pytest.raises(ImageTooLarge):
        ordered(replace(stage, halftone=strict))
    assert stage.record("photo.jpg").error.code == "image_too_large"
    assert ordered(stage).status is Status.READY


@pytest.mark.usefixtures("photo")
def test_an_order_does_not_hold_up_the_events_of_the_image(stage):
    ordered(stage, width=100)
    stage.upload("photo.jpg", picture(640, 480))
    record = ingest(
        StorageChange(kind="created", bucket="originals", key="photo.jpg", sequencer="06"), stage.halftone, call()
    )
    assert names(record) == ["thumbnail", "medium", "large"]
    assert "w100/photo.jpg" not in stage.keys("variants")


@pytest.mark.parametrize("request_", [{"bucket": "secrets"}, {"width": 10, "dest_bucket": "secrets"}])
def test_other_buckets_are_forbidden(stage, request_):
    with pytest.raises(ForbiddenBucket, match="secrets"):
        ordered(stage, **request_)


def test_unknown_variants_are_named(stage):
    with pytest.raises(UnknownVariant, match="'huge'") as caught:
        ordered(stage, variants=["thumbnail", "huge"])
    assert "thumbnail, medium, large" in str(caught.value)


def test_an_object_that_is_not_there(stage):
    with pytest.raises(NotFound, match=r"photo\.jpg"):
        ordered(stage)


def test_an_original_that_is_broken_is_recorded_and_the_caller_hears_of_it(stage, photo):
    stage.upload("broken.jpg", picture(800, 600)[:2000])
    for _ in range(2):
        with pytest.raises(CorruptImage):
            ordered(stage, key="broken.jpg", width=10)
    assert stage.record("broken.jpg").error.code == "corrupt_image"
    assert stage.record("photo.jpg") == photo


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    "place",
    [
        {"dest_bucket": "originals", "dest_key": "photo.jpg"},
        {"dest_bucket": "originals", "dest_key": "other.jpg"},
        {"dest_bucket": "originals"},
    ],
)
def test_nothing_is_written_where_originals_are(stage, place):
    with pytest.raises(InvalidRequest, match="choose another place"):
        ordered(stage, width=100, **place)
    assert stage.keys("originals") == {"photo.jpg"}


def test_an_original_elsewhere_is_not_overwritten(stage):
    stage.upload("photo.jpg", picture(), bucket="extra")
    with pytest.raises(InvalidRequest, match="choose another place"):
        ordered(stage, bucket="extra", width=100, dest_bucket="extra", dest_key="photo.jpg")


def test_a_name_of_the_pipeline_is_not_for_adhoc_variants(stage, photo):
    pipeline = replace(stage.halftone.pipeline, variants=(VariantSpec(name="w100", width=100),))
    stage = replace(stage, halftone=replace(stage.halftone, pipeline=pipeline))
    with pytest.raises(InvalidRequest, match="w100 is of the pipeline"):
        ordered(stage, width=100)
    assert stage.record("photo.jpg") == photo


def test_reprocessing_keeps_the_adhoc_variants_of_the_version(stage, photo):
    ordered(stage, width=100, format="webp")
    pipeline = replace(stage.halftone.pipeline, variants=(VariantSpec(name="tiny", width=16),))
    later = replace(stage.halftone, pipeline=pipeline, digest="later")
    change = StorageChange(kind="created", bucket="originals", key="photo.jpg")
    record = reprocess(change, later, call("delivery-2"))
    assert names(record) == ["tiny", "w100-webp"]
    assert stage.keys("variants") == {"tiny/photo.jpg", "w100-webp/photo.jpg.webp"}
    assert record.etag == photo.etag


def test_reprocessing_leaves_out_adhoc_variants_for_which_there_is_no_room(stage, photo, monkeypatch):
    ordered(stage, width=100)
    pixels = sum(variant.width * variant.height for variant in photo.variants)
    monkeypatch.setattr("chalicelib.imaging.render.MAX_CANVASES", pixels)
    change = StorageChange(kind="created", bucket="originals", key="photo.jpg")
    record = reprocess(change, replace(stage.halftone, digest="later"), call("delivery-2"))
    assert (record.status, names(record)) == (Status.READY, names(photo))


def test_an_image_that_another_worker_is_busy_with_is_waited_for(stage, monkeypatch):
    stage.upload("photo.jpg", picture(800, 600))
    begun = take_in_half(stage, monkeypatch)

    def finish(_seconds):
        monkeypatch.setattr(resize_module.time, "sleep", lambda _: pytest.fail("waited twice"))
        assert ingest(begun, stage.halftone, call()).status is Status.READY

    monkeypatch.setattr(resize_module.time, "sleep", finish)
    assert names(ordered(stage, width=100)) == ["thumbnail", "medium", "large", "w100"]


def test_waiting_has_an_end(stage, monkeypatch):
    stage.upload("photo.jpg", picture(800, 600))
    take_in_half(stage, monkeypatch)
    monkeypatch.setattr(resize_module.time, "sleep", lambda _: None)
    with pytest.raises(CatalogueUnavailable, match="too much is happening"):
        ordered(stage)


def test_what_was_given_up_long_ago_is_taken_over(stage, monkeypatch):
    stage.upload("photo.jpg", picture(800, 600))
    take_in_half(stage, monkeypatch)
    monkeypatch.setattr(resize_module, "now", lambda: datetime.fromtimestamp(call().worker.until, UTC))
    assert ordered(stage).status is Status.READY


def test_a_retry_does_not_wait_for_the_try_before_it(stage, monkeypatch):
    stage.upload("photo.jpg", picture(800, 600))
    take_in_half(stage, monkeypatch)
    monkeypatch.setattr(resize_module.time, "sleep", lambda _: pytest.fail("waited"))
    order = orders.parse({"bucket": "originals", "key": "photo.jpg"})
    assert resize(order, stage.halftone, call()).status is Status.READY


def take_in_half(stage, monkeypatch):
    """Leave an image as a worker does that dies while it writes."""
    change = StorageChange(kind="created", bucket="originals", key="photo.jpg", sequencer="05")

    def die(*_args, **_options):
        raise StorageUnavailable("not now")

    with monkeypatch.context() as patch:
        patch.setattr(type(stage.halftone.storage), "put", die)
        with pytest.raises(StorageUnavailable):
            ingest(change, stage.halftone, call())
    return change
