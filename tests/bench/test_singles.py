"""Cases of one variant: which there are, and what is said of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench import singles
from tests.bench.cells import cell, results

UNSCORED = {"ssim": (), "ssimulacra2": (), "resized_ssim": ()}


def run_of(*cells):
    return replace(results(), singles=cells)


def test_each_case_has_one_side_and_a_name_of_its_own():
    found = singles.standard(Path("sources"))
    assert {len(case.sides) for case in found} == {1}
    assert len({case.name for case in found}) == len(found)
    assert {case.source_format for case in found} == {"jpeg", "png", "webp"}
    assert singles.quick(found)


def test_what_has_odd_sides_is_shrunk_by_a_factor_that_divides_neither():
    odd = [case for case in singles.standard(Path("sources")) if case.name.startswith("odd-")]
    assert odd
    assert all(side % 2 for case in odd for side in case.picture.size)


@pytest.mark.parametrize(("sharp", "reached"), [(50.0, True), (49.0, False)])
def test_the_usual_size_may_cost_what_sharp_takes(sharp, reached):
    run = run_of(
        cell("a to 720", "halftone", 50.0),
        cell("a to 720", "sharp", sharp),
        cell("a to 128", "halftone", 90.0),
        cell("a to 128", "sharp", 10.0),
    )
    goal = singles.goals(run)[0]
    assert goal.reached is reached
    assert "a to 720" in goal.measured


@pytest.mark.parametrize(("alone", "reached"), [(50.0, True), (49.0, False)])
def test_the_usual_size_may_cost_a_fifth_more_than_decoding(alone, reached):
    run = run_of(cell("a to 720", "halftone", 60.0), cell("a to 720", "decoder", alone, **UNSCORED))
    assert singles.goals(run)[1].reached is reached


def test_the_table_says_what_is_known():
    run = run_of(
        cell("a to 720", "halftone", 60.0, resized_ssim=(0.9951,)),
        cell("a to 720", "decoder", 50.0, **UNSCORED),
        cell("b to 720", "halftone", 30.0, resized_ssim=(0.9962,)),
        cell("b to 720", "sharp", 40.0, resized_ssim=(0.9941,)),
    )
    _, first, second = singles.text(run).splitlines()
    assert first.split() == ["a", "to", "720", "60.0", "-", "50.0", "-", "1.20", "50", "-", "0.9951", "-"]
    assert second.split() == ["b", "to", "720", "30.0", "40.0", "-", "0.75", "-", "50", "50", "0.9962", "0.9941"]
