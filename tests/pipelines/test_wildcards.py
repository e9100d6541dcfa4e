import doctest
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.pipelines import wildcards
from chalicelib.pipelines.wildcards import Wildcard, overlap

ANYTHING, NO_SLASH = Wildcard
TEXTS = ["".join(text) for length in range(7) for text in product("a/", repeat=length)]
PATTERNS = st.lists(st.sampled_from(["a", "/", ANYTHING, NO_SLASH]), max_size=3).map(tuple)
"""Two patterns of three have a text in common of at most six characters, or none."""


def matches(pattern, text):
    """Try every length of every wildcard."""
    if not pattern:
        return not text
    first, *rest = pattern
    if isinstance(first, Wildcard):
        fitting = (end for end in range(len(text) + 1) if first is ANYTHING or "/" not in text[:end])
        return any(matches(rest, text[end:]) for end in fitting)
    return text[:1] == first and matches(rest, text[1:])


def test_the_docstring_says_true():
    assert doctest.testmod(wildcards).failed == 0


@given(PATTERNS, PATTERNS)
def test_patterns_overlap_where_a_text_matches_both(one, other):
    assert overlap(one, other) == any(matches(one, text) and matches(other, text) for text in TEXTS)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((), (), True),
        ((), ("a",), False),
        ((NO_SLASH,), (), True),
        ((ANYTHING,), ("t", "/", ANYTHING), True),
        ((NO_SLASH,), ("t", "/", ANYTHING), False),
        (("a", "/", ANYTHING), (NO_SLASH, "/", "b"), True),
        (("a", "/", ANYTHING), (NO_SLASH, "b"), False),
        ((ANYTHING, ".", "j"), (ANYTHING, ".", "p"), False),
    ],
)
def test_overlaps(one, other, expected):
    assert overlap(one, other) is overlap(other, one) is expected


def test_long_patterns_are_no_matter():
    long = (ANYTHING, *"a" * 100) * 3
    assert overlap(long, long)
    assert not overlap((*long, "b"), (*long, "c"))
