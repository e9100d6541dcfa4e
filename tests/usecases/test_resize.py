from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import orders
from chalicelib.errors import (
    CatalogueUnavailable,
    CorruptImage,
    ForbiddenBucket,
    InvalidRequest,
    NotFound,
    StorageUnavailable,
    UnknownVariant,
)
from chalicelib.identity import image_id
from chalicelib.model import Format, Status, StorageChange, VariantSpec
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


def test_a_variant_that_moves_leaves_nothing_behind(stage, photo):
    ordered(stage, width=100, dest_key="here.jpg")
    record = ordered(stage, width=100, dest_bucket="extra", dest_key="there.jpg")
    assert "here.jpg" not in stage.keys("variants")
    assert stage.keys("extra") == {"there.jpg"}
    assert (record.variants[-1].bucket, record.variants[-1].key) == ("extra", "there.jpg")
    assert names(record) == [*names(photo), "w100"]


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
    monkeypatch.setattr(resize_module, "ABANDONED", timedelta(0))
    assert ordered(stage).status is Status.READY


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
