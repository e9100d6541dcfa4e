import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.aws import topic
from chalicelib.aws.clients import client
from chalicelib.aws.topic import SnsCompletions
from chalicelib.model.completion import Announcement, Completion, CompletionEvent
from chalicelib.model.record import Status
from chalicelib.pipelines.keys import MAX_KEY_BYTES
from tests.test_notices import BROKEN, SMALL, completion


@pytest.fixture
def sent(stage, monkeypatch):  # noqa: ARG001 - the world it is sent into
    requests = []
    monkeypatch.setattr(client("sns"), "publish", lambda **request: requests.append(request))
    SnsCompletions("arn:topic").publish(Announcement(completion=completion()))
    return requests[0]


def test_people_get_words_and_programs_json(sent):
    assert sent["MessageStructure"] == "json"
    forms = json.loads(sent["Message"])
    assert json.loads(forms["default"])["image_id"] == "id"
    assert forms["email"].startswith("photo.jpg is ready, 2 variants.\n")
    assert forms["sms"] == "Halftone: photo.jpg is ready, 2 variants"
    assert sent["Subject"] == "Halftone: photo.jpg is ready, 2 variants"
    assert set(forms) == {"default", "email", "sms"}


def test_the_attributes_are_what_filter_policies_match(sent):
    attributes = {name: one["StringValue"] for name, one in sent["MessageAttributes"].items()}
    assert attributes == {"event": "image.ready", "status": "ready", "bucket": "originals", "pipeline": "default"}


def test_a_refusal_of_what_nobody_knows_has_no_status(stage, monkeypatch):  # noqa: ARG001 - likewise
    requests = []
    monkeypatch.setattr(client("sns"), "publish", lambda **request: requests.append(request))
    refused = replace(completion(CompletionEvent.ORDER_FAILED, error=BROKEN, status=Status.READY), status=None)
    SnsCompletions("arn:topic").publish(Announcement(completion=refused))
    assert set(requests[0]["MessageAttributes"]) == {"event", "bucket", "pipeline"}
    assert json.loads(json.loads(requests[0]["Message"])["default"])["status"] is None


def document(message):
    return msgspec.json.decode(json.loads(message)["default"], type=Completion)


def many(character, count):
    """A completion with as many variants, whose keys are as long as they may be, and cost the most when encoded."""
    key = character * (MAX_KEY_BYTES // len(character.encode()))
    return completion(key=key, variants=tuple(replace(SMALL, name=f"v{n}", key=key) for n in range(count)))


@pytest.mark.parametrize(("character", "count"), [("x", 150), ("é", 150), ("📷", 150)])
def test_more_variants_than_may_be_asked_for_are_all_told(character, count):
    told = many(character, count)
    assert document(topic.message(told)) == told


@settings(deadline=None)
@given(st.sampled_from(["x", '"', "\\", "\x01", "\u202e", "📷"]), st.integers(0, 400))
def test_any_message_fits_and_says_what_it_leaves_out(character, count):
    told = many(character, count)
    message = topic.message(told)
    assert len(message.encode()) <= topic.MESSAGE_BYTES
    received = document(message)
    assert received.variants == told.variants[: len(received.variants)]
    assert len(received.variants) + received.variants_omitted == count
    assert f"{count} variant" in json.loads(message)["sms"]


def test_no_more_is_left_out_than_has_to_be():
    kept = document(topic.message(many("x", 400))).variants
    assert len(kept) * 1200 > topic.MESSAGE_BYTES / 2
