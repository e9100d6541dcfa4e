"""Which cells each goal of the benchmark counts, and when it is reached."""

from bench.goals import goals
from tests.bench.cells import cell, results


def verdict(text, *cells):
    (goal,) = (goal for goal in goals(results(*cells)) if text in goal.text)
    return goal.reached


def test_speed_is_the_mean_over_jpeg_png_and_webp_sources_with_jpeg_variants():
    fast = [cell("a", "halftone", 20), cell("a", "sharp", 100), cell("b", "halftone", 70), cell("b", "sharp", 100)]
    avif_source = [cell("c", engine, cpu, source_format="avif") for engine, cpu in (("halftone", 900), ("sharp", 1))]
    avif_output = [cell("d", engine, cpu, output="avif") for engine, cpu in (("halftone", 900), ("sharp", 1))]

    assert verdict("0.40x sharp's pipeline", *fast, *avif_source, *avif_output) is True
    assert verdict("0.40x sharp's pipeline", *fast[2:]) is False


def test_memory_is_the_worst_jpeg_or_png_cell():
    good = [cell("a", "halftone", peak=30), cell("a", "sharp", peak=100)]
    bad = [cell("b", engine, peak=peak, source_format="png") for engine, peak in (("halftone", 41), ("sharp", 100))]
    webp = [cell("c", engine, peak=peak, source_format="webp") for engine, peak in (("halftone", 99), ("sharp", 1))]

    assert verdict("peak memory", *good, *webp) is True
    assert verdict("peak memory", *good, *bad) is False


def test_one_variant_below_sharp_in_one_case_is_enough_to_miss_fidelity():
    same = [cell("a", "halftone"), cell("a", "sharp")]
    lower = [cell("b", "halftone", resized_ssim=(0.995, 0.9969)), cell("b", "sharp")]

    assert verdict("resized pixels no lower", *same) is True
    assert verdict("resized pixels no lower", *same, *lower) is False


def test_the_least_similar_variant_must_reach_the_bound_with_or_without_sharp():
    assert verdict("at least 0.99", cell("a", "halftone", resized_ssim=(0.99, 1.0))) is True
    assert verdict("at least 0.99", cell("a", "halftone", resized_ssim=(0.9899, 1.0))) is False


def test_avif_may_cost_a_tenth_more_bytes_than_sharps():
    sharp = cell("a", "sharp", output="avif", bytes=(1000, 0))

    assert verdict("AVIF: at most 1.10x", cell("a", "halftone", output="avif", bytes=(900, 200)), sharp) is True
    assert verdict("AVIF: at most 1.10x", cell("a", "halftone", output="avif", bytes=(901, 200)), sharp) is False


def test_a_goal_that_the_run_did_not_measure_is_neither_reached_nor_missed():
    assert {goal.reached for goal in goals(results())} == {None}
