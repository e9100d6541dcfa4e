"""The results as text: the goals first, then ratios, then what they are made of."""

from collections.abc import Callable, Sequence

from bench import singles
from bench.engines import ENGINES, FLOOR, HALFTONE, SHARP, SHARP_PYRAMID
from bench.goals import goals
from bench.results import Cell, Results
from bench.table import NOTHING, table

VERDICTS = {True: "reached", False: "NOT REACHED", None: "unknown"}

Value = Callable[[Cell], float]

_RATIOS: tuple[tuple[str, str, Value], ...] = (
    ("CPU/sharp", SHARP.name, lambda cell: cell.cpu),
    ("CPU/sharp pyramid", SHARP_PYRAMID.name, lambda cell: cell.cpu),
    ("CPU/floor", FLOOR.name, lambda cell: cell.cpu),
    ("memory/sharp", SHARP.name, lambda cell: cell.peak),
    ("bytes/sharp", SHARP.name, lambda cell: sum(cell.bytes)),
)
_DETAILS: tuple[tuple[str, Callable[[Cell], str]], ...] = (
    ("CPU of one image, ms: user and system, all threads, median", lambda cell: f"{cell.cpu:.0f}"),
    (
        "Peak memory, MiB, with the interpreter (above a bare one)",
        lambda cell: f"{cell.peak:.0f} ({cell.above_idle:.0f})",
    ),
    ("SSIM of the resized pixels, worst variant", lambda cell: _worst(cell.resized_ssim, 4)),
    ("SSIM of the files, worst variant", lambda cell: _worst(cell.ssim, 4)),
    ("SSIMULACRA2 of the files, worst variant", lambda cell: _worst(cell.ssimulacra2, 1)),
    ("Bytes of all variants, KiB", lambda cell: f"{sum(cell.bytes) / 1024:.0f}"),
)


def report(results: Results) -> str:
    """The whole text, ending in what ran where and what was left out."""
    reached = (*goals(results), *singles.goals(results))
    verdicts = [(goal.text, goal.measured, VERDICTS[goal.reached]) for goal in reached]
    sections = [
        ("Goals", table(("", "measured", ""), verdicts)),
        ("Halftone as a share of the others; less is better", _ratio_table(results)),
        *([("One variant of its own", singles.text(results))] if results.singles else []),
        *((title, _engine_table(results, text)) for title, text in _DETAILS),
        ("This run", "\n".join([*(f"{name}: {value}" for name, value in results.about.items()), *results.notes])),
    ]
    return "\n".join(f"{title}\n{'-' * len(title)}\n{text}\n" for title, text in sections)


def _ratio_table(results: Results) -> str:
    header = ("", *(title for title, _, _ in _RATIOS))
    rows = [(case, *(_ratio(results, case, other, value) for _, other, value in _RATIOS)) for case in results.cases]
    return table(header, rows)


def _ratio(results: Results, case: str, other: str, value: Value) -> str:
    mine, theirs = results.cell(case, HALFTONE.name), results.cell(case, other)
    return f"{value(mine) / value(theirs):.2f}" if mine and theirs else NOTHING


def _engine_table(results: Results, text: Callable[[Cell], str]) -> str:
    engines = [engine for engine in ENGINES if engine.name in results.engines]
    rows = [(case, *(_entry(results.cell(case, engine.name), text) for engine in engines)) for case in results.cases]
    return table(("", *(engine.title for engine in engines)), rows)


def _entry(cell: Cell | None, text: Callable[[Cell], str]) -> str:
    return text(cell) if cell else NOTHING


def _worst(scores: Sequence[float], digits: int) -> str:
    return f"{min(scores):.{digits}f}" if scores else NOTHING
