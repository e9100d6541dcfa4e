import pytest

from chalicelib.aws.storage import S3Storage
from chalicelib.errors import StorageUnavailable
from chalicelib.model.record import Status
from chalicelib.model.storage import StorageChange
from chalicelib.usecases.follow import follow
from tests.conftest import call, picture


def created(key, sequencer="01"):
    return StorageChange(kind="created", bucket="originals", key=key, sequencer=sequencer)


def test_a_bad_image_in_a_batch_does_not_stop_the_others(stage):
    for key, data in {"1.jpg": picture(), "2.jpg": b"", "3.jpg": picture()}.items():
        stage.upload(key, data)
    changes = [created(key) for key in ("1.jpg", "2.jpg", "3.jpg", "notes.txt")]
    assert follow(changes, stage.halftone, call()) == {"handled": 3, "skipped": 1}
    statuses = {completion.key: completion.status for completion in stage.completions()}
    assert statuses == {"1.jpg": Status.READY, "2.jpg": Status.FAILED, "3.jpg": Status.READY}


def test_a_fault_in_a_batch_is_raised_after_the_others_are_done(stage, monkeypatch):
    for key in ("1.jpg", "2.jpg"):
        stage.upload(key, picture())
    whole = S3Storage.put

    def flaky(self, bucket, key, data, *, content_type):
        if key.endswith("1.jpg"):
            raise StorageUnavailable("not now")
        return whole(self, bucket, key, data, content_type=content_type)

    changes = [created("1.jpg"), created("2.jpg")]
    with monkeypatch.context() as patch:
        patch.setattr(S3Storage, "put", flaky)
        with pytest.raises(StorageUnavailable):
            follow(changes, stage.halftone, call())
    assert [completion.key for completion in stage.completions()] == ["2.jpg"]
    assert follow(changes, stage.halftone, call()) == {"handled": 1, "skipped": 1}
    assert [completion.key for completion in stage.completions()] == ["2.jpg", "1.jpg"]


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
        follow([created("1.jpg"), created("2.jpg")], stage.halftone, call())
    assert [completion.key for completion in stage.completions()] == ["2.jpg"]
