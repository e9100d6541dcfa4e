"""Two originals whose variants share a place, where a pipeline allows it: the later wins, and the other one knows."""

import pytest
from msgspec.structs import replace

from chalicelib import orders
from chalicelib.aws.storage import S3Storage
from chalicelib.errors import ImageBusy, StorageUnavailable
from chalicelib.identity import image_id
from chalicelib.model.picture import VariantSpec
from chalicelib.model.pipeline import Pipeline, Source
from chalicelib.model.record import Status
from chalicelib.usecases.resize import resize
from tests.conftest import Died, call, failing, over, picture

FIRST, SECOND = "a/x.jpg", "b/x.jpg"
SHARING = Pipeline(
    name="sharing",
    source=Source(),
    variants=(VariantSpec(name="small", width=20, key="{name}"),),
    shared_keys=True,
)


@pytest.fixture
def sharing(stage):
    """The stage under a pipeline that shares keys, with two originals of one base name."""
    stage = replace(stage, halftone=replace(stage.halftone, pipeline=SHARING, digest="sharing"))
    stage.upload(FIRST, picture(40, 30))
    stage.upload(SECOND, picture(40, 60))
    return stage


@pytest.fixture
def shared(sharing):
    """And both were heard of, one after the other."""
    for key in (FIRST, SECOND):
        sharing.tell(key)
    return sharing


def said(stage):
    return [(one.key, one.event.value, one.error and one.error.code) for one in stage.completions()]


def owner(stage):
    return stage.halftone.storage.stat("variants", "x.jpg").owner


def test_the_later_one_wins_and_the_other_one_says_so(shared):
    assert shared.image("variants", "x.jpg").size == (20, 30)
    assert owner(shared) == image_id("originals", SECOND)
    (variant,) = shared.record(SECOND).variants
    assert shared.halftone.storage.stat("variants", "x.jpg").etag == variant.etag
    lost = shared.record(FIRST)
    assert (lost.status, lost.variants, lost.error.code) == (Status.FAILED, (), "replaced")
    assert SECOND in lost.error.message
    assert said(shared) == [
        (FIRST, "image.ready", None),
        (FIRST, "image.failed", "replaced"),
        (SECOND, "image.ready", None),
    ]


def test_deleting_the_one_that_lost_takes_nothing_away(shared):
    shared.s3.delete_object(Bucket="originals", Key=FIRST)
    assert shared.tell(FIRST, "02", kind="removed").status is Status.DELETED
    assert owner(shared) == image_id("originals", SECOND)
    assert shared.record(SECOND).status is Status.READY


def test_deleting_the_one_that_won_takes_it_away_until_somebody_asks_for_the_other(shared):
    shared.s3.delete_object(Bucket="originals", Key=SECOND)
    shared.tell(SECOND, "02", kind="removed")
    assert shared.keys("variants") == set()
    record = resize(orders.parse({"bucket": "originals", "key": FIRST}), shared.halftone, call("request"))
    assert record.status is Status.READY
    assert shared.image("variants", "x.jpg").size == (20, 15)


def test_an_order_for_the_one_that_lost_wins_the_place_back(shared):
    record = resize(orders.parse({"bucket": "originals", "key": FIRST}), shared.halftone, call("request"))
    assert (record.status, owner(shared)) == (Status.READY, image_id("originals", FIRST))
    assert shared.record(SECOND).error.code == "replaced"


def test_a_review_finds_both_in_order(shared):
    shared.tell(FIRST, "", kind="sweep")
    before = {key: shared.record(key) for key in (FIRST, SECOND)}
    for key in (FIRST, SECOND):
        assert shared.tell(key, "", kind="review") is None
    assert {key: shared.record(key) for key in (FIRST, SECOND)} == before


def test_the_sweep_leaves_the_winners_object_alone(shared):
    entry = shared.entry(FIRST)
    assert entry.due is not None
    shared.tell(FIRST, "", kind="sweep")
    assert (shared.entry(FIRST).possible_locations, shared.entry(FIRST).due) == ((), None)
    assert owner(shared) == image_id("originals", SECOND)


def test_an_ad_hoc_variant_of_the_one_that_lost_goes_with_the_sweep(sharing):
    sharing.tell(FIRST)
    order = orders.parse({"bucket": "originals", "key": FIRST, "width": 7})
    made = resize(order, sharing.halftone, call("request")).variants[-1]
    sharing.tell(SECOND)
    assert sharing.record(FIRST).variants == ()
    sharing.tell(FIRST, "", kind="sweep")
    assert made.key not in sharing.keys("variants")


def test_an_order_in_the_middle_of_which_its_image_is_replaced_begins_again(sharing, monkeypatch):
    put, others = S3Storage.put_instead, iter((SECOND,))

    def race(*args, **more):
        for key in others:
            sharing.tell(key)
        return put(*args, **more)

    sharing.tell(FIRST)
    monkeypatch.setattr(S3Storage, "put_instead", race)
    order = orders.parse({"bucket": "originals", "key": FIRST, "width": 7})
    record = resize(order, sharing.halftone, call("request"))
    assert (record.status, [variant.name for variant in record.variants]) == (Status.READY, ["small", "w7"])
    assert owner(sharing) == image_id("originals", FIRST)
    assert sharing.record(SECOND).error.code == "replaced"


def test_while_the_other_is_being_processed_who_comes_has_to_come_again(stage, sharing, monkeypatch):
    sharing.tell(FIRST)
    sharing.upload(FIRST, picture(40, 20))
    with monkeypatch.context() as patch:
        patch.setattr(stage, "render", failing(Died()))
        with pytest.raises(Died):
            sharing.tell(FIRST, "02")
    with pytest.raises(ImageBusy, match="its place too"):
        sharing.tell(SECOND)
    assert sharing.entry(SECOND).lease.given_up
    assert owner(sharing) == image_id("originals", FIRST)


def test_whose_winner_may_be_about_to_write_has_to_come_again(stage, shared, monkeypatch):
    shared.upload(SECOND, picture(40, 80))
    with monkeypatch.context() as patch:
        patch.setattr(stage, "render", failing(Died()))
        with pytest.raises(Died):
            shared.tell(SECOND, "02")
    shared.upload(FIRST, picture(40, 10))
    with pytest.raises(ImageBusy, match="writes to the same places"):
        shared.tell(FIRST, "02")


def test_a_winner_that_died_holds_up_nobody(stage, shared, monkeypatch):
    shared.upload(SECOND, picture(40, 80))
    with monkeypatch.context() as patch:
        patch.setattr(stage, "render", failing(Died()))
        with pytest.raises(Died):
            shared.tell(SECOND, "02", by=over())
    shared.upload(FIRST, picture(40, 10))
    assert shared.tell(FIRST, "02").status is Status.READY


def test_one_that_nobody_owns_is_written_over(sharing):
    sharing.upload("x.jpg", b"by hand", bucket="variants")
    sharing.tell(FIRST)
    assert owner(sharing) == image_id("originals", FIRST)


def test_who_is_beaten_to_the_place_looks_again(sharing, monkeypatch):
    put, others = S3Storage.put_instead, iter((b"by hand",))

    def race(*args, **more):
        for data in others:
            sharing.upload("x.jpg", data, bucket="variants")
        return put(*args, **more)

    monkeypatch.setattr(S3Storage, "put_instead", race)
    assert sharing.tell(FIRST).status is Status.READY
    assert owner(sharing) == image_id("originals", FIRST)


def test_after_a_fault_the_later_one_wins_all_the_same(sharing, monkeypatch):
    sharing.tell(FIRST)
    with monkeypatch.context() as patch:
        patch.setattr(S3Storage, "put_instead", failing(StorageUnavailable("not now")))
        with pytest.raises(StorageUnavailable):
            sharing.tell(SECOND)
    assert sharing.record(FIRST).error.code == "replaced"
    assert sharing.tell(SECOND).status is Status.READY
    assert said(sharing).count((FIRST, "image.failed", "replaced")) == 1
