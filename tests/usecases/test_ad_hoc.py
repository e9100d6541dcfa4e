"""Ad hoc variants: where they go, who gets a place, and which make room for others."""

import re
import time

import pytest
from msgspec.structs import replace

from chalicelib import orders
from chalicelib.aws.storage import S3Storage
from chalicelib.errors import (
    CompletionsUnavailable,
    DeadlineExceeded,
    ImageBusy,
    InvalidRequest,
    StorageUnavailable,
    TimeIsUp,
)
from chalicelib.model.picture import Format
from chalicelib.model.pipeline import Source
from chalicelib.usecases import transitions
from chalicelib.usecases.resize import resize
from tests.conftest import Died, call, failing, over, picture


def ordered(stage, by=None, **request):
    order = orders.parse({"bucket": "originals", "key": "photo.jpg"} | request)
    return resize(order, stage.halftone, by or call("request"))


def names(record):
    return [variant.name for variant in record.variants]


@pytest.fixture
def photo(stage):
    stage.upload("photo.jpg", picture(800, 600))
    return stage.tell(sequencer="05")


def test_an_ad_hoc_variant_joins_the_record(stage, photo):
    started = time.perf_counter()
    record = ordered(stage, width=100, height=100, fit="cover", format="webp", quality=60)
    assert 0 < record.processing_ms <= 1000 * (time.perf_counter() - started)
    assert names(record) == [*names(photo), "w100-h100-fit-cover-webp-q60"]
    made = record.variants[-1]
    assert (made.format, made.width, made.height) == (Format.WEBP, 100, 100)
    assert re.fullmatch("_/w100-h100-fit-cover-webp-q60/[0-9a-f]{12}/photo.jpg.webp", made.key)
    assert stage.image(made.bucket, made.key).format == "WEBP"
    assert (record.created_at, record.original) == (photo.created_at, photo.original)
    assert stage.record("photo.jpg") == record


def test_the_same_again_is_there_already(stage, photo, monkeypatch):
    record = ordered(stage, width=100)
    monkeypatch.setattr(stage, "render", lambda *_, **__: pytest.fail("rendered"))
    assert ordered(stage, width=100) == record
    assert names(record) == [*names(photo), "w100"]
    assert len(stage.completions()) == 2


def test_one_that_somebody_deleted_is_made_again(stage, photo):
    made = ordered(stage, width=100).variants[-1]
    stage.s3.delete_object(Bucket=made.bucket, Key=made.key)
    record = ordered(stage, width=100)
    assert names(record) == [*names(photo), "w100"]
    assert made.key in stage.keys("variants")


def test_variants_of_an_older_version_go(stage, photo):
    made = ordered(stage, width=100).variants[-1]
    stage.upload("photo.jpg", picture(600, 800))
    record = ordered(stage, width=50)
    assert names(record) == ["thumbnail", "medium", "large", "w50"]
    assert made.key not in stage.keys("variants")
    assert record.etag != photo.etag


def test_each_version_has_places_of_its_own(stage, photo):
    first = ordered(stage, width=100).variants[-1]
    stage.upload("photo.jpg", picture(600, 800))
    assert photo.etag != stage.tell(sequencer="06").etag
    assert ordered(stage, width=100).variants[-1].key != first.key


def test_the_same_size_at_two_places_is_two_variants(stage, photo):
    ordered(stage, width=100, dest_key="here.jpg")
    record = ordered(stage, width=100, dest_bucket="extra", dest_key="there.jpg")
    assert len({variant.name for variant in record.variants}) == len(photo.variants) + 2
    assert "here.jpg" in stage.keys("variants")
    assert stage.keys("extra") == {"there.jpg"}


def test_a_variant_never_takes_the_place_of_anything_else(stage, photo):
    stage.upload("other.jpg", picture(800, 600))
    ordered(stage, key="other.jpg", width=50, dest_key="mine/taken.jpg")
    stage.upload("foreign.jpg", b"somebody's", bucket="extra")
    for place in (
        {"dest_key": "thumbnail/other.jpg"},
        {"dest_key": "thumbnail/photo.jpg"},
        {"dest_key": "_/w60/0123456789ab/other.jpg"},
        {"dest_key": "mine/taken.jpg"},
        {"dest_bucket": "extra", "dest_key": "foreign.jpg"},
    ):
        with pytest.raises(InvalidRequest, match="dest_key") as caught:
            ordered(stage, width=60, **place)
        assert caught.value.field == "dest_key"
    ordered(stage, width=61, dest_key="mine/own.jpg")
    with pytest.raises(InvalidRequest, match="something else already"):
        ordered(stage, key="other.jpg", width=62, dest_key="mine/own.jpg")
    assert ordered(stage, width=61, dest_key="mine/own.jpg").variants[-1].width == 61
    assert stage.record("photo.jpg").variants[: len(photo.variants)] == photo.variants


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    "place",
    [
        {"dest_bucket": "originals", "dest_key": "photo.jpg"},
        {"dest_bucket": "originals", "dest_key": "other.jpg"},
        {"dest_bucket": "originals"},
    ],
)
def test_nothing_is_written_where_originals_are(stage, place):
    with pytest.raises(InvalidRequest, match="choose another place"):
        ordered(stage, width=100, **place)
    assert stage.keys("originals") == {"photo.jpg"}


def test_an_original_elsewhere_is_not_overwritten(stage):
    stage.upload("photo.jpg", picture(), bucket="extra")
    with pytest.raises(InvalidRequest, match="choose another place"):
        ordered(stage, bucket="extra", width=100, dest_bucket="extra", dest_key="photo.jpg")


def test_it_is_announced_and_nothing_is_left_to_be_done(stage, photo):
    record = ordered(stage, width=100)
    assert [completion.generation for completion in stage.completions()] == [photo.generation, record.generation]
    assert (stage.entry().possible_locations, stage.entry().owed, stage.entry().due) == ((), 0, None)


# --- orders that fail


def slow():
    """An invocation whose time is up when it begins to render, and which had it all to itself."""
    looks = iter((None,))

    def checkpoint():
        if next(looks, "late") == "late":
            raise TimeIsUp("too late")

    return replace(call(), checkpoint=checkpoint, fair_seconds=0)


def test_one_that_takes_too_long_is_remembered_and_answered_at_once_the_next_time(stage, photo, monkeypatch):
    with pytest.raises(DeadlineExceeded):
        ordered(stage, width=100, by=slow())
    (asked,) = stage.entry().ad_hoc
    assert asked.error.code == "deadline_exceeded"
    monkeypatch.setattr(stage, "render", lambda *_, **__: pytest.fail("rendered"))
    with pytest.raises(DeadlineExceeded, match="longer than a function may run"):
        ordered(stage, width=100)
    assert stage.record("photo.jpg") == photo
    assert len(stage.completions()) == 1


@pytest.mark.usefixtures("photo")
def test_one_that_had_too_little_time_is_not_to_blame(stage):
    with pytest.raises(TimeIsUp):
        ordered(stage, width=100, by=replace(slow(), fair_seconds=60))
    assert stage.entry().ad_hoc == ()
    assert names(ordered(stage, width=100))[-1] == "w100"


@pytest.mark.usefixtures("photo")
def test_another_version_may_be_quicker(stage):
    with pytest.raises(DeadlineExceeded):
        ordered(stage, width=100, by=slow())
    stage.upload("photo.jpg", picture(80, 60))
    assert names(ordered(stage, width=100))[-1] == "w100"


@pytest.mark.parametrize(
    ("digest", "tried_again"),
    [("today", False), ("of other limits", True)],
    ids=["the same pipeline and limits", "others"],
)
def test_what_took_too_long_is_tried_again_under_other_limits_alone(stage, digest, tried_again):
    reading = replace(stage.halftone.pipeline, source=Source(instructions=True))
    stage = replace(stage, halftone=replace(stage.halftone, pipeline=reading, digest="today"))
    stage.upload("photo.jpg", picture(800, 600))
    stage.tell(sequencer="05")
    with pytest.raises(DeadlineExceeded):
        ordered(stage, width=100, by=slow())
    later = replace(stage, halftone=replace(stage.halftone, digest=digest))
    assert later.tell(sequencer="06") is not None, "the same bytes, which may have come with other instructions"
    assert [one.error is None for one in later.entry().ad_hoc] == ([] if tried_again else [False])


@pytest.mark.usefixtures("photo")
def test_what_a_dead_request_wrote_is_removed_by_the_sweep(stage, monkeypatch):
    before, put = stage.keys("variants"), S3Storage.put_instead

    def last(*args, **more):
        put(*args, **more)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(S3Storage, "put_instead", last)
        with pytest.raises(Died):
            ordered(stage, width=100, by=over())
    (left,) = stage.keys("variants") - before
    assert [place.key for place in stage.entry().possible_locations] == [left]
    assert [image.key for image in stage.halftone.catalogue.unfinished(before=int(time.time()))] == ["photo.jpg"]
    stage.tell(sequencer="", kind="sweep")
    assert stage.keys("variants") == before
    assert (stage.entry().possible_locations, stage.entry().due) == ((), None)
    assert len(stage.completions()) == 1


@pytest.mark.usefixtures("photo")
def test_what_a_dead_request_did_not_tell_the_sweep_tells(stage, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(type(stage.halftone.completions), "publish", failing(Died()))
        with pytest.raises(Died):
            ordered(stage, width=100, by=over())
    stage.tell(sequencer="", kind="sweep")
    assert [len(completion.variants) for completion in stage.completions()] == [3, 4]


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    ("service", "operation", "error"),
    [("storage", "put_instead", StorageUnavailable), ("completions", "publish", CompletionsUnavailable)],
)
def test_after_a_fault_the_same_order_ends_well(stage, monkeypatch, service, operation, error):
    with monkeypatch.context() as patch:
        patch.setattr(type(getattr(stage.halftone, service)), operation, failing(error("not now")))
        with pytest.raises(error):
            ordered(stage, width=100)
    assert names(ordered(stage, width=100))[-1] == "w100"


# --- places


@pytest.fixture
def two(stage, photo):
    """A stage with two images."""
    stage.upload("other.jpg", picture(600, 800))
    assert stage.tell("other.jpg") != photo
    return stage


def test_another_variant_of_the_image_is_not_written_over(two):
    ordered(two, width=50, dest_key="card.jpg")
    with pytest.raises(InvalidRequest, match="something else"):
        ordered(two, width=60, dest_key="card.jpg")
    assert two.image("variants", "card.jpg").width == 50


def test_of_two_images_that_want_one_free_place_one_gets_it_and_keeps_it_when_the_other_goes(two, monkeypatch):
    put, others = S3Storage.put_instead, iter(("other.jpg",))

    def race(*args, **more):
        for key in others:
            ordered(two, key=key, width=50, dest_key="card.jpg")
        return put(*args, **more)

    monkeypatch.setattr(S3Storage, "put_instead", race)
    with pytest.raises(InvalidRequest, match="something else already"):
        ordered(two, width=50, dest_key="card.jpg")
    (won,) = (variant for variant in two.record("other.jpg").variants if variant.key == "card.jpg")
    assert len(two.record("photo.jpg").variants) == 3
    assert two.entry().possible_locations == ()
    two.s3.delete_object(Bucket="originals", Key="photo.jpg")
    two.tell(sequencer="06", kind="removed")
    assert two.s3.head_object(Bucket="variants", Key="card.jpg")["ETag"] == f'"{won.etag}"'
    two.s3.delete_object(Bucket="originals", Key="other.jpg")
    two.tell("other.jpg", "06", kind="removed")
    assert two.keys("variants") == set()


def test_who_died_on_the_way_to_a_place_that_another_got_leaves_it_alone(two, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(S3Storage, "put_instead", failing(Died()))
        with pytest.raises(Died):
            ordered(two, width=50, dest_key="card.jpg", by=over())
    ordered(two, key="other.jpg", width=50, dest_key="card.jpg")
    two.tell(sequencer="", kind="sweep")
    assert two.entry().possible_locations == ()
    assert "card.jpg" in two.keys("variants")


@pytest.mark.usefixtures("photo")
def test_a_place_where_a_dead_order_of_the_same_image_wrote_is_cleared(stage, monkeypatch):
    put = S3Storage.put_instead

    def last(*args, **more):
        put(*args, **more)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(S3Storage, "put_instead", last)
        with pytest.raises(Died):
            ordered(stage, width=50, dest_key="card.jpg", by=over())
    made = ordered(stage, width=60, dest_key="card.jpg").variants[-1]
    assert (made.key, made.width) == ("card.jpg", 60)
    assert stage.image("variants", "card.jpg").size == (60, 45)


@pytest.mark.usefixtures("photo")
def test_a_place_where_a_live_order_of_the_same_image_writes_is_waited_for(stage, monkeypatch):
    put = S3Storage.put_instead

    def last(*args, **more):
        put(*args, **more)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(S3Storage, "put_instead", last)
        with pytest.raises(Died):
            ordered(stage, width=50, dest_key="card.jpg")
    with pytest.raises(ImageBusy, match="another order"):
        ordered(stage, width=60, dest_key="card.jpg")


# --- room


@pytest.mark.usefixtures("photo")
def test_what_was_asked_for_longest_ago_makes_room_and_the_sweep_removes_its_object(stage, monkeypatch):
    first = ordered(stage, width=1).variants[-1]
    ordered(stage, width=2)
    stands = stage.entry()
    older = tuple(replace(one, at=one.at - age) for one, age in zip(stands.ad_hoc, (200, 100), strict=True))
    stage.halftone.catalogue.put(replace(stands, ad_hoc=older))
    monkeypatch.setattr(transitions, "AD_HOC_BYTES", 1400)
    record = ordered(stage, width=3)
    assert names(record) == ["thumbnail", "medium", "large", "w2", "w3"]
    assert first.key in stage.keys("variants")
    assert stage.entry().due is not None
    stage.tell(sequencer="", kind="sweep")
    assert stage.keys("variants") == {variant.key for variant in record.variants}
    assert stage.entry().due is None


def test_the_place_that_made_room_may_be_anothers_by_the_time_the_sweep_comes_again(two, monkeypatch):
    ordered(two, width=1, dest_key="card.jpg")
    stands = two.entry()
    two.halftone.catalogue.put(replace(stands, ad_hoc=(replace(stands.ad_hoc[0], at=1),)))
    monkeypatch.setattr(transitions, "AD_HOC_BYTES", 700)
    assert names(ordered(two, width=2)) == ["thumbnail", "medium", "large", "w2"]
    remove = S3Storage.remove

    def last(*args):
        remove(*args)
        raise StorageUnavailable("S3 did not answer")

    with monkeypatch.context() as patch:
        patch.setattr(S3Storage, "remove", last)
        with pytest.raises(StorageUnavailable):
            two.tell(sequencer="", kind="sweep")
    assert "card.jpg" not in two.keys("variants")
    ordered(two, key="other.jpg", width=9, dest_key="card.jpg")
    two.tell(sequencer="", kind="sweep")
    assert "card.jpg" in two.keys("variants")


@pytest.mark.usefixtures("photo")
def test_there_is_no_limit_by_number(stage):
    for width in range(1, 31):
        ordered(stage, width=width)
    assert len(stage.record("photo.jpg").variants) == 33


@pytest.mark.usefixtures("photo")
def test_who_asks_again_after_an_hour_puts_that_down(stage):
    ordered(stage, width=1)
    stands = stage.entry()
    (asked,) = stands.ad_hoc
    stage.halftone.catalogue.put(replace(stands, ad_hoc=(replace(asked, at=asked.at - 3700),)))
    ordered(stage, width=1)
    assert stage.entry().ad_hoc[0].at >= asked.at
    revision = stage.entry().revision
    ordered(stage, width=1)
    assert stage.entry().revision == revision


@pytest.mark.usefixtures("photo")
def test_too_many_at_once_are_busy(stage, monkeypatch):
    monkeypatch.setattr(transitions, "MOST_POSSIBLE", 0)
    with pytest.raises(ImageBusy, match="too many"):
        ordered(stage, width=1)


# --- meanwhile


@pytest.mark.usefixtures("photo")
def test_who_asked_gets_what_was_made_although_the_image_came_out_anew_before_it_was_told(stage, monkeypatch):
    outlet, events = type(stage.halftone.completions), iter(("06",))
    publish = outlet.publish

    def race(*args):
        for sequencer in events:
            stage.upload("photo.jpg", picture(80, 60))
            stage.tell(sequencer=sequencer)
        publish(*args)

    monkeypatch.setattr(outlet, "publish", race)
    assert "w100" in names(ordered(stage, width=100))
    assert "w100" not in names(stage.record("photo.jpg"))


def test_who_is_overtaken_looks_again_and_makes_it_of_the_new_version(stage, photo, monkeypatch):
    put, events = S3Storage.put_instead, iter(("06",))

    def race(*args, **more):
        for sequencer in events:
            stage.upload("photo.jpg", picture(600, 800))
            stage.tell(sequencer=sequencer)
        return put(*args, **more)

    monkeypatch.setattr(S3Storage, "put_instead", race)
    record = ordered(stage, width=30)
    assert record.etag != photo.etag
    assert (record.variants[-1].width, record.variants[-1].height) == (30, 40)
    assert stage.entry().due is not None, "what was put for the old version is named still"


@pytest.mark.usefixtures("photo")
def test_orders_of_one_image_do_not_queue_up(stage, monkeypatch):
    put, widths = S3Storage.put_instead, iter((20, 30))

    def race(*args, **more):
        for width in widths:
            ordered(stage, width=width)
        return put(*args, **more)

    monkeypatch.setattr(S3Storage, "put_instead", race)
    assert {"w10", "w20", "w30"} <= set(names(ordered(stage, width=10)))
    assert [completion.generation for completion in stage.completions()] == [1, 2, 3, 4]


@pytest.mark.usefixtures("photo")
def test_the_slower_of_two_equal_orders_for_one_place_has_what_the_quicker_one_made(stage, monkeypatch):
    put, quicker = S3Storage.put_instead, iter([{"width": 30, "dest_key": "card.jpg"}])

    def race(*args, **more):
        for same in quicker:
            ordered(stage, **same)
        return put(*args, **more)

    monkeypatch.setattr(S3Storage, "put_instead", race)
    record = ordered(stage, width=30, dest_key="card.jpg")
    assert [variant.key for variant in record.variants].count("card.jpg") == 1
