import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.model.completion import CompletionEvent
from chalicelib.webhooks import message
from tests.test_notices import completion

SECRET = b"s" * 32
URL = "https://hooks.example.com/halftone"


def test_the_signature_is_that_of_the_published_example():
    """The example is of the reference libraries, github.com/standard-webhooks/standard-webhooks."""
    secret = message.read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = message.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', secret)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_body_has_the_form_that_the_specification_recommends():
    document = json.loads(message.body(completion()))
    assert set(document) == {"type", "timestamp", "data"}
    assert (document["type"], document["timestamp"]) == ("image.ready", "2026-01-01T00:00:00Z")
    assert (document["data"]["image_id"], document["data"]["schema_version"]) == ("id", 1)


def test_a_second_attempt_has_the_same_id_and_its_own_time_and_signature():
    body = message.body(completion())
    first, second = (message.headers(URL, body, SECRET, timestamp=moment) for moment in (1, 2))
    assert first["webhook-id"] == second["webhook-id"]
    assert (first["webhook-timestamp"], second["webhook-timestamp"]) == ("1", "2")
    assert first["webhook-signature"] != second["webhook-signature"]
    assert first["webhook-signature"] == message.signature(first["webhook-id"], 1, body, SECRET)


def test_other_urls_and_other_completions_have_other_ids():
    bodies = [message.body(completion()), message.body(completion(CompletionEvent.DELETED))]
    ids = {message.message_id(url, body) for url in (URL, URL + "/2") for body in bodies}
    assert len(ids) == 4
    assert all("." not in name and name.isascii() for name in ids), "a full stop would make the signature ambiguous"


@given(st.binary(min_size=24, max_size=64))
def test_secrets_come_back(secret):
    assert message.read_secret("whsec_" + base64.b64encode(secret).decode()) == secret


@pytest.mark.parametrize(
    "text",
    ["", "whsec_", "whsec_!!!", "whsec_" + "é" * 32, base64.b64encode(SECRET).decode()]
    + ["whsec_" + base64.b64encode(b"x" * length).decode() for length in (23, 65)],
)
def test_what_is_no_secret_is_refused_without_being_repeated(text):
    with pytest.raises(ValueError, match=r"^expected whsec_ and the base64 form of 24 to 64 random bytes$"):
        message.read_secret(text)
