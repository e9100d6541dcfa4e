"""The goals that the project set itself, each with what was measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.engines import FLOOR, HALFTONE, SHARP, SHARP_PYRAMID
from bench.results import Cell, Results, mean_ratio, ratios

Pairs = Sequence[tuple[Cell, Cell]]
SPEED_SOURCES = {"jpeg", "png", "webp"}
MEMORY_SOURCES = {"jpeg", "png"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """`measured` in words; `reached` is None where this run cannot tell."""

    text: str
    measured: str
    reached: bool | None


def goals(results: Results) -> tuple[Goal, ...]:
    """All goals: speed, memory and fidelity of JPEG variants, then AVIF. Comparisons are strict, without tolerance."""
    sharp = results.pairs(HALFTONE.name, SHARP.name)
    pyramid = results.pairs(HALFTONE.name, SHARP_PYRAMID.name)
    floor = results.pairs(HALFTONE.name, FLOOR.name)
    to_jpeg = [pair for pair in sharp if pair[0].output == "jpeg"]
    to_avif = [pair for pair in sharp if pair[0].output == "avif"]
    return (
        _mean("CPU, geometric mean, at most 0.40x sharp's pipeline per variant", _fast(sharp), 0.40),
        _mean("CPU, geometric mean, at most 0.75x sharp's pyramid by hand", _fast(pyramid), 0.75),
        worst(
            "peak memory at most 0.40x sharp's, JPEG and PNG sources",
            [pair for pair in to_jpeg if pair[0].source_format in MEMORY_SOURCES],
            lambda cell: cell.peak,
            0.40,
        ),
        _at_least("SSIM of the resized pixels at least 0.99", results, 0.99),
        no_lower("SSIM of the resized pixels no lower than sharp's", sharp, lambda cell: cell.resized_ssim),
        no_lower("SSIM of the JPEG files no lower than sharp's", to_jpeg, lambda cell: cell.ssim),
        worst("CPU at most 1.5x the floor, decode and encode alone", floor, lambda cell: cell.cpu, 1.5),
        worst("AVIF: CPU at most 0.15x sharp's default", to_avif, lambda cell: cell.cpu, 0.15),
        no_lower("AVIF: SSIMULACRA2 no lower than sharp's default", to_avif, lambda cell: cell.ssimulacra2),
        worst("AVIF: at most 1.10x the bytes of sharp's default", to_avif, lambda cell: sum(cell.bytes), 1.10),
    )


def _fast(pairs: Pairs) -> Pairs:
    """The cells that the speed goals speak of: JPEG variants of JPEG, PNG and WebP sources."""
    return [pair for pair in pairs if pair[0].output == "jpeg" and pair[0].source_format in SPEED_SOURCES]


def _mean(text: str, pairs: Pairs, bound: float) -> Goal:
    if not pairs:
        return _unknown(text)
    mean = mean_ratio(pairs, lambda cell: cell.cpu)
    each = ratios(pairs, lambda cell: cell.cpu)
    return Goal(text=text, measured=f"{mean:.2f}x ({min(each):.2f} to {max(each):.2f})", reached=mean <= bound)


def worst(text: str, pairs: Pairs, value: Callable[[Cell], float], bound: float) -> Goal:
    """Reached when every cell keeps the bound; the geometric mean is told beside the worst."""
    if not pairs:
        return _unknown(text)
    worst, case = max(zip(ratios(pairs, value), (mine.case for mine, _ in pairs), strict=True))
    mean = mean_ratio(pairs, value)
    return Goal(text=text, measured=f"worst {worst:.2f}x ({case}), mean {mean:.2f}x", reached=worst <= bound)


def _at_least(text: str, results: Results, bound: float) -> Goal:
    cells = [cell for cell in results.cells if cell.engine == HALFTONE.name and cell.resized_ssim]
    if not cells:
        return _unknown(text)
    lowest, where = min(
        (score, f"{cell.case}, {side} px")
        for cell in cells
        for side, score in zip(results.sides, cell.resized_ssim, strict=True)
    )
    return Goal(text=text, measured=f"lowest {lowest:.4f} ({where})", reached=lowest >= bound)


def no_lower(text: str, pairs: Pairs, scores: Callable[[Cell], tuple[float, ...]]) -> Goal:
    """Reached when no variant of any case scores lower than the other engine's."""
    margins = [
        (mine - theirs, pair[0].case)
        for pair in pairs
        for mine, theirs in zip(scores(pair[0]), scores(pair[1]), strict=True)
    ]
    if not margins:
        return _unknown(text)
    lower = sum(margin < 0 for margin, _ in margins)
    worst, case = min(margins)
    measured = f"lower in {lower} of {len(margins)}, worst margin {worst:+.4f} ({case})"
    return Goal(text=text, measured=measured, reached=not lower)


def _unknown(text: str) -> Goal:
    return Goal(text=text, measured="not in this run", reached=None)
