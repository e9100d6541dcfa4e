"""Orders that nobody waits for: what is refused at once, and how the others end."""

import math

import pytest
from msgspec.structs import replace

from chalicelib import orders
from chalicelib.errors import ForbiddenBucket, InvalidRequest, StorageUnavailable, TimeIsUp, UnknownVariant
from chalicelib.identity import image_id
from chalicelib.model.completion import CompletionEvent
from chalicelib.model.record import Status
from chalicelib.usecases.defer import carry_out, defer, resize_or_defer
from chalicelib.usecases.resize import resize
from tests.conftest import call, failing, picture

URL = "https://hooks.example.com/done"
PHOTO = {"bucket": "originals", "key": "photo.jpg"}


@pytest.fixture
def halftone(stage):
    allowed = frozenset({"hooks.example.com"})
    return replace(stage.halftone, settings=replace(stage.halftone.settings, webhook_hosts=allowed))


def order(**fields):
    return orders.parse(PHOTO | fields)


def said(stage):
    """What was announced: the event, the error's code and who is called back."""
    return [
        (completion.event, completion.error and completion.error.code, attributes.get("callback_url", {}).get("Value"))
        for completion, attributes in zip(
            stage.completions(), (envelope["MessageAttributes"] for envelope in stage.received), strict=True
        )
    ]


def test_an_order_is_handed_over_as_it_is_and_not_begun(stage, halftone):
    later = []
    wanted = order(width=10, callback_url=URL)
    assert defer(wanted, halftone, later.append) == image_id("originals", "photo.jpg")
    assert later == [wanted]
    assert stage.record("photo.jpg") is None


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"bucket": "elsewhere"}, ForbiddenBucket),
        ({"width": 10, "dest_bucket": "elsewhere"}, ForbiddenBucket),
        ({"variants": ["poster"]}, UnknownVariant),
        ({"callback_url": "https://evil.example.org/"}, InvalidRequest),
    ],
)
def test_what_is_wrong_with_an_order_is_said_at_once(halftone, fields, error):
    later = []
    with pytest.raises(error):
        defer(order(**fields), halftone, later.append)
    assert later == []


def test_an_order_that_succeeds_is_announced_as_ever(stage, halftone):
    stage.upload("photo.jpg", picture())
    carry_out(order(callback_url=URL), halftone, call())
    assert stage.record("photo.jpg").status is Status.READY
    assert said(stage) == [(CompletionEvent.READY, None, URL)]


def test_an_original_that_is_at_fault_fails_on_record_and_is_announced_once(stage, halftone):
    stage.upload("photo.jpg", b"no picture")
    carry_out(order(width=10, callback_url=URL), halftone, call())
    assert stage.record("photo.jpg").error.code == "unsupported_format"
    assert said(stage) == [(CompletionEvent.FAILED, "unsupported_format", URL)]


def test_an_order_for_an_object_that_is_gone_fails_and_leaves_no_record(stage, halftone):
    carry_out(order(callback_url=URL), halftone, call())
    assert said(stage) == [(CompletionEvent.ORDER_FAILED, "not_found", URL)]
    (completion,) = stage.completions()
    assert (completion.image_id, completion.key) == (image_id("originals", "photo.jpg"), "photo.jpg")
    assert (completion.status, completion.etag, completion.generation) == (None, None, 0)
    assert "no object" in completion.error.message
    assert "status" not in stage.received[0]["MessageAttributes"]
    assert stage.record("photo.jpg") is None


def test_what_is_wrong_with_the_order_alone_leaves_a_good_record_as_it_is(stage, halftone):
    stage.upload("photo.jpg", picture())
    good = resize(order(), halftone, call("before"))
    stage.upload("taken.jpg", picture(), bucket="variants")
    carry_out(order(width=10, dest_key="taken.jpg"), halftone, call())
    assert stage.record("photo.jpg") == good
    assert said(stage) == [(CompletionEvent.READY, None, None), (CompletionEvent.ORDER_FAILED, "invalid_request", None)]
    refusal = stage.completions()[-1]
    assert (refusal.status, refusal.variants) == (Status.READY, good.variants)
    assert (refusal.etag, refusal.generation) == (good.etag, good.generation)
    assert stage.received[-1]["MessageAttributes"]["status"]["Value"] == "ready"


def test_a_good_record_of_an_object_that_is_gone_since_is_left_to_its_own_event(stage, halftone):
    stage.upload("photo.jpg", picture())
    good = resize(order(), halftone, call("before"))
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    carry_out(order(), halftone, call())
    assert stage.record("photo.jpg") == good
    assert said(stage)[-1] == (CompletionEvent.ORDER_FAILED, "not_found", None)


def test_what_takes_too_long_for_a_request_is_handed_over(stage, halftone):
    stage.upload("photo.jpg", picture())
    later, looks = [], iter((None, None))

    def hurry():
        if next(looks, "late") == "late":
            raise TimeIsUp("too late")

    hurried = replace(call(), checkpoint=hurry, fair_seconds=math.inf)
    with pytest.raises(TimeIsUp):
        resize_or_defer(order(), halftone, later.append, hurried)
    assert later == [order()]
    carry_out(order(), halftone, call())
    assert resize_or_defer(order(), halftone, later.append, call()).status is Status.READY
    assert later == [order()]


@pytest.mark.parametrize("operation", ["open", "put"])
def test_what_fails_for_the_moment_is_the_callers_to_try_again(stage, halftone, monkeypatch, operation):
    stage.upload("photo.jpg", picture())
    later = []
    with monkeypatch.context() as broken:
        broken.setattr(type(halftone.storage), operation, failing(StorageUnavailable("no")))
        with pytest.raises(StorageUnavailable):
            resize_or_defer(order(), halftone, later.append, call())
    assert later == []


def test_a_fault_of_aws_is_raised_and_announced_by_nobody(stage, halftone, monkeypatch):
    stage.upload("photo.jpg", picture())

    def fail(*_args, **_kwargs):
        raise StorageUnavailable("no")

    with monkeypatch.context() as broken:
        broken.setattr(type(halftone.storage), "put", fail)
        with pytest.raises(StorageUnavailable):
            carry_out(order(), halftone, call())
    assert said(stage) == []
    carry_out(order(), halftone, call())  # the lease was given up, so that Lambda's retry need not wait
    assert said(stage) == [(CompletionEvent.READY, None, None)]
