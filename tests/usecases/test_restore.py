import pytest
from msgspec.structs import replace

from chalicelib.errors import StorageUnavailable
from chalicelib.model.pipeline import Restore, Source
from chalicelib.model.storage import Restoration, StorageChange
from chalicelib.usecases.follow import follow
from chalicelib.usecases.restore import restore
from tests.conftest import call, picture

BYTES = b"the original"


@pytest.fixture
def halftone(stage):
    source = Source(prefix="source-folder/")
    rule = Restore(origin="source-folder/", target="restore-folder/")
    return replace(stage.halftone, pipeline=replace(stage.halftone.pipeline, source=source, restore=rule))


def appeared(key, bucket="variants"):
    return StorageChange(kind="created", bucket=bucket, key=key)


def test_the_original_of_a_manual_upload_is_restored(stage, halftone):
    stage.upload("source-folder/a b+é.jpg", BYTES, ContentType="image/jpeg", Metadata={"width": "640"})
    stage.upload("a b+é.jpg", b"by hand", bucket="variants")
    (found,) = restore([appeared("a b+é.jpg")], halftone)
    assert found == Restoration(
        message="manual upload, original restored",
        bucket="variants",
        key="a b+é.jpg",
        restored_to="restore-folder/a b+é.jpg",
    )
    copy = stage.s3.get_object(Bucket="originals", Key="restore-folder/a b+é.jpg")
    assert (copy["Body"].read(), copy["ContentType"], copy["Metadata"]) == (BYTES, "image/jpeg", {"width": "640"})
    assert stage.keys("originals") == {"source-folder/a b+é.jpg", "restore-folder/a b+é.jpg"}


def test_a_manual_upload_without_an_original_is_told(stage, halftone):
    stage.upload("a.jpg", b"by hand", bucket="variants")
    (found,) = restore([appeared("a.jpg")], halftone)
    assert (found.message, found.restored_to) == ("manual upload, no matching original", None)
    assert stage.keys("originals") == set()


def test_a_variant_of_our_own_is_left_alone(stage, halftone):
    stage.upload("source-folder/a.jpg", BYTES)
    stage.upload("a.jpg", b"variant", bucket="variants", Metadata={"resized": "true"})
    (found,) = restore([appeared("a.jpg")], halftone)
    assert found.message == "a variant of our own"
    assert stage.keys("originals") == {"source-folder/a.jpg"}


def test_an_object_that_is_gone_is_nothing_to_do(halftone):
    (found,) = restore([appeared("gone.jpg")], halftone)
    assert found.message == "the object is gone"


def test_what_is_restored_is_no_original_and_ends_there(stage, halftone):
    stage.upload("source-folder/a.jpg", picture())
    stage.upload("a.jpg", b"by hand", bucket="variants")
    restore([appeared("a.jpg")], halftone)
    before = stage.keys("variants"), stage.keys("originals")
    handled = follow([appeared("restore-folder/a.jpg", "originals")], halftone, call())
    assert handled == {"handled": 0, "skipped": 1}
    assert (stage.keys("variants"), stage.keys("originals")) == before


def test_a_fault_is_raised_after_the_others_are_done(stage, halftone, monkeypatch):
    stage.upload("source-folder/b.jpg", BYTES)
    for key in ("a.jpg", "b.jpg"):
        stage.upload(key, b"by hand", bucket="variants")
    copy = halftone.storage.copy

    def fail_once(source, target):
        if source[1].endswith("a.jpg"):
            raise StorageUnavailable("S3 is away")
        copy(source, target)

    monkeypatch.setattr(halftone.storage, "copy", fail_once)
    with pytest.raises(StorageUnavailable):
        restore([appeared("a.jpg"), appeared("b.jpg")], halftone)
    assert "restore-folder/b.jpg" in stage.keys("originals")
