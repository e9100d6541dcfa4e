"""The steps of the chain, and what becomes of them when others are at the same image."""

import json
import secrets
from dataclasses import replace

import pytest

from chalicelib import events, orders, results
from chalicelib.errors import CatalogueUnavailable, ForbiddenBucket, InvalidRequest, NotFound, StorageUnavailable
from chalicelib.identity import image_id
from chalicelib.model.record import Status
from chalicelib.model.storage import StorageChange
from chalicelib.usecases.chain import resize_step, store_step
from chalicelib.usecases.follow import follow
from chalicelib.usecases.reprocess import reprocess
from chalicelib.usecases.resize import resize
from tests import conftest
from tests.conftest import picture

ORDER = orders.parse_original({"bucket": "originals", "key": "photo.jpg"})
CHANGE = StorageChange(kind="created", bucket="originals", key="photo.jpg")


def call(delivery="chain"):
    """Another invocation, for one delivery."""
    once = conftest.call(delivery)
    return replace(once, worker=replace(once.worker, nonce=secrets.token_hex(4)))


def entry(stage):
    return stage.halftone.catalogue.get(image_id("originals", "photo.jpg"))


def resized(stage, delivery="chain"):
    """Do the first step, and hand its result over as Step Functions do."""
    step = resize_step(ORDER, stage.halftone, call(delivery))
    return events.claimed_entry(json.loads(json.dumps(results.resize_result(step))))


def test_each_step_does_its_own_part(stage):
    stage.upload("photo.jpg", picture())
    step = resized(stage)
    assert stage.keys("variants") == {"thumbnail/photo.jpg", "medium/photo.jpg", "large/photo.jpg"}
    assert stage.record("photo.jpg").status is Status.PROCESSING
    record = store_step(step, stage.halftone, call("chain"))
    assert stage.record("photo.jpg") == record == step.record
    assert (record.status, len(record.variants)) == (Status.READY, 3)
    assert (entry(stage).claimants, entry(stage).digest) == (frozenset(), stage.halftone.digest)
    assert stage.completions() == [], "that is the third step's"


def test_what_is_handed_on_is_what_the_next_step_reads(stage):
    stage.upload("photo.jpg", picture())
    step = resize_step(ORDER, stage.halftone, call())
    document = json.loads(json.dumps(results.resize_result(step)))
    assert events.claimed_entry(document | {events.REDRIVEN: "delivery"}) == step
    record = step.record
    assert events.stored_record(json.loads(json.dumps(results.store_result(record)))) == record
    assert results.store_result(None) == {"record": None}


def test_an_original_at_fault_goes_through_all_steps_and_says_so_at_the_end(stage):
    stage.upload("photo.jpg", b"no picture")
    record = store_step(resized(stage), stage.halftone, call("chain"))
    assert stage.record("photo.jpg").error.code == "unsupported_format"
    assert results.chain_result(record) == {
        "status": "FAILED", "image_id": image_id("originals", "photo.jpg"), "Error": "UnsupportedFormat",
    }  # fmt: skip


def test_ad_hoc_variants_of_this_version_are_made_again(stage):
    stage.upload("photo.jpg", picture())
    resize(orders.parse({"bucket": "originals", "key": "photo.jpg", "width": 7}), stage.halftone, call("client"))
    record = store_step(resized(stage), stage.halftone, call("chain"))
    assert "w7" in {variant.name for variant in record.variants}
    assert [extra.spec.name for extra in entry(stage).extras] == ["w7"]


def test_each_step_may_be_done_again(stage):
    stage.upload("photo.jpg", picture())
    resized(stage)
    step = resized(stage)  # the answer to the first was lost
    record = store_step(step, stage.halftone, call("chain"))
    assert store_step(step, stage.halftone, call("chain")) == record, "what was saved is notified of"
    assert stage.record("photo.jpg") == record


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

    def fail(*_args, **_kwargs):
        raise StorageUnavailable("no")

    with monkeypatch.context() as broken:
        broken.setattr(type(stage.halftone.storage), "remove", fail)
        with pytest.raises(StorageUnavailable):
            resized(stage)
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    with pytest.raises(NotFound):
        resized(stage)
    assert (stage.record("photo.jpg").status, stage.keys("variants")) == (Status.DELETED, set())


def test_who_is_overtaken_by_finished_work_leaves_it_and_notifies_of_nothing(stage):
    stage.upload("photo.jpg", picture())
    step = resized(stage)
    stage.upload("photo.jpg", picture(200, 100))
    newer = replace(CHANGE, sequencer="02")
    assert follow([newer], stage.halftone, call("event")) == {"handled": 1, "skipped": 0}
    ready = stage.record("photo.jpg")
    assert store_step(step, stage.halftone, call("chain")) is None
    assert stage.record("photo.jpg") == ready
    assert len(stage.completions()) == 1


def test_who_is_overtaken_and_wrote_over_what_the_winner_wrote_does_it_again(stage):
    stage.upload("photo.jpg", picture())
    step = resized(stage)
    stage.upload("photo.jpg", picture(200, 100))
    follow([replace(CHANGE, sequencer="02")], stage.halftone, call("event"))
    stage.upload("thumbnail/photo.jpg", b"late", bucket="variants")  # as the chain's own call may come late
    assert store_step(step, stage.halftone, call("chain")) is None
    thumbnail = next(variant for variant in stage.record("photo.jpg").variants if variant.name == "thumbnail")
    assert stage.s3.head_object(Bucket="variants", Key=thumbnail.key)["ETag"] == f'"{thumbnail.etag}"'


def test_who_is_overtaken_by_work_under_way_disturbs_it(stage):
    stage.upload("photo.jpg", picture())
    first, second = resized(stage, "one"), resized(stage, "other")
    assert store_step(first, stage.halftone, call("one")) is None
    assert stage.record("photo.jpg").status is Status.PROCESSING
    assert store_step(second, stage.halftone, call("other")) is None, "disturbed, it does all again itself"
    assert stage.record("photo.jpg").status is Status.READY
    assert len(stage.completions()) == 1


def test_who_is_overtaken_at_the_claim_comes_again(stage, monkeypatch):
    stage.upload("photo.jpg", picture())
    get = type(stage.halftone.catalogue).get

    def late(self, key):
        found = get(self, key)
        monkeypatch.undo()
        reprocess(CHANGE, stage.halftone, call("other"))
        return found

    monkeypatch.setattr(type(stage.halftone.catalogue), "get", late)
    with pytest.raises(CatalogueUnavailable):
        resized(stage)
    assert stage.record("photo.jpg").status is Status.READY


def test_a_store_that_fails_is_a_fault_and_loses_nothing(stage, monkeypatch):
    stage.upload("photo.jpg", picture())
    step = resized(stage)

    def fail(*_args, **_kwargs):
        raise CatalogueUnavailable("no")

    with monkeypatch.context() as broken:
        broken.setattr(type(stage.halftone.catalogue), "save", fail)
        with pytest.raises(CatalogueUnavailable):
            store_step(step, stage.halftone, call("chain"))
    assert store_step(step, stage.halftone, call("chain")) == step.record
