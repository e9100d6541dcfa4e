import json

import pytest

from chalicelib.aws.clients import client
from chalicelib.aws.topic import SnsCompletions
from chalicelib.model import Announcement
from tests.test_notices import completion


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
    assert forms["sms"] == "photo.jpg is ready, 2 variants"
    assert sent["Subject"] == "Halftone: photo.jpg is ready, 2 variants"
    assert set(forms) == {"default", "email", "sms"}
