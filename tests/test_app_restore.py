"""The handler that is there only when the pipeline restores."""

import importlib.util
import os
from pathlib import Path

import pytest
from chalice.test import Client

from chalicelib import wiring
from chalicelib.pipelines import loading
from chalicelib.pipelines.loading import PipelineError
from infra import notifications
from tests.test_events import record

ROOT = Path(__file__).parent.parent
RESTORING = '[source]\nprefix = "in/"\n[variants.small]\nwidth = 1\n[restore]\nfrom = "in/"\nto = "back/"\n'


def imported(monkeypatch, pipeline):
    """Import app.py afresh, as a stage with this pipeline does."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PIPELINE", str(pipeline))
    wiring.halftone.cache_clear()
    spec = importlib.util.spec_from_file_location("app_of_a_stage", ROOT / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


@pytest.fixture
def restoring(stage, monkeypatch, tmp_path):  # noqa: ARG001 - the world that the handlers see
    path = tmp_path / "restoring.toml"
    path.write_text(RESTORING)
    return imported(monkeypatch, path)


def sources(app):
    listening = (source for source in app.event_sources if hasattr(source, "bucket"))
    return {source.name: (source.bucket, source.prefix, source.events) for source in listening}


def test_the_destination_bucket_is_listened_to_only_when_the_pipeline_restores(stage, restoring, monkeypatch):  # noqa: ARG001
    uploads = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"]
    assert sources(restoring) == {
        "on_upload": ("originals", "in/", uploads),
        "on_destination": ("variants", None, ["s3:ObjectCreated:*"]),
    }
    wanted = notifications.wanted(loading.load(os.environ["PIPELINE"]), "originals", "variants")
    assert {
        name: (bucket, prefix or "", tuple(events)) for name, (bucket, prefix, events) in sources(restoring).items()
    } == {one.target: (bucket, one.prefix, one.events) for bucket, filters in wanted.items() for one in filters}, (
        "a deployment checks what the app asks for"
    )
    assert sources(imported(monkeypatch, "default")) == {"on_upload": ("originals", None, uploads)}


def test_a_manual_upload_brings_the_original_back(stage, restoring):
    stage.upload("in/photo.jpg", b"the original")
    stage.upload("photo.jpg", b"by hand", bucket="variants")
    event = {"Records": [record(key="photo.jpg")]}
    event["Records"][0]["s3"]["bucket"]["name"] = "variants"
    assert Client(restoring).lambda_.invoke("on_destination", event).payload == {
        "message": "manual upload, original restored",
        "objects": [
            {
                "message": "manual upload, original restored",
                "bucket": "variants",
                "key": "photo.jpg",
                "restored_to": "back/photo.jpg",
            }
        ],
    }
    assert stage.keys("originals") == {"in/photo.jpg", "back/photo.jpg"}


def test_the_test_event_of_s3_is_fine(restoring):
    answer = Client(restoring).lambda_.invoke("on_destination", {"Event": "s3:TestEvent"}).payload
    assert answer["message"] == "nothing to do"


def test_a_broken_pipeline_is_refused_at_once(stage, monkeypatch, tmp_path):  # noqa: ARG001
    (tmp_path / "broken.toml").write_text(RESTORING.replace("back/", "in/back/"))
    with pytest.raises(PipelineError, match=r"restore\.to"):
        imported(monkeypatch, tmp_path / "broken.toml")
