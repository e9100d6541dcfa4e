"""No guard of the protocol is there for nothing: without it, some history ends badly.

The seeds are those that `make histories ARGS='--without GUARD'` finds; a change of the histories wants new ones.
"""

import pytest

from tests.histories.__main__ import without
from tests.histories.guards import GUARDS

SEEDS = {
    "margin": 314,
    "note": 46,
    "note to our own delivery": 2957,
    "note for the sweep": 3,
    "epoch": 72,
    "waiting for another pipeline": 113,
    "redo": 4,
    "announcing again": 43,
    "owed": 2592,
    "sweep": 0,
    "deaths": 53,
    "possible locations": 4,
    "claims": 48,
    "in flight": 811,
    "tries without an answer": 1315,
    "right padding": 61,
    "if nothing is there": 17,
    "owner": 2,
    "removing what was seen": 2462,
    "waiting for the replacer": 19,
    "replaced": 0,
}


def test_every_guard_has_its_seed():
    assert set(SEEDS) == set(GUARDS)


@pytest.mark.parametrize("guard", GUARDS)
def test_without_a_guard_some_history_ends_badly(guard):
    assert without(guard, histories=1, first=SEEDS[guard]) is not None
