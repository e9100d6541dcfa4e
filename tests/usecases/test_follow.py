import pytest
from msgspec.structs import replace

from chalicelib import orders
from chalicelib.aws.storage import S3Storage
from chalicelib.errors import StorageUnavailable
from chalicelib.model.pipeline import Source
from chalicelib.model.record import Status
from chalicelib.usecases.follow import follow
from chalicelib.usecases.resize import resize
from tests.conftest import call, change, picture


def test_a_bad_image_in_a_batch_does_not_stop_the_others(stage):
    for key, data in {"1.jpg": picture(), "2.jpg": b"", "3.jpg": picture()}.items():
        stage.upload(key, data)
    changes = [change(key) for key in ("1.jpg", "2.jpg", "3.jpg", "notes.txt")]
    assert follow(changes, stage.halftone, call()) == {"handled": 3, "skipped": 1}
    statuses = {completion.key: completion.status for completion in stage.completions()}
    assert statuses == {"1.jpg": Status.READY, "2.jpg": Status.FAILED, "3.jpg": Status.READY}


def test_a_fault_in_a_batch_is_raised_after_the_others_are_done(stage, monkeypatch):
    for key in ("1.jpg", "2.jpg"):
        stage.upload(key, picture())
    whole = S3Storage.put

    def flaky(self, place, data, *, content_type):
        if place[1].endswith("1.jpg"):
            raise StorageUnavailable("not now")
        return whole(self, place, data, content_type=content_type)

    changes = [change("1.jpg"), change("2.jpg")]
    with monkeypatch.context() as patch:
        patch.setattr(S3Storage, "put", flaky)
        with pytest.raises(StorageUnavailable):
            follow(changes, stage.halftone, call())
    assert [completion.key for completion in stage.completions()] == ["2.jpg"]
    assert follow(changes, stage.halftone, call()) == {"handled": 1, "skipped": 1}
    assert {completion.key for completion in stage.completions()} == {"2.jpg", "1.jpg"}


def test_a_batch_of_nothing(stage):
    assert follow([], stage.halftone, call()) == {"handled": 0, "skipped": 0}


def test_what_nobody_foresaw_does_not_stop_the_others_either(stage, monkeypatch):
    for key in ("1.jpg", "2.jpg"):
        stage.upload(key, picture())
    whole = S3Storage.open

    def broken(self, bucket, key):
        if key == "1.jpg":
            raise ZeroDivisionError
        return whole(self, bucket, key)

    monkeypatch.setattr(S3Storage, "open", broken)
    with pytest.raises(ZeroDivisionError):
        follow([change("1.jpg"), change("2.jpg")], stage.halftone, call())
    assert [completion.key for completion in stage.completions()] == ["2.jpg"]


@pytest.fixture
def narrow(stage):
    """A stage whose originals are under `in/`."""
    pipeline = replace(stage.halftone.pipeline, source=Source(prefix="in/"))
    return replace(stage, halftone=replace(stage.halftone, pipeline=pipeline))


def test_what_is_not_under_the_prefix_leaves_no_record(narrow):
    narrow.upload("out/photo.jpg", picture())
    for kind in ("created", "removed", "review", "sweep"):
        assert narrow.tell("out/photo.jpg", "" if kind in {"review", "sweep"} else "01", kind=kind) is None
    assert narrow.record("out/photo.jpg") is None


def test_what_somebody_ordered_outside_the_prefix_goes_with_its_object_and_is_not_made_by_its_events(narrow):
    narrow.upload("out/photo.jpg", picture())
    made = resize(orders.parse({"bucket": "originals", "key": "out/photo.jpg"}), narrow.halftone, call("request"))
    narrow.upload("out/photo.jpg", picture(300, 400))
    assert narrow.tell("out/photo.jpg") is None
    assert narrow.record("out/photo.jpg") == made
    narrow.s3.delete_object(Bucket="originals", Key="out/photo.jpg")
    assert narrow.tell("out/photo.jpg", "02", kind="removed").status is Status.DELETED
    assert narrow.keys("variants") == set()


def test_a_sweep_of_what_nobody_knows_does_nothing(stage):
    stage.upload("photo.jpg", picture())
    assert stage.tell(sequencer="", kind="sweep") is None
    assert stage.record("photo.jpg") is None
