"""Somebody asks for variants of one original, now."""

from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from chalicelib import orders
from chalicelib.aws.storage import S3Storage
from chalicelib.aws.topic import SnsCompletions
from chalicelib.errors import (
    CompletionsUnavailable,
    CorruptImage,
    DeadlineExceeded,
    ForbiddenBucket,
    ImageBusy,
    ImageTooLarge,
    InvalidRequest,
    NotFound,
    StorageUnavailable,
    TimeIsUp,
    UnknownVariant,
)
from chalicelib.model.picture import Limits, VariantSpec
from chalicelib.model.record import Status
from chalicelib.usecases import resize as resize_module
from chalicelib.usecases.resize import resize
from tests.conftest import Died, call, failing, over, picture


def ordered(stage, **request):
    return resize(orders.parse({"bucket": "originals", "key": "photo.jpg"} | request), stage.halftone, call("request"))


def names(record):
    return [variant.name for variant in record.variants]


@pytest.fixture
def photo(stage):
    stage.upload("photo.jpg", picture(800, 600))
    return stage.tell(sequencer="05")


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


def test_one_key_in_two_buckets_is_two_images_with_variants_of_their_own(stage, photo):
    stage.upload("photo.jpg", picture(600, 800), bucket="extra")
    record = ordered(stage, bucket="extra")
    assert {variant.key for variant in record.variants} == {
        f"{name}/@extra/photo.jpg" for name in ("thumbnail", "medium", "large")
    }
    for variant in photo.variants:
        assert stage.s3.head_object(Bucket=variant.bucket, Key=variant.key)["ETag"] == f'"{variant.etag}"'


def test_a_variant_is_not_an_original(stage, photo):
    with pytest.raises(InvalidRequest, match="is a variant"):
        ordered(stage, bucket="variants", key=photo.variants[0].key)


def test_a_failure_is_answered_at_once_until_the_pipeline_or_its_limits_change(stage, monkeypatch):
    stage.upload("photo.jpg", picture(800, 600))
    settings = replace(stage.halftone.settings, limits=Limits(max_pixels=100))
    strict = replace(stage, halftone=replace(stage.halftone, settings=settings, digest="strict"))
    with pytest.raises(ImageTooLarge):
        ordered(strict)
    with monkeypatch.context() as patch:
        patch.setattr(stage, "render", lambda *_, **__: pytest.fail("rendered"))
        with pytest.raises(ImageTooLarge):
            ordered(strict)
    assert stage.record("photo.jpg").error.code == "image_too_large"
    assert len(stage.completions()) == 1
    assert ordered(stage).status is Status.READY


@pytest.mark.usefixtures("photo")
def test_an_order_does_not_hold_up_the_events_of_the_image(stage):
    made = ordered(stage, width=100).variants[-1]
    stage.upload("photo.jpg", picture(640, 480))
    assert names(stage.tell(sequencer="06")) == ["thumbnail", "medium", "large"]
    assert made.key not in stage.keys("variants")


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


def test_what_somebody_orders_is_an_original_whatever_its_key(stage):
    stage.upload("no-suffix", picture(800, 600))
    stage.tell("no-suffix")
    assert ordered(stage, key="no-suffix").status is Status.READY


def test_bytes_that_were_in_an_archive_can_be_asked_for_once_they_are_restored(stage, monkeypatch):
    stage.upload("photo.jpg", picture(800, 600))
    opened = S3Storage.open

    @contextmanager
    def archived(self, bucket, key):
        with opened(self, bucket, key) as found:
            yield replace(found, read=failing(NotFound("restore them first")))

    with monkeypatch.context() as patch:
        patch.setattr(S3Storage, "open", archived)
        assert stage.tell().error.code == "not_found"
        for _ in range(2):
            with pytest.raises(NotFound):
                ordered(stage)
        assert len(stage.completions()) == 1, "that it is archived still is no news"
    assert ordered(stage).status is Status.READY


def gone(stage, record):
    """Have a variant on record disappear."""
    stage.s3.delete_object(Bucket="variants", Key=record.variants[0].key)


def test_what_is_missing_is_made_again_and_announced_once(stage):
    stage.upload("photo.jpg", picture(800, 600))
    for _ in range(2):  # the second time by the delivery that settled it
        gone(stage, ordered(stage))
        ordered(stage)
    assert [completion.generation for completion in stage.completions()] == [1, 2, 3]
    assert stage.entry().due is None


def test_a_repair_that_cannot_be_announced_is_owed(stage, monkeypatch):
    stage.upload("photo.jpg", picture(800, 600))
    gone(stage, stage.tell())
    monkeypatch.setattr(SnsCompletions, "publish", failing(CompletionsUnavailable("no")))
    with pytest.raises(CompletionsUnavailable):
        ordered(stage)
    assert stage.entry().owed > 0
    assert stage.entry().due is not None


def test_what_failed_for_want_of_time_is_answered_from_the_record_until_a_review(stage):
    stage.upload("photo.jpg", picture(800, 600))
    looks = iter((None,))

    def slow():
        if next(looks, "late") == "late":
            raise TimeIsUp("too late")

    assert stage.tell(by=replace(call(), checkpoint=slow)).error.code == "deadline_exceeded"
    with pytest.raises(DeadlineExceeded):
        ordered(stage)
    assert stage.tell(kind="review", sequencer="").status is Status.READY


def test_an_original_that_is_broken_is_recorded_and_the_caller_hears_of_it(stage, photo):
    stage.upload("broken.jpg", picture(800, 600)[:2000])
    for _ in range(2):
        with pytest.raises(CorruptImage):
            ordered(stage, key="broken.jpg", width=10)
    assert stage.record("broken.jpg").error.code == "corrupt_image"
    assert stage.record("photo.jpg") == photo


def test_a_name_of_the_pipeline_is_not_for_ad_hoc_variants(stage, photo):
    pipeline = replace(stage.halftone.pipeline, variants=(VariantSpec(name="w100", width=100),))
    stage = replace(stage, halftone=replace(stage.halftone, pipeline=pipeline))
    with pytest.raises(InvalidRequest, match="w100 is of the pipeline"):
        ordered(stage, width=100)
    assert stage.record("photo.jpg") == photo


def test_an_image_that_another_worker_is_busy_with_is_waited_for(stage, monkeypatch):
    stage.upload("photo.jpg", picture(800, 600))
    die(stage, monkeypatch)

    def pause(_seconds):
        monkeypatch.setattr(resize_module.time, "sleep", lambda _: pytest.fail("waited twice"))
        entry = stage.entry()
        lease = replace(entry.lease, until=0)
        stage.halftone.catalogue.put(replace(entry, lease=lease))

    monkeypatch.setattr(resize_module.time, "sleep", pause)
    assert names(ordered(stage, width=100)) == ["thumbnail", "medium", "large", "w100"]


def test_waiting_has_an_end(stage, monkeypatch):
    stage.upload("photo.jpg", picture(800, 600))
    die(stage, monkeypatch)
    pauses = []
    monkeypatch.setattr(resize_module.time, "sleep", pauses.append)
    with pytest.raises(ImageBusy, match="too much is happening"):
        ordered(stage)
    assert len(pauses) == resize_module.LOOKS


def test_what_a_dead_worker_left_is_taken_over(stage, monkeypatch):
    stage.upload("photo.jpg", picture(800, 600))
    die(stage, monkeypatch, by=over())
    monkeypatch.setattr(resize_module.time, "sleep", lambda _: pytest.fail("waited"))
    assert ordered(stage).status is Status.READY


def test_what_was_given_up_need_not_be_waited_for(stage, monkeypatch):
    stage.upload("photo.jpg", picture(800, 600))
    with monkeypatch.context() as patch:
        patch.setattr(type(stage.halftone.storage), "put", failing(StorageUnavailable("not now")))
        with pytest.raises(StorageUnavailable):
            ordered(stage)
    monkeypatch.setattr(resize_module.time, "sleep", lambda _: pytest.fail("waited"))
    assert ordered(stage).status is Status.READY


def test_an_order_that_dies_before_it_tells_leaves_that_to_the_sweep(stage, monkeypatch):
    stage.upload("photo.jpg", picture(800, 600))
    order = orders.parse({"bucket": "originals", "key": "photo.jpg"})
    with monkeypatch.context() as patch:
        patch.setattr(type(stage.halftone.completions), "publish", failing(Died()))
        with pytest.raises(Died):
            resize(order, stage.halftone, over())
    assert stage.completions() == []
    assert stage.entry().due is not None
    stage.tell(sequencer="", kind="sweep")
    assert [completion.status for completion in stage.completions()] == [Status.READY]
    assert (stage.entry().owed, stage.entry().due) == (0, None)


def die(stage, monkeypatch, by=None):
    """Leave an image as a worker does that dies in the middle of it."""
    with monkeypatch.context() as patch:
        patch.setattr(stage, "render", failing(Died()))
        with pytest.raises(Died):
            stage.tell(sequencer="05", by=by)
