"""A run of chaos ends badly when it disturbed nothing, and when its own killing went wrong."""

import subprocess
import sys
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from localcloud import chaos
from localcloud.chaos import Played
from tests.cloud import eventually
from tests.test_notices import completion


def test_a_worker_that_has_just_ended_stops_no_killing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "KILL_EVERY", 0.001)
    with subprocess.Popen(["true"]) as gone, subprocess.Popen(["sleep", "60"]) as alive:
        gone.wait()
        looks = iter([gone.pid, gone.pid, alive.pid])
        stage: Any = SimpleNamespace(workers=lambda: [pid] if (pid := next(looks, None)) else [])
        played = Played()
        with chaos.killing(stage, Random(1), played):
            eventually(lambda: alive.poll() is not None)
        assert played.counts == {"workers killed": 1}


def said(key: str, **changes: Any) -> Any:
    return completion(key=key, **changes)


def test_announcements_are_counted_by_key() -> None:
    played = Played(keys={"a", "b", "c"}, completions=[said("a"), said("b"), said("b")])
    assert chaos.not_once(played) == ["b: announced 2 times", "c: announced 0 times"]
    assert chaos.repeated(played) == 1


@pytest.mark.parametrize(
    ("arguments", "missing"), [((), "no workers killed"), (("--outages", "1"), "no calls refused")]
)
def test_a_run_that_disturbed_nothing_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], missing: str
) -> None:
    for name in ("disturb", "outlive_outages", "come_to_rest"):
        monkeypatch.setattr(chaos, name, lambda *_, **__: None)
    monkeypatch.setattr(chaos, "here", lambda: SimpleNamespace(variants=dict))
    monkeypatch.setattr(sys, "argv", ["chaos", *arguments])
    with pytest.raises(SystemExit, match="1 violations"):
        chaos.main()
    assert missing in capsys.readouterr().out
