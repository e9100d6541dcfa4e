"""What `make coldstart` starts: every function of the app, each with an event that it can do something with."""

import json
import subprocess
import sys
import time
from typing import Any

import app
from localcloud.cold_events import EVENTS
from localcloud.coldstart import WORKER

HANDLER = """
import json
import botocore.session
def handler(event, context):
    assert event == {"a": 1} and context.aws_request_id and context.get_remaining_time_in_millis() > 1000
    session = botocore.session.get_session()
    session.create_client("s3", endpoint_url="http://127.0.0.1:9", config=None)
    print(json.dumps({"message": "Rendered", "cpu_ms": 5}))
"""


def run(path: list[str], job: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(WORKER)],
        input=json.dumps({"path": path, "started": time.time(), **job}),
        env={"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def test_each_function_of_the_app_has_an_event() -> None:
    views = {entry.view_name for methods in app.app.routes.values() for entry in methods.values()}
    assert views
    assert {*app.app.handler_map} - views | {"api_handler"} <= EVENTS.keys()


def test_a_start_tells_import_and_call_apart_and_its_clients(tmp_path) -> None:
    (tmp_path / "index.py").write_text(HANDLER)
    job = {"handler": "index.handler", "event": {"a": 1}}
    started = run([str(tmp_path)], {"mode": "app", **job})
    assert 0 < started["import_cpu_ms"] < started["cpu_ms"]
    recorded = run([str(tmp_path)], {"mode": "record", **job})
    assert recorded["services"] == ["s3"]
    assert recorded["renders"] is False
    assert "botocore.session" in recorded["modules"]


def test_the_floor_is_without_the_app(tmp_path) -> None:
    (tmp_path / "app.py").write_text("raise AssertionError")
    assert run([str(tmp_path)], {"mode": "floor", "services": ["sns"], "calls": [], "codecs": ["json"]})["cpu_ms"] > 0
