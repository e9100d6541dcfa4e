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


class Sweeping:
    """A stage with images that are unfinished, and its clock: what is due is finished by a sweep, unless it is stuck.

    `failing` events are in the failed queue after a sweep.
    """

    def __init__(self, *dues: float, stuck: bool = False, failing: int = 0) -> None:
        self.now, self.dues, self.stuck, self.failing = 1000.0, dues, stuck, failing
        self.swept: list[float] = []
        self.failed = 0

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def unfinished(self) -> list[float]:
        return list(self.dues)

    def sweep(self) -> None:
        assert any(due <= self.now for due in self.dues), "there is nothing to do"
        self.swept.append(self.now)
        self.failed, self.failing = self.failing, 0
        if not self.stuck and not self.failed:
            self.dues = tuple(due for due in self.dues if due > self.now)

    def redriven(self, _stage: Any) -> int:
        count, self.failed = self.failed, 0
        return count

    def rest(self, _look: Any) -> None:
        self.now += 1

    def completions(self) -> list[Any]:
        return [said("a")]


def rest(monkeypatch: pytest.MonkeyPatch, stage: Any) -> tuple[list[str], Played]:
    monkeypatch.setattr(chaos, "time", stage)
    monkeypatch.setattr(chaos, "_redriven", stage.redriven)
    played = Played()
    return chaos.come_to_rest(stage, played), played


def test_without_anything_unfinished_nothing_is_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Sweeping()
    found, played = rest(monkeypatch, stage)
    assert (found, stage.swept, played.counts["announcements"]) == ([], [], 1)


def test_what_dead_workers_left_is_swept_as_soon_as_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Sweeping(1030, 1090)
    assert rest(monkeypatch, stage)[0] == []
    assert [round(moment) for moment in stage.swept] == [1030, 1090]


def test_what_fails_in_a_sweep_is_redriven_and_swept_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Sweeping(900, failing=2)
    found, played = rest(monkeypatch, stage)
    assert (found, len(stage.swept), played.counts["events redriven"]) == ([], 2, 2)


def test_what_no_sweep_finishes_is_a_violation_after_a_quarter_of_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Sweeping(900, 2_000_000, stuck=True)
    assert rest(monkeypatch, stage)[0] == ["2 images are unfinished after 900 s of sweeping"]
    assert 1000 + 900 - 2 < stage.swept[-1] <= 1000 + 900


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
        monkeypatch.setattr(chaos, name, lambda *_, **__: [])
    monkeypatch.setattr(chaos, "here", lambda: SimpleNamespace(variants=dict, leased=list, limit=lambda _: None))
    monkeypatch.setattr(sys, "argv", ["chaos", *arguments])
    with pytest.raises(SystemExit, match="1 violations"):
        chaos.main()
    assert missing in capsys.readouterr().out
