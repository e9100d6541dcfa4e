"""Patterns of characters and wildcards, and whether two of them have a text in common."""

from collections.abc import Iterator
from enum import Enum


class Wildcard(Enum):
    """What stands for any text, which may be empty."""

    ANYTHING = "with or without slashes"
    NO_SLASH = "without a slash"

    def takes(self, character: str) -> bool:
        return self is Wildcard.ANYTHING or character != "/"


Pattern = tuple[str | Wildcard, ...]
"""Single characters and wildcards, in order."""


def overlap(one: Pattern, other: Pattern) -> bool:
    """Tell whether any text matches both patterns.

    It follows a text through both at once: a position is how far each pattern has been matched, and none is looked at
    twice.

    >>> overlap((Wildcard.ANYTHING,), ("a", "/", "b")), overlap((Wildcard.NO_SLASH,), ("a", "/", "b"))
    (True, False)
    """
    seen = set()
    waiting = [(0, 0)]
    while waiting:
        position = waiting.pop()
        if position == (len(one), len(other)):
            return True
        if position not in seen:
            seen.add(position)
            waiting.extend(_further(one, other, position))
    return False


def _further(one: Pattern, other: Pattern, position: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """List the positions after one character, or at the end of a wildcard."""
    first, second = position
    left = one[first] if first < len(one) else None
    right = other[second] if second < len(other) else None
    if isinstance(left, Wildcard):
        yield first + 1, second
        if isinstance(right, str) and left.takes(right):
            yield first, second + 1
    if isinstance(right, Wildcard):
        yield first, second + 1
        if isinstance(left, str) and right.takes(left):
            yield first + 1, second
    if isinstance(left, str) and left == right:
        yield first + 1, second + 1
