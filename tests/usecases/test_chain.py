"""The steps of the chain, and what becomes of them when others are at the same image."""

import json

import pytest
from msgspec.structs import replace

from chalicelib import events, orders, results
from chalicelib.errors import (
    CatalogueUnavailable,
    ForbiddenBucket,
    ImageBusy,
    InvalidRequest,
    NotFound,
    StorageUnavailable,
)
from chalicelib.identity import image_id
from chalicelib.model.record import Status
from chalicelib.usecases.chain import resize_step, store_step
from chalicelib.usecases.resize import resize
from tests.conftest import call, failing, over, picture

ORDER = orders.parse_original({"bucket": "originals", "key": "photo.jpg"})


def handed_on(step):
    """Hand the result of the first step over as Step Functions do."""
    return events.written_step(json.loads(json.dumps(results.resize_result(step))))


def resized(stage, by=None):
    return handed_on(resize_step(ORDER, stage.halftone, by or call("chain")))


def test_each_step_does_its_own_part(stage):
    stage.upload("photo.jpg", picture())
    step = resized(stage)
    assert stage.keys("variants") == {"thumbnail/photo.jpg", "medium/photo.jpg", "large/photo.jpg"}
    assert stage.record("photo.jpg").status is Status.PROCESSING
    record = store_step(step, stage.halftone)
    assert stage.record("photo.jpg") == record == step.outcome.record
    assert (record.status, len(record.variants)) == (Status.READY, 3)
    assert (stage.entry().possible_locations, stage.entry().digest) == ((), stage.halftone.digest)
    assert stage.completions() == [], "that is the third step's"


def test_what_is_handed_on_is_what_the_next_step_reads(stage):
    stage.upload("photo.jpg", picture())
    step = resize_step(ORDER, stage.halftone, call())
    document = json.loads(json.dumps(results.resize_result(step)))
    assert events.written_step(document | {events.REDRIVEN: "delivery"}) == step
    record = step.outcome.record
    assert events.stored_record(json.loads(json.dumps(results.store_result(record)))) == record
    assert results.store_result(None) == {"record": None}


def test_an_original_at_fault_goes_through_all_steps_and_says_so_at_the_end(stage):
    stage.upload("photo.jpg", b"no picture")
    record = store_step(resized(stage), stage.halftone)
    assert (stage.entry().owed, stage.entry().due) == (0, None), "the third step notifies"
    assert stage.record("photo.jpg").error.code == "unsupported_format"
    assert results.chain_result(record) == {
        "status": "FAILED", "image_id": image_id("originals", "photo.jpg"), "Error": "UnsupportedFormat",
    }  # fmt: skip


def test_ad_hoc_variants_of_this_version_stay(stage):
    stage.upload("photo.jpg", picture())
    resize(orders.parse({"bucket": "originals", "key": "photo.jpg", "width": 7}), stage.halftone, call("client"))
    record = store_step(resized(stage), stage.halftone)
    assert "w7" in {variant.name for variant in record.variants}
    assert [asked.order.spec.name for asked in stage.entry().ad_hoc] == ["w7"]


def test_what_was_saved_may_be_saved_again(stage):
    stage.upload("photo.jpg", picture())
    step = resized(stage)
    record = store_step(step, stage.halftone)
    assert store_step(step, stage.halftone) == record, "what was saved is notified of"
    assert stage.record("photo.jpg") == record


def test_a_first_step_whose_answer_was_lost_is_done_again_when_its_lease_is_over(stage):
    stage.upload("photo.jpg", picture())
    lost = resized(stage)
    with pytest.raises(ImageBusy):
        resized(stage)
    stands = stage.entry()
    stage.halftone.catalogue.put(replace(stands, lease=replace(stands.lease, until=0)))
    step = resized(stage)
    assert store_step(lost, stage.halftone) is None
    assert store_step(step, stage.halftone).status is Status.READY


@pytest.mark.parametrize(
    ("bucket", "key", "error"),
    [
        ("originals", "gone.jpg", NotFound),
        ("elsewhere", "photo.jpg", ForbiddenBucket),
        ("variants", "thumbnail/photo.jpg", InvalidRequest),
    ],
)
def test_what_cannot_be_resized_leaves_no_record(stage, bucket, key, error):
    stage.upload("thumbnail/photo.jpg", picture(), bucket="variants", Metadata={"resized": "true"})
    with pytest.raises(error):
        resize_step(orders.parse_original({"bucket": bucket, "key": key}), stage.halftone, call())
    assert stage.record(key, bucket=bucket) is None


def test_only_a_bucket_and_a_key_are_taken():
    with pytest.raises(InvalidRequest, match="width"):
        events.original_order({"bucket": "originals", "key": "photo.jpg", "width": 10})
    assert events.original_order({"bucket": "originals", "key": "photo.jpg", events.REDRIVEN: "x"}) == ORDER


def test_an_original_that_goes_while_it_is_resized_leaves_nothing_behind(stage, monkeypatch):
    stage.upload("photo.jpg", picture())
    with monkeypatch.context() as broken:
        broken.setattr(type(stage.halftone.storage), "remove", failing(StorageUnavailable("no")))
        with pytest.raises(StorageUnavailable):
            resized(stage)
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    with pytest.raises(NotFound):
        resized(stage)
    assert stage.tell(sequencer="02", kind="removed").status is Status.DELETED
    assert stage.keys("variants") == set()


def test_an_event_meanwhile_comes_again_and_leaves_no_note(stage):
    stage.upload("photo.jpg", picture())
    step = resized(stage)
    stage.upload("photo.jpg", picture(200, 100))
    with pytest.raises(ImageBusy):
        stage.tell(sequencer="02")
    assert store_step(step, stage.halftone).original.width == 400
    assert stage.tell(sequencer="02").original.width == 200


def test_who_is_overtaken_by_finished_work_leaves_it_and_notifies_of_nothing(stage):
    stage.upload("photo.jpg", picture())
    step = resized(stage, over("chain"))
    stage.upload("photo.jpg", picture(200, 100))
    ready = stage.tell(sequencer="02")
    assert store_step(step, stage.halftone) is None
    assert stage.record("photo.jpg") == ready
    assert len(stage.completions()) == 1


def test_who_is_overtaken_by_work_under_way_leaves_it_too(stage):
    stage.upload("photo.jpg", picture())
    first, second = resized(stage, over("one")), resized(stage)
    assert store_step(first, stage.halftone) is None
    assert stage.record("photo.jpg").status is Status.PROCESSING
    assert store_step(second, stage.halftone).status is Status.READY


def test_a_lease_that_is_over_is_saved_all_the_same_if_nobody_took_over(stage):
    stage.upload("photo.jpg", picture())
    step = resized(stage, over("chain"))
    assert store_step(step, stage.halftone).status is Status.READY


def test_who_adds_to_the_entry_meanwhile_is_no_reason_to_fail(stage, monkeypatch):
    stage.upload("photo.jpg", picture())
    step = resized(stage)
    get = type(stage.halftone.catalogue).get

    def late(self, key):
        found = get(self, key)
        self.put(replace(found, sequencer="09"))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(type(stage.halftone.catalogue), "get", late)
        assert store_step(step, stage.halftone).status is Status.READY
    assert stage.entry().sequencer == "09"


def test_a_store_that_fails_is_a_fault_and_loses_nothing(stage, monkeypatch):
    stage.upload("photo.jpg", picture())
    step = resized(stage)
    with monkeypatch.context() as broken:
        broken.setattr(type(stage.halftone.catalogue), "put", failing(CatalogueUnavailable("no")))
        with pytest.raises(CatalogueUnavailable):
            store_step(step, stage.halftone)
    assert store_step(step, stage.halftone) == step.outcome.record
