"""The invocation that Lambda's context stands for."""

import time
from types import SimpleNamespace

import pytest

from chalicelib import wiring
from chalicelib.errors import TimeIsUp


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
