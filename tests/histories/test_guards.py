"""No guard of the protocol is there for nothing: without it, some history ends badly."""

import pytest

from tests.histories.__main__ import without
from tests.histories.guards import GUARDS


@pytest.mark.parametrize("guard", GUARDS)
def test_without_a_guard_some_history_ends_badly(guard):
    assert without(guard, histories=2000, first=0) is not None
