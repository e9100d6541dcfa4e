import pytest

from chalicelib.errors import CompletionsUnavailable
from chalicelib.usecases.fan_out import fan_out
from tests.test_notices import completion


class Target:
    def __init__(self, name, error=None):
        self.name = name
        self.error = error
        self.received = []

    def deliver(self, delivered):
        self.received.append(delivered)
        if self.error:
            raise self.error


def test_each_target_hears_of_each_completion():
    targets = [Target("one"), Target("two")]
    fan_out([completion(), completion()], targets)
    assert [len(target.received) for target in targets] == [2, 2]


def test_one_target_that_fails_does_not_keep_the_others_from_hearing():
    targets = [Target("one", RuntimeError("broken")), Target("two"), Target("three", ValueError("worse"))]
    with pytest.raises(CompletionsUnavailable, match=r"not delivered to one, three$"):
        fan_out([completion()], targets)
    assert [len(target.received) for target in targets] == [1, 1, 1]
