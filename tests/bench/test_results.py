"""The arithmetic behind the benchmark's report, on made-up cells."""

import json
from dataclasses import replace

import pytest

from bench.chart import svg
from bench.report import report
from bench.results import mean_ratio, ratios
from bench.table import table
from tests.bench.cells import cell, results

UNSCORED = {"ssim": (), "ssimulacra2": (), "resized_ssim": ()}


def test_medians_keep_one_disturbed_repeat_from_counting():
    disturbed = replace(cell("a", "halftone"), cpu_ms=(10.0, 500.0, 11.0), idle_kib=2048, peak_kib=(4096, 6144, 40960))

    assert disturbed.cpu == 11.0
    assert disturbed.peak == 6.0
    assert disturbed.above_idle == 4.0


def test_a_half_and_a_double_cancel_in_the_mean():
    pairs = [(cell("a", "halftone", 10), cell("a", "sharp", 20)), (cell("b", "halftone", 40), cell("b", "sharp", 20))]

    assert ratios(pairs, lambda one: one.cpu) == (0.5, 2.0)
    assert mean_ratio(pairs, lambda one: one.cpu) == pytest.approx(1.0)


def test_pairs_are_of_the_cases_that_both_engines_ran():
    found = results(cell("a", "halftone"), cell("b", "halftone"), cell("b", "sharp"))

    assert [(mine.case, theirs.engine) for mine, theirs in found.pairs("halftone", "sharp")] == [("b", "sharp")]


def test_results_survive_json():
    stored = json.loads(results(cell("a", "halftone", 12.5)).to_json())

    assert stored["cells"][0]["cpu_ms"] == [12.5, 12.5, 12.5]
    assert stored["sides"] == [128, 640]


def test_a_table_aligns_its_columns():
    assert table(("", "x"), [("long name", "1"), ("b", "22")]) == "           x\nlong name  1\nb          22"


def test_a_report_without_sharp_says_so_and_compares_with_the_rest():
    text = report(results(cell("a", "halftone", 15), cell("a", "floor", 10, **UNSCORED)))

    assert "sharp is left out: no node" in text
    shares = next(line.split() for line in text.splitlines() if line.startswith("a  "))
    assert shares == ["a", "-", "-", "1.50", "-", "-"]


def test_a_chart_cuts_off_the_textbook_loop_with_an_arrow_and_nothing_else():
    drawn = svg(results(cell("a", "halftone", 10), cell("a", "sharp", 40), cell("a", "textbook", 900)))

    assert ">900 →<" in drawn
    assert drawn.count("→") == 1
    assert ">40<" in drawn
