"""The proof: whatever happens to uploads, events, workers and calls, in the end everything is as it should be.

A few histories of each kind; `make histories N=10000` plays more.
"""

import pytest

from tests.histories.history import KINDS, WORK, play


@pytest.mark.parametrize("first", range(0, 200, 25))
@pytest.mark.parametrize("kind", KINDS)
def test_every_history_ends_well(kind, first):
    for seed in range(first, first + 25):
        play(seed, kind)


def test_no_more_is_rendered_and_written_than_changes():
    WORK.clear()
    for seed in range(40):
        play(seed, "calm")
    assert WORK["renders"] < 0.5 * WORK["changes"]
    assert WORK["puts"] < WORK["changes"]
