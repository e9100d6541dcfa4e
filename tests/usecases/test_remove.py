from chalicelib.identity import image_id
from chalicelib.model import CompletionEvent, Status, StorageChange
from chalicelib.usecases.ingest import ingest
from chalicelib.usecases.remove import remove
from tests.conftest import picture


def change(kind, sequencer, key="photo.jpg"):
    return StorageChange(kind=kind, bucket="originals", key=key, sequencer=sequencer)


def ingested(stage):
    stage.upload("photo.jpg", picture())
    return ingest(change("created", "01"), stage.halftone, lambda: None)


def test_variants_go_with_their_original(stage):
    record = ingested(stage)
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    removed = remove(change("removed", "02"), stage.halftone)
    assert (removed.status, removed.variants, removed.image_id) == (Status.DELETED, (), record.image_id)
    assert stage.keys("variants") == set()
    assert stage.halftone.catalogue.get(record.image_id) == removed
    assert [completion.event for completion in stage.completions()] == [CompletionEvent.READY, CompletionEvent.DELETED]


def test_a_second_time_nothing_happens(stage):
    ingested(stage)
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    assert remove(change("removed", "02"), stage.halftone) is not None
    assert remove(change("removed", "02"), stage.halftone) is None
    assert len(stage.completions()) == 2


def test_an_object_that_is_there_again_keeps_its_variants(stage):
    record = ingested(stage)
    assert remove(change("removed", "02"), stage.halftone) is None
    assert stage.halftone.catalogue.get(record.image_id) == record
    assert len(stage.keys("variants")) == 3


def test_the_removal_of_what_was_never_an_image_says_nothing(stage):
    assert remove(change("removed", "02", key="notes.txt"), stage.halftone) is None
    assert stage.halftone.catalogue.get(image_id("originals", "notes.txt")) is None
    assert stage.completions() == []
