"""The handlers, called as Lambda calls them."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from chalice.test import Client

import app as halftone_app
from chalicelib.aws.catalogue import DynamoCatalogue
from chalicelib.errors import CatalogueUnavailable
from chalicelib.identity import image_id
from chalicelib.model.record import Failure
from chalicelib.model.workflow import Workflow
from tests.conftest import picture
from tests.test_events import record

ROOT = Path(__file__).parent.parent
PHOTO = image_id("originals", "photo.jpg")


@pytest.fixture
def client(stage, monkeypatch):  # noqa: ARG001 - the world that the handlers see
    monkeypatch.chdir(ROOT)
    return Client(halftone_app.app)


def post(client, document, **headers):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return client.http.post("/resize", body=body, headers={"Content-Type": "application/json"} | headers)


def test_import_needs_neither_credentials_nor_network_and_makes_no_client():
    program = (
        "import socket\n"
        "def refuse(*_): raise AssertionError('network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "import app\n"
        "from chalicelib import wiring\n"
        "from chalicelib.aws.clients import client\n"
        "assert client.cache_info().currsize == 0 and wiring.halftone.cache_info().currsize == 0\n"
        "import boto3; assert boto3.DEFAULT_SESSION is None\n"
        "print('imported')"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "imported\n", done.stderr


def test_app_stays_a_table_of_contents():
    assert len((ROOT / "app.py").read_text().splitlines()) < 150


def test_an_upload_event_is_followed(client, stage):
    stage.upload("photo.jpg", picture())
    event = {"Records": [record(key="photo.jpg", sequencer="01")]}
    assert client.lambda_.invoke("on_upload", event).payload == {"handled": 1, "skipped": 0}
    assert stage.keys("variants") == {"thumbnail/photo.jpg", "medium/photo.jpg", "large/photo.jpg"}
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    event = {"Records": [record("ObjectRemoved:Delete", key="photo.jpg", sequencer="02")]}
    assert client.lambda_.invoke("on_upload", event).payload == {"handled": 1, "skipped": 0}
    assert stage.keys("variants") == set()


def test_a_redriven_event_is_the_delivery_that_it_was(client, stage):
    stage.upload("photo.jpg", picture())
    event = {"Records": [record(key="photo.jpg", sequencer="01")], "redriven": "first-of-all"}
    assert client.lambda_.invoke("on_upload", event).payload == {"handled": 1, "skipped": 0}
    assert stage.halftone.catalogue.get(PHOTO).settled_by == "first-of-all"


def test_a_redriven_task_is_the_task_that_it_was(client, stage):
    stage.upload("photo.jpg", picture(400, 300))
    task = {"bucket": "originals", "key": "photo.jpg", "redriven": "first-of-all"}
    assert client.lambda_.invoke("resize_task", task).payload["status"] == "SUCCESS"
    assert stage.halftone.catalogue.get(PHOTO).settled_by == "first-of-all"


@pytest.mark.parametrize("event", [{"Event": "s3:TestEvent"}, {}, {"key1": "value1"}])
def test_events_without_records_are_fine(client, event):
    assert client.lambda_.invoke("on_upload", event).payload == {"handled": 0, "skipped": 0}


def test_a_completion_reaches_the_targets(client, stage, capsys):
    stage.upload("photo.jpg", picture())
    client.lambda_.invoke("on_upload", {"Records": [record(key="photo.jpg", sequencer="01")]})
    (envelope,) = stage.envelopes()
    client.lambda_.invoke("on_completion", client.events.generate_sns_event(envelope["Message"], envelope["Subject"]))
    metrics = [line for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [json.loads(line)["Images"] for line in metrics] == [[1.0]]


def test_the_resize_task_returns_what_was_written(client, stage):
    stage.upload("photo.jpg", picture(400, 300))
    task = {"bucket": "originals", "key": "photo.jpg", "dest_bucket": "extra", "width": 128, "height": 128}
    result = client.lambda_.invoke("resize_task", task).payload
    assert {name: result[name] for name in ("status", "source_bucket", "source_key", "dest_bucket", "image_id")} == {
        "status": "SUCCESS",
        "source_bucket": "originals",
        "source_key": "photo.jpg",
        "dest_bucket": "extra",
        "image_id": PHOTO,
    }
    assert stage.image("extra", result["dest_key"]).size == (result["width"], result["height"]) == (128, 96)


def test_the_resize_task_of_a_whole_pipeline_names_the_first_variant(client, stage):
    stage.upload("photo.jpg", picture(400, 300))
    result = client.lambda_.invoke("resize_task", {"bucket": "originals", "key": "photo.jpg"}).payload
    assert result["dest_key"] == "thumbnail/photo.jpg"
    assert len(result["variants"]) == 3


def test_post_resize_answers_with_the_record_and_get_image_with_the_same(client, stage):
    stage.upload("photo.jpg", picture(800, 600, exif=b""))
    response = post(client, {"bucket": "originals", "key": "photo.jpg"})
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    assert response.headers["Cache-Control"] == "no-store"
    document = json.loads(response.body)
    assert set(document) == {
        "image_id", "status", "bucket", "key", "etag", "version_id", "pipeline", "created_at", "updated_at",
        "processing_ms", "generation", "original", "placeholder", "perceptual_hash", "variants", "error",
    }  # fmt: skip
    assert (document["image_id"], document["status"], document["error"]) == (PHOTO, "ready", None)
    assert document["created_at"].endswith("Z")
    assert [set(variant) for variant in document["variants"]] == 3 * [
        {"name", "bucket", "key", "format", "content_type", "width", "height", "bytes", "etag"}
    ]
    assert set(document["original"]) == {
        "format", "width", "height", "bytes", "frames", "mode", "has_alpha", "orientation", "exif",
    }  # fmt: skip
    assert set(document["placeholder"]) == {"thumbhash", "dominant_color"}
    found = client.http.get(f"/images/{PHOTO}")
    assert (found.status_code, json.loads(found.body)) == (200, document)


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"", 400, "invalid_request", None),
        (b"{", 400, "invalid_request", None),
        (b"\xff\xfe", 400, "invalid_request", None),
        (b"[]", 400, "invalid_request", None),
        (b"[" * 100_000, 400, "invalid_request", None),
        (b'{"bucket": "originals"}', 400, "invalid_request", "key"),
        (b'{"bucket": "originals", "key": "a", "width": 0}', 400, "invalid_request", "width"),
        (b'{"bucket": "originals", "key": "a", "width": 999999999999999999999999}', 400, "invalid_request", "width"),
        (b'{"bucket": "originals", "key": "a", "size": 1}', 400, "invalid_request", "size"),
        (b'{"bucket": "originals", "key": "a", "variants": ["x"]}', 400, "unknown_variant", "variants"),
        (b'{"bucket": "elsewhere", "key": "a"}', 403, "forbidden_bucket", None),
        (b'{"bucket": "originals", "key": "gone.jpg"}', 404, "not_found", None),
        (b'{"bucket": "originals", "key": "text.jpg"}', 415, "unsupported_format", None),
    ],
)
def test_what_is_wrong_with_a_request_is_a_problem_document(client, stage, body, status, code, field):
    stage.upload("text.jpg", b"no picture at all" * 10)
    response = post(client, body)
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json")
    document = json.loads(response.body)
    assert (document["status"], document["code"], document.get("field")) == (status, code, field)
    assert field is None or field in document["detail"]


def test_a_body_needs_no_content_type(client, stage):
    stage.upload("photo.jpg", picture())
    assert (
        post(client, {"bucket": "originals", "key": "photo.jpg"}, **{"Content-Type": "text/plain"}).status_code == 200
    )


@pytest.mark.parametrize("name", [PHOTO, "nothing", PHOTO.upper(), "x" * 2049], ids=lambda name: name[:40])
def test_an_image_that_nobody_knows_is_404(client, stage, name):
    stage.upload("other.jpg", picture())
    post(client, {"bucket": "originals", "key": "other.jpg"})
    response = client.http.get(f"/images/{name}")
    assert (response.status_code, json.loads(response.body)["code"]) == (404, "not_found")


def test_a_fault_of_aws_is_503_and_says_nothing_of_the_inside(client, monkeypatch):
    def fail(*_args):
        raise CatalogueUnavailable("DynamoDB did not take part") from RuntimeError("secret")

    monkeypatch.setattr(DynamoCatalogue, "get", fail)
    response = client.http.get(f"/images/{PHOTO}")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert b"secret" not in response.body


def test_what_nobody_foresaw_is_500_and_says_nothing_of_the_inside(client, monkeypatch):
    def fail(*_args):
        raise RuntimeError("secret")

    monkeypatch.setattr(DynamoCatalogue, "get", fail)
    response = client.http.get(f"/images/{PHOTO}")
    assert (response.status_code, json.loads(response.body)["code"]) == (500, "internal_error")
    assert b"secret" not in response.body


def test_health(client):
    response = client.http.get("/health")
    assert (response.status_code, json.loads(response.body)) == (200, {"status": "ok", "pipeline": "default"})


class Lambda:
    """Stands for the function that orders are handed over to."""

    def __init__(self):
        self.events = []

    def hand_over(self, order):
        self.events.append(json.loads(msgspec.json.encode(order)))


class States:
    """Stands for Step Functions, with one run that has failed."""

    def __init__(self):
        self.tasks = []

    def start(self, task):
        self.tasks.append(task)
        return "one"

    def find(self, execution_id):
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        failed = Workflow(
            execution_id="one",
            status="FAILED",
            input={"key": "gone.jpg"},
            output=None,
            error=Failure(code="not_found", message="there is no object"),
            started_at=moment,
            stopped_at=moment,
        )
        return failed if execution_id == "one" else None


def test_an_order_that_nobody_waits_for_is_accepted_and_carried_out_by_another_function(client, stage, monkeypatch):
    later = Lambda()
    monkeypatch.setattr(halftone_app, "deferral", lambda: later)
    stage.upload("photo.jpg", picture())
    response = post(client, {"bucket": "originals", "key": "photo.jpg", "width": 10, "mode": "async"})
    assert (response.status_code, json.loads(response.body)) == (202, {"image_id": PHOTO})
    assert response.headers["Location"] == f"./images/{PHOTO}"
    assert client.http.get(f"/images/{PHOTO}").status_code == 404

    (event,) = later.events
    assert client.lambda_.invoke("resize_later", event).payload is None
    assert "w10" in {variant["name"] for variant in json.loads(client.http.get(f"/images/{PHOTO}").body)["variants"]}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"mode": "later"}, 400, "invalid_request"),
        ({"width": 0}, 400, "invalid_request"),
        ({"bucket": "elsewhere"}, 403, "forbidden_bucket"),
        ({"variants": ["poster"]}, 400, "unknown_variant"),
        ({"callback_url": "https://hooks.example.com/"}, 400, "invalid_request"),
    ],
)
def test_what_is_wrong_is_said_before_an_order_is_accepted(client, monkeypatch, change, status, code):
    later = Lambda()
    monkeypatch.setattr(halftone_app, "deferral", lambda: later)
    response = post(client, {"bucket": "originals", "key": "photo.jpg", "mode": "async", **change})
    assert (response.status_code, json.loads(response.body)["code"], later.events) == (status, code, [])


def test_in_sync_mode_the_answer_is_the_record(client, stage):
    stage.upload("photo.jpg", picture())
    response = post(client, {"bucket": "originals", "key": "photo.jpg", "mode": "sync"})
    assert (response.status_code, json.loads(response.body)["status"]) == (200, "ready")


def test_a_workflow_is_started_with_the_task_as_it_came(client, monkeypatch):
    states = States()
    monkeypatch.setattr(halftone_app, "workflows", lambda: states)
    task = {"bucket": "originals", "key": "photo.jpg", "width": 10}
    response = client.http.post("/workflows", body=json.dumps(task).encode())
    assert (response.status_code, json.loads(response.body)) == (202, {"execution_id": "one"})
    assert response.headers["Location"] == "./workflows/one"
    assert states.tasks == [task]
    for wrong, status in (({"width": 0}, 400), ({"mode": "async"}, 400), ({"bucket": "elsewhere"}, 403)):
        refused = client.http.post("/workflows", body=json.dumps(task | wrong).encode())
        assert (refused.status_code, refused.headers["Content-Type"]) == (status, "application/problem+json")
    assert len(states.tasks) == 1


def test_a_workflow_is_shown_and_one_that_nobody_knows_is_404(client, monkeypatch):
    monkeypatch.setattr(halftone_app, "workflows", States)
    response = client.http.get("/workflows/one")
    assert response.status_code == 200
    assert json.loads(response.body) == {
        "execution_id": "one",
        "status": "FAILED",
        "input": {"key": "gone.jpg"},
        "output": None,
        "error": {"code": "not_found", "message": "there is no object"},
        "started_at": "2026-01-01T00:00:00Z",
        "stopped_at": "2026-01-01T00:00:00Z",
    }
    unknown = client.http.get("/workflows/other")
    assert (unknown.status_code, json.loads(unknown.body)["code"]) == (404, "not_found")


def test_the_steps_of_the_chain_are_handed_from_function_to_function(client, stage):
    stage.upload("photo.jpg", picture())
    event = {"bucket": "originals", "key": "photo.jpg", "redriven": "execution"}
    step = client.lambda_.invoke("chain_resize", event).payload
    assert json.loads(json.dumps(step))["attempt"]["delivery"] == "execution"
    stored = client.lambda_.invoke("chain_store", json.loads(json.dumps(step)) | {"redriven": "execution"}).payload
    result = client.lambda_.invoke("chain_notify", json.loads(json.dumps(stored))).payload
    assert (result["status"], result["image_id"], len(result["variants"])) == ("SUCCESS", PHOTO, 3)
    assert [completion.image_id for completion in stage.completions()] == [PHOTO]


def test_a_stage_without_a_state_machine_says_so(client, monkeypatch):
    monkeypatch.delenv("WORKFLOW_ARN")
    halftone_app.workflows.cache_clear()
    task = {"bucket": "originals", "key": "photo.jpg"}
    refused = client.http.post("/workflows", body=json.dumps(task).encode())
    assert (refused.status_code, refused.json_body["code"]) == (503, "workflows_unavailable")
