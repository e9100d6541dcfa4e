from chalicelib import orders
from chalicelib.model.completion import CompletionEvent
from chalicelib.model.record import Status
from chalicelib.model.storage import StorageChange
from chalicelib.usecases.follow import follow
from chalicelib.usecases.ingest import ingest
from chalicelib.usecases.remove import remove
from chalicelib.usecases.resize import resize
from tests.conftest import call, picture


def change(kind, sequencer, key="photo.jpg"):
    return StorageChange(kind=kind, bucket="originals", key=key, sequencer=sequencer)


def ingested(stage):
    stage.upload("photo.jpg", picture())
    return ingest(change("created", "01"), stage.halftone, call())


def test_variants_go_with_their_original(stage):
    record = ingested(stage)
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    removed = remove(change("removed", "02"), stage.halftone, call("delivery-2"))
    assert (removed.status, removed.variants, removed.image_id) == (Status.DELETED, (), record.image_id)
    assert stage.keys("variants") == set()
    assert stage.record("photo.jpg") == removed
    assert [completion.event for completion in stage.completions()] == [CompletionEvent.READY, CompletionEvent.DELETED]


def test_a_second_time_nothing_happens(stage):
    ingested(stage)
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    assert remove(change("removed", "02"), stage.halftone, call("delivery-2")) is not None
    assert remove(change("removed", "02"), stage.halftone, call("delivery-3")) is None
    assert len(stage.completions()) == 2


def test_an_object_that_is_there_again_keeps_its_variants(stage):
    record = ingested(stage)
    assert remove(change("removed", "02"), stage.halftone, call("delivery-2")) is None
    assert stage.record("photo.jpg") == record
    assert len(stage.keys("variants")) == 3


def test_the_removal_of_what_was_never_an_image_says_nothing(stage):
    assert remove(change("removed", "02", key="notes.txt"), stage.halftone, call()) is None
    assert stage.record("notes.txt") is None
    assert stage.completions() == []


def test_an_upload_that_is_heard_of_late_does_not_revive_what_is_gone(stage):
    assert remove(change("removed", "02"), stage.halftone, call()) is not None
    assert stage.completions() == []
    stage.upload("photo.jpg", picture())
    assert ingest(change("created", "01"), stage.halftone, call("delivery-2")) is None
    assert stage.record("photo.jpg").status is Status.DELETED
    assert stage.keys("variants") == set()


def versioned(stage):
    stage.s3.put_bucket_versioning(Bucket="originals", VersioningConfiguration={"Status": "Enabled"})


def test_a_delete_marker_that_goes_brings_the_image_back(stage):
    versioned(stage)
    record = ingested(stage)
    marker = stage.s3.delete_object(Bucket="originals", Key="photo.jpg")["VersionId"]
    remove(change("removed", "02"), stage.halftone, call("delivery-2"))
    assert stage.keys("variants") == set()
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg", VersionId=marker)
    back = remove(change("removed", "03"), stage.halftone, call("delivery-3"))
    assert (back.status, back.etag, back.version_id) == (Status.READY, record.etag, record.version_id)
    assert len(stage.keys("variants")) == 3


def test_a_version_that_goes_brings_the_one_before_back(stage):
    versioned(stage)
    first = ingested(stage)
    later = stage.s3.put_object(Bucket="originals", Key="photo.jpg", Body=picture(300, 400))["VersionId"]
    assert ingest(change("created", "02"), stage.halftone, call("delivery-2")).original.height == 400
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg", VersionId=later)
    back = remove(change("removed", "03"), stage.halftone, call("delivery-3"))
    assert (back.version_id, back.original) == (first.version_id, first.original)


def test_what_was_asked_for_of_no_original_of_the_pipeline_goes_with_it_too(stage):
    stage.upload("no-suffix", picture())
    resize(orders.parse({"bucket": "originals", "key": "no-suffix"}), stage.halftone, call("request"))
    assert len(stage.keys("variants")) == 3
    stage.s3.delete_object(Bucket="originals", Key="no-suffix")
    assert remove(change("removed", "02", key="no-suffix"), stage.halftone, call()).status is Status.DELETED
    assert stage.keys("variants") == set()


def test_a_removal_without_order_is_looked_at_all_the_same(stage):
    ingested(stage)
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    assert follow([change("removed", "")], stage.halftone, call("delivery-2")) == {"handled": 1, "skipped": 0}
    assert stage.record("photo.jpg").status is Status.DELETED
