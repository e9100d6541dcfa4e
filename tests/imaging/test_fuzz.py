"""A short run of the fuzz harness, the same files every time; `python -m tests.imaging.fuzz` runs for longer."""

from itertools import islice

import pytest

from chalicelib import errors
from chalicelib.errors import CorruptImage
from chalicelib.imaging.boundary import UNFORESEEN
from chalicelib.imaging.metadata import exif
from chalicelib.imaging.render import render
from tests.imaging import fuzz

FILES = 1500

CODES = {"ok", *(error.code for error in vars(errors).values() if isinstance(error, type) and hasattr(error, "code"))}


@pytest.mark.filterwarnings("error")
def test_only_named_errors_come_out():
    """Nor does any file take longer than 10 s or more than 1 GB, at the default limits."""
    ended = [fuzz.guarded(data) for _, data in islice(fuzz.mutants(seed=0), FILES)]
    assert [problem for problem, _ in ended if problem] == []
    outcomes = [outcome for _, outcome in ended]
    assert set(outcomes) <= CODES
    assert outcomes.count("corrupt_image") > FILES / 4
    assert outcomes.count("ok") > FILES / 50


def test_what_has_no_name_is_named_by_renders_last_resort_and_found_by_the_harness(monkeypatch):
    def describe(_):
        return {}["a gap"]

    monkeypatch.setattr(exif, "described", describe)
    data = fuzz.seeds()["jpeg"]
    with pytest.raises(CorruptImage, match=UNFORESEEN):
        render(data, [])
    assert fuzz.guarded(data)[0] == "KeyError left render: 'a gap'"


def test_the_files_that_are_mutated_are_sound():
    assert {name: fuzz.attempt(data) for name, data in fuzz.seeds().items()} == dict.fromkeys(fuzz.seeds(), "ok")


def test_a_seed_makes_the_same_files():
    one, other = (list(islice(fuzz.mutants(seed=5), 20)) for _ in range(2))
    assert one == other
