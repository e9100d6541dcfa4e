"""The invocation that Lambda's context stands for."""

import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from chalicelib import wiring
from chalicelib.errors import TimeIsUp
from chalicelib.renderer.guard import child_memory


def context(milliseconds=60_000):
    return SimpleNamespace(aws_request_id="request", get_remaining_time_in_millis=lambda: milliseconds)


def test_retries_share_the_delivery_and_nothing_else():
    first, retry = wiring.call(context()).attempt, wiring.call(context()).attempt
    assert first.delivery == retry.delivery == "request"
    assert first.nonce != retry.nonce
    assert wiring.call(context(), "redriven").attempt.delivery == "redriven"


def test_an_attempt_lasts_until_lambda_ends_it():
    assert 0 <= wiring.call(context()).attempt.until - (time.time() + 60) <= 1


def test_a_fair_share_is_of_the_time_that_there_is():
    assert wiring.call(context()).fair_seconds == pytest.approx(0.9 * 58)


def test_the_checkpoint_says_when_time_is_nearly_up():
    wiring.call(context(wiring.MARGIN_MS)).checkpoint()
    with pytest.raises(TimeIsUp):
        wiring.call(context(wiring.MARGIN_MS - 1)).checkpoint()


def test_an_attempt_knows_when_it_began():
    assert 0 <= time.time() * 1000 - wiring.call(context()).attempt.began < 10_000


def test_only_what_renders_starts_a_process(stage, monkeypatch):
    started = []
    monkeypatch.setattr(wiring.renderer(), "start", lambda: started.append("now"))
    wiring.halftone()
    assert started == []
    assert wiring.rendering() is wiring.halftone()
    assert started == ["now"]
    assert stage.halftone is wiring.halftone()


@pytest.mark.usefixtures("environment")
def test_the_process_has_the_functions_memory_but_for_what_is_needed_beside_it(monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
    wiring.renderer.cache_clear()
    memory = wiring.renderer()._memory  # noqa: SLF001
    wiring.renderer.cache_clear()
    assert memory == child_memory(1024)


def test_the_app_leaves_pillow_to_that_process():
    program = "import sys, app; sys.exit('PIL' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
