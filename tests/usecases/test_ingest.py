import json
import math
from dataclasses import replace

import pytest

from chalicelib.errors import CatalogueUnavailable, CompletionsUnavailable, StorageUnavailable, TimeIsUp
from chalicelib.model.completion import CompletionEvent
from chalicelib.model.picture import Limits, VariantSpec
from chalicelib.model.pipeline import Pipeline, Source
from chalicelib.model.record import Status
from chalicelib.model.storage import StorageChange
from chalicelib.usecases.ingest import ingest
from tests.conftest import Stage, call, picture


def change(key="photo.jpg", sequencer="01", bucket="originals"):
    return StorageChange(kind="created", bucket=bucket, key=key, sequencer=sequencer)


def run(stage: Stage, key="photo.jpg", sequencer="01", delivery="delivery-1"):
    return ingest(change(key, sequencer), stage.halftone, call(delivery))


def limited(stage: Stage, **limits) -> Stage:
    settings = replace(stage.halftone.settings, limits=Limits(**limits))
    return replace(stage, halftone=replace(stage.halftone, settings=settings))


def test_an_upload_gets_variants_record_and_completion(stage):
    etag = stage.upload("a/photo.jpg", picture(2000, 1500))
    run(stage, "a/photo.jpg")

    assert stage.keys("variants") == {"thumbnail/a/photo.jpg", "medium/a/photo.jpg", "large/a/photo.jpg"}
    head = stage.s3.head_object(Bucket="variants", Key="medium/a/photo.jpg")
    assert (head["ContentType"], head["Metadata"]) == ("image/jpeg", {"resized": "true"})
    assert stage.image("variants", "medium/a/photo.jpg").size == (640, 480)

    record = stage.record("a/photo.jpg")
    assert record is not None
    assert (record.status, record.etag, record.error, record.pipeline) == (Status.READY, etag, None, "default")
    assert record.original is not None
    assert (record.original.width, record.original.height, record.original.format) == (2000, 1500, "jpeg")
    assert {(v.name, v.width, v.height) for v in record.variants} == {
        ("thumbnail", 128, 96),
        ("medium", 640, 480),
        ("large", 1280, 960),
    }
    for variant in record.variants:
        head = stage.s3.head_object(Bucket=variant.bucket, Key=variant.key)
        assert (variant.etag, variant.bytes) == (head["ETag"].strip('"'), head["ContentLength"])

    (completion,) = stage.completions()
    assert (completion.event, completion.image_id) == (CompletionEvent.READY, record.image_id)
    assert completion.variants == record.variants


def test_a_completion_carries_the_attributes_and_the_subject(stage):
    stage.upload("photo.jpg", picture())
    run(stage)
    (envelope,) = stage.envelopes()
    attributes = {name: entry["Value"] for name, entry in envelope["MessageAttributes"].items()}
    assert attributes == {"event": "image.ready", "status": "ready", "bucket": "originals", "pipeline": "default"}
    assert envelope["Subject"] == "Halftone: photo.jpg is ready, 3 variants"
    assert json.loads(envelope["Message"])["schema_version"] == 1


def test_small_originals_are_not_enlarged(stage):
    stage.upload("icon.png", picture(50, 40, form="PNG"))
    record = run(stage, "icon.png")
    assert {(v.width, v.height) for v in record.variants} == {(50, 40)}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_object"),
        (b"I am text, whatever my name says" * 10, "unsupported_format"),
        (picture(800, 600)[:3000], "corrupt_image"),
    ],
)
def test_a_bad_file_ends_as_a_failed_record_and_is_announced_once(stage, data, code):
    stage.upload("photo.jpg", data)
    record = run(stage)
    assert (record.status, record.variants) == (Status.FAILED, ())
    assert record.error.code == code
    assert record.error.message
    assert stage.keys("variants") == set()
    (completion,) = stage.completions()
    assert (completion.event, completion.error) == (CompletionEvent.FAILED, record.error)
    assert stage.record("photo.jpg") == record


@pytest.mark.parametrize(
    ("limits", "code"), [({"max_bytes": 1000}, "file_too_large"), ({"max_pixels": 1000}, "image_too_large")]
)
def test_a_file_over_the_limits_fails(stage, limits, code):
    stage.upload("photo.jpg", picture(800, 600))
    assert run(limited(stage, **limits)).error.code == code


def test_too_little_time_is_the_fault_of_an_image_that_had_all_of_it(stage):
    def hurried():
        raise TimeIsUp("too late")

    stage.upload("photo.jpg", picture())
    with pytest.raises(TimeIsUp):
        ingest(change(), stage.halftone, replace(call(), checkpoint=hurried, fair_seconds=math.inf))
    assert stage.record("photo.jpg").status is Status.PROCESSING
    record = ingest(change(), stage.halftone, replace(call(), checkpoint=hurried, fair_seconds=0))
    assert (record.status, record.error.code) == (Status.FAILED, "deadline_exceeded")


def test_a_failed_overwrite_takes_the_old_variants_away(stage):
    stage.upload("photo.jpg", picture())
    run(stage)
    stage.upload("photo.jpg", b"no picture")
    record = run(stage, sequencer="02")
    assert (record.status, record.original, stage.keys("variants")) == (Status.FAILED, None, set())


def test_variants_that_the_pipeline_no_longer_names_are_removed(stage):
    stage.upload("photo.jpg", picture())
    run(stage)
    pipeline = Pipeline(name="new", source=Source(), variants=(VariantSpec(name="tiny", width=16),))
    record = ingest(change(sequencer="02"), replace(stage.halftone, pipeline=pipeline, digest="new"), call())
    assert [variant.name for variant in record.variants] == ["tiny"]
    assert stage.keys("variants") == {"tiny/photo.jpg"}


def test_an_overwrite_updates_the_same_record(stage):
    stage.upload("photo.jpg", picture(400, 300))
    first = run(stage)
    etag = stage.upload("photo.jpg", picture(300, 400))
    second = run(stage, sequencer="02")
    assert (second.image_id, second.created_at, second.etag) == (first.image_id, first.created_at, etag)
    assert (second.original.width, second.original.height) == (300, 400)


def test_a_duplicate_and_an_older_change_do_nothing(stage):
    stage.upload("photo.jpg", picture())
    assert run(stage, sequencer="0B", delivery="1") is not None
    assert run(stage, sequencer="0B", delivery="2") is None
    assert run(stage, sequencer="0A", delivery="3") is None
    assert run(stage, sequencer="9", delivery="4") is None  # shorter is older, whatever its first digit
    assert len(stage.completions()) == 1
    assert run(stage, sequencer="100", delivery="5") is not None


def test_the_same_delivery_again_announces_again(stage):
    stage.upload("photo.jpg", picture())
    first = run(stage)
    assert run(stage) == first
    assert [completion.variants for completion in stage.completions()] == [first.variants, first.variants]


@pytest.mark.parametrize(
    ("key", "metadata"), [("notes.txt", {}), ("folder/", {}), ("variant.jpg", {"resized": "true"})]
)
def test_what_is_no_original_is_left_alone(stage, key, metadata):
    stage.upload(key, picture(), Metadata=metadata)
    assert run(stage, key) is None
    assert stage.record(key) is None
    assert stage.completions() == []


def test_an_object_that_is_gone_is_skipped(stage):
    assert run(stage, "gone.jpg") is None
    assert stage.record("gone.jpg") is None


@pytest.mark.parametrize(
    ("service", "operation", "error"),
    [
        ("storage", "put", StorageUnavailable),
        ("storage", "open", StorageUnavailable),
        ("catalogue", "claim", CatalogueUnavailable),
        ("catalogue", "save", CatalogueUnavailable),
        ("completions", "publish", CompletionsUnavailable),
    ],
)
def test_a_fault_of_aws_is_raised_and_a_retry_finishes_the_work(stage, monkeypatch, service, operation, error):
    def fail(*_args, **_options):
        raise error("not now")

    stage.upload("photo.jpg", picture())
    with monkeypatch.context() as patch:
        patch.setattr(type(getattr(stage.halftone, service)), operation, fail)
        with pytest.raises(error):
            run(stage)
    assert run(stage).status is Status.READY
    assert len(stage.completions()) == 1
