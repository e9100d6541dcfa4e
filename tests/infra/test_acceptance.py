"""What acceptance sees, and what it does not let pass."""

import doctest
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from chalice.app import Chalice
from moto import mock_aws

import app as halftone_app
import infra.destroy
import infra.inventory
from infra.acceptance import checks, clones, ground, parts, traces, trials
from infra.acceptance.__main__ import step
from infra.acceptance.ground import Ground
from infra.acceptance.parts import Parts
from infra.acceptance.trials import UNTRIED
from infra.errors import DeployError
from infra.inventory import Inventory

ROOT = Path(__file__).parent.parent.parent


def test_every_function_and_route_is_tried_or_says_why_not() -> None:
    """What is new in app.py has to be added to infra/acceptance/trials.py."""
    registered = parts.registered(halftone_app.app).words()
    of_pipelines_that_restore = {"on_destination"}
    assert registered | of_pipelines_that_restore == parts.tried() | UNTRIED.keys()
    assert not parts.tried() & UNTRIED.keys()


def test_an_app_registers_functions_of_every_kind_and_one_for_all_routes() -> None:
    app = Chalice("any")
    app.schedule("rate(1 minute)", name="tick")(lambda _event: None)
    app.lambda_function(name="task")(lambda _event, _context: None)
    app.authorizer(name="guard")(lambda _request: None)
    assert parts.registered(app) == Parts(functions={"tick", "task", "guard"}, routes=set())
    app.route("/a/{b}", methods=["GET", "PUT"], name="view")(lambda _b: None)
    found = parts.registered(app)
    assert found.functions == {"tick", "task", "guard", "api_handler"}
    assert found.routes == {("GET", "/a/{b}"), ("PUT", "/a/{b}")}


HEALTH = ("GET", "/health")


@pytest.mark.parametrize(
    ("registered", "deployed", "told"),
    [
        (Parts(functions={"sweep", "redeliver"}, routes=[]), Parts(functions={"sweep"}, routes=[]), "no redeliver"),
        (Parts(functions=["api_handler"], routes=[HEALTH]), Parts(functions=["api_handler"], routes=[]), "GET /health"),
        (Parts(functions=["sweep"], routes=[]), Parts(functions=["sweep", "former"], routes=[]), "there is former"),
        (Parts(functions=["tiles"], routes=[]), Parts(functions=["tiles"], routes=[]), "trials.py tries no tiles"),
        (
            Parts(functions=[], routes=[("PUT", "/images")]),
            Parts(functions=[], routes=[("PUT", "/images")]),
            "tries no PUT /images",
        ),
    ],
)
def test_what_is_missing_too_much_or_untried_is_told(registered: Parts, deployed: Parts, told: str) -> None:
    with pytest.raises(DeployError, match=told):
        parts.check(registered, deployed)


def test_a_stage_as_registered_passes() -> None:
    here = parts.registered(halftone_app.app)
    parts.check(here, here)


def inventory(**more: Any) -> Inventory:
    nothing: dict[str, Any] = dict.fromkeys(Inventory.__slots__, ())
    return Inventory(**nothing | more)


def test_a_second_deployment_may_make_a_layer_version_and_logs_and_nothing_else() -> None:
    before = inventory(apis=("a", "b"), roles={"x": "1", "y": "2"}, layers=("v1",))
    after = inventory(apis=("b", "a"), roles={"y": "2", "x": "1"}, layers=("v2", "v1"), logs=("/aws/lambda/x",))
    assert parts.doubled(before, after) == []
    assert parts.doubled(inventory(apis=("a",)), inventory(apis=("a", "b"))) == ["apis: ['a'] are now ['a', 'b']"]
    assert parts.doubled(inventory(apis=("a",)), inventory()) == ["apis: ['a'] are now []"]


@mock_aws
def test_a_function_without_a_log_of_this_run_has_not_run() -> None:
    logs = boto3.client("logs", region_name="eu-west-1")
    now = time.time()
    for name, moment in {"sweep": now, "redeliver": now - 3600}.items():
        group = f"/aws/lambda/halftone-x-{name}"
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="s")
        events = [{"timestamp": int(1000 * moment), "message": "START"}]
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    place: Any = SimpleNamespace(client=lambda _: logs)
    handlers = ["sweep", "redeliver", "api_handler"]
    assert parts.silent(place, "x", handlers, now) == ["api_handler", "redeliver"]


def test_a_function_with_the_code_of_before_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "hashes", lambda *_: {"sweep": "old", "on_upload": "new"})
    nowhere: Any = None
    with pytest.raises(DeployError, match=r"code of before: expected \[\], got \['sweep'\]"):
        checks.check_updated(nowhere, inventory(), inventory(), {"sweep": "old", "on_upload": "old"})
    with pytest.raises(DeployError, match=r"doubled or replaced: expected \[\], got \[\"apis:"):
        checks.check_updated(nowhere, inventory(), inventory(apis=("a",)), {})


def test_what_is_left_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "PATIENCE", 0)
    monkeypatch.setattr(infra.inventory, "take", lambda *_: inventory())
    monkeypatch.setattr(infra.destroy, "left", lambda *_: ["function halftone-x"])
    monkeypatch.setattr(traces, "left", lambda *_: ["AWS::IAM::Role halftone-x-forgotten"])
    nowhere: Any = None
    with pytest.raises(DeployError) as caught:
        checks.check_left(nowhere, "x")
    assert str(caught.value).splitlines()[1:] == ["  function halftone-x", "  AWS::IAM::Role halftone-x-forgotten"]


def test_a_step_that_fails_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DeployError, match="sweep: it: expected 1, got 2"), step("sweep"):
        ground.expect("it", 1, 2)
    assert re.fullmatch(r"--> sweep\n    FAILED after \d+\.\d s\n", capsys.readouterr().out)


def test_every_type_of_the_templates_is_looked_for() -> None:
    """What a stack makes has a list in infra/acceptance/traces.py, or says why not; some templates are code."""
    templates = [*ROOT.glob("infra/*.yaml"), *ROOT.glob("infra/*.py")]
    types = {found for path in templates for found in re.findall(r"AWS::\w+::\w+", path.read_text())}
    assert {"AWS::S3::Bucket", "AWS::IAM::Role"} <= types
    assert types <= traces.LISTS.keys() | traces.ELSEWHERE.keys()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("halftone-x", True),
        ("halftone-x-source-123456789012-eu-west-1", True),
        ("arn:aws:sns:eu-west-1:123456789012:halftone-x-completions:1", True),
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/halftone-x-failed", True),
        ("/halftone/x/deploying", True),
        ("/halftone-x/webhook-secret", True),
        ("halftone-xy", False),
        ("halftone-x-eu", False),
        ("halftone-x-eu-images", False),
        ("their-halftone-x", False),
        ("x", False),
    ],
)
def test_names_tell_the_stage(name: str, *, expected: bool) -> None:
    assert traces.is_of("x", {"x-eu"}, name) is expected


def test_examples() -> None:
    assert doctest.testmod(traces).failed == 0


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with something new in it, something ignored, and something deleted."""
    root = tmp_path / "checkout"
    for name, text in {".gitignore": "deployed/\n", "app.py": "", "new/one.py": "", "gone.py": ""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(clones, "ROOT", root)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    subprocess.run(["git", "add", "app.py", "gone.py"], cwd=root, check=True)
    (root / "gone.py").unlink()
    (root / ".chalice" / "deployed").mkdir(parents=True)
    (root / ".chalice" / "deployed" / "x.json").write_text("{}")
    return root


@pytest.mark.usefixtures("checkout")
def test_a_fresh_clone_has_what_a_commit_would_have(tmp_path: Path) -> None:
    clone = clones.fresh(tmp_path / "clones")
    assert {str(path.relative_to(clone)) for path in clone.rglob("*") if path.is_file()} == {
        ".gitignore",
        "app.py",
        "new/one.py",
    }
    assert clones.fresh(tmp_path / "clones") != clone


def test_outside_of_git_there_is_no_fresh_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clones, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(DeployError, match="expected a checkout of git"):
        clones.fresh(tmp_path / "clones")


def test_a_clone_gets_what_is_committed_after_a_deployment(tmp_path: Path) -> None:
    for clone, files in {"first": ("config.json", "deployed/x.json"), "second": ("config.json",)}.items():
        for name in files:
            path = tmp_path / clone / ".chalice" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"of": clone}))
    clones.commit(tmp_path / "first", tmp_path / "second")
    found = {path.name: json.loads(path.read_text()) for path in (tmp_path / "second").rglob("*.json")}
    assert found == {"config.json": {"of": "first"}}


def test_the_url_of_the_api_is_what_chalice_prints() -> None:
    said = "    - Rest API URL: https://abc.execute-api.eu-west-1.amazonaws.com/api/\n"
    assert clones.api_url(said) == "https://abc.execute-api.eu-west-1.amazonaws.com/api"
    with pytest.raises(DeployError, match="expected chalice deploy to print the URL"):
        clones.api_url("")


def stage_at(url: str) -> Ground:
    nowhere: Any = SimpleNamespace()
    variables = {"SOURCE_BUCKET": "source"}
    return Ground(place=nowhere, stage="x", variables=variables, url=url, key="a.jpg", picture=b"", other=b"")


def answering(monkeypatch: pytest.MonkeyPatch, *answers: tuple[int, Any]) -> Ground:
    """A stage whose API gives these answers, one after the other, and the last one for ever."""
    left = list(answers)
    monkeypatch.setattr(Ground, "ask", lambda *_: left.pop(0) if len(left) > 1 else left[0])
    monkeypatch.setattr(ground, "POLL", 0)
    monkeypatch.setattr(ground, "PATIENCE", 0)
    return stage_at("")


def patiently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "PATIENCE", 60)


def ready(**more: Any) -> tuple[int, Any]:
    return 200, {"status": "ready", "error": None, "variants": [], "generation": 1} | more


FAULTS: dict[str, tuple[Callable[[Ground], Any], list[tuple[int, Any]], str]] = {
    "a wrong status": (trials.ask_for_health, [(500, {"code": "internal_error"})], "expected 200, got 500"),
    "another health": (trials.ask_for_health, [(200, {"status": "ill"})], "the health: expected ok, got ill"),
    "always busy": (trials.ask_for_health, [(503, {})], "expected another answer than 503 to GET /health within"),
    "no record": (lambda it: it.record("a record", lambda _: True), [(404, {})], "expected a record within"),
    "a picture that fails": (
        lambda it: it.record("a record", lambda _: True),
        [(200, {"status": "failed", "error": "corrupt_image"})],
        "expected a record, and the picture failed: corrupt_image",
    ),
    "no such variant": (trials.resize, [ready()], "its variants of width 24: expected 1, got 0"),
    "a workflow that fails": (
        trials.run_workflow,
        [(202, {"execution_id": "e"}), (200, {"status": "FAILED", "error": "corrupt_image"})],
        r"the end of the workflow \(corrupt_image\): expected SUCCEEDED, got FAILED",
    ),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_is_told_with_what_was_expected(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    do, answers, told = FAULTS[what]
    with pytest.raises(DeployError, match=told):
        do(answering(monkeypatch, *answers))


def test_503_asks_to_be_called_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = answering(monkeypatch, (503, {}), (503, {}), (200, {"status": "ok"}))
    patiently(monkeypatch)
    trials.ask_for_health(stage)


class Busy(BaseHTTPRequestHandler):
    """An API that says when to come again, and one path where it has no JSON."""

    calls = 0

    def do_GET(self) -> None:
        Busy.calls += 1
        self.send_response(503 if self.path == "/busy" else 200)
        self.send_header("Retry-After", "2")
        self.end_headers()
        self.wfile.write(b"{}" if self.path == "/busy" else b"<html>")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def busy() -> Iterator[Ground]:
    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        Thread(target=server.serve_forever).start()
        yield stage_at(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


def test_the_api_is_called_once(busy: Ground) -> None:
    assert busy.ask("GET", "/busy") == (503, {})
    assert Busy.calls == 1
    with pytest.raises(DeployError, match="GET /: expected JSON, got b'<html>'"):
        busy.ask("GET", "/")


def test_no_answer_is_503() -> None:
    status, reason = stage_at("http://127.0.0.1:1").ask("GET", "/health")
    assert status == 503
    assert "refused" in reason
