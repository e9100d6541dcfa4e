"""The URL of a caller, from the order to the envelope."""

import pytest
from msgspec.structs import replace

from chalicelib import events, orders
from chalicelib.errors import InvalidRequest, UnsupportedFormat
from chalicelib.usecases.resize import resize
from tests.conftest import call, picture

URL = "https://hooks.example.com/done?id=1"
PHOTO = {"bucket": "originals", "key": "photo.jpg"}
CALL = call()


@pytest.fixture
def halftone(stage):
    stage.upload("photo.jpg", picture())
    allowed = frozenset({"hooks.example.com"})
    return replace(stage.halftone, settings=replace(stage.halftone.settings, webhook_hosts=allowed))


def urls(stage):
    return [envelope["MessageAttributes"].get("callback_url", {}).get("Value") for envelope in stage.envelopes()]


@pytest.mark.parametrize(
    ("order", "told"), [({}, 1), ({"variants": ["thumbnail"]}, 1), ({"width": 10}, 2), ({"width": 10, "quality": 9}, 2)]
)
def test_each_completion_that_an_order_causes_names_the_url_of_its_caller(stage, halftone, order, told):
    resize(orders.parse(PHOTO | order | {"callback_url": URL}), halftone, CALL)
    assert urls(stage) == [URL] * told
    assert all("hooks.example.com" not in envelope["Message"] for envelope in stage.envelopes())


def test_a_failure_is_told_too(stage, halftone):
    stage.upload("photo.jpg", b"no picture")
    with pytest.raises(UnsupportedFormat):
        resize(orders.parse(PHOTO | {"width": 10, "callback_url": URL}), halftone, CALL)
    assert urls(stage) == [URL]
    assert [completion.event for completion in stage.completions()] == ["image.failed"]


def test_an_order_without_a_url_names_none(stage, halftone):
    resize(orders.parse(PHOTO), halftone, CALL)
    assert urls(stage) == [None]


def test_the_envelope_is_read_back(stage, halftone):
    resize(orders.parse(PHOTO | {"callback_url": URL}), halftone, CALL)
    (found,) = events.announcements({"Records": [{"Sns": envelope} for envelope in stage.envelopes()]})
    assert found.callback_url == URL
    assert found.completion == stage.completions()[0]


@pytest.mark.parametrize("url", ["https://evil.example.com/", "https://hooks.example.com.evil.com/"])
def test_a_host_that_is_not_allowed_is_refused_before_anything_is_done(stage, halftone, url):
    with pytest.raises(InvalidRequest, match="allow-list") as caught:
        resize(orders.parse(PHOTO | {"callback_url": url}), halftone, CALL)
    assert caught.value.field == "callback_url"
    assert stage.keys("variants") == set()


def test_a_stage_without_webhooks_calls_nobody_back(stage):
    with pytest.raises(InvalidRequest, match="callback_url"):
        resize(orders.parse(PHOTO | {"callback_url": URL}), stage.halftone, CALL)
