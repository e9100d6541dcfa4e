"""Scores the variants that the engines left behind, on all cores: nothing is measured any more."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from bench import fidelity
from bench.cases import Case
from bench.engines import UNSCORED
from bench.results import Cell
from bench.runner import variant_path


def score(
    cells: Sequence[Cell], cases: Sequence[Case], folder: Path, advance: Callable[[str], None]
) -> tuple[Cell, ...]:
    """The same cells with their scores; `advance` is told of each cell that is done. UNSCORED have none."""
    named = {case.name: case for case in cases}
    unscored = {engine.name for engine in UNSCORED}
    with ProcessPoolExecutor() as pool:
        waiting = [
            cell if cell.engine in unscored else pool.submit(_scored, cell, named[cell.case], folder) for cell in cells
        ]
        scored = []
        for item in waiting:
            cell = item if isinstance(item, Cell) else item.result()
            advance(f"{cell.case}: scores of {cell.engine}")
            scored.append(cell)
    return tuple(scored)


def _scored(cell: Cell, case: Case, folder: Path) -> Cell:
    files = [variant_path(folder, case.name, cell.engine, side, cell.output) for side in case.sides]
    lossless = [variant_path(folder, case.name, cell.engine, side, "png") for side in case.sides]
    scores = [fidelity.scores(case.source, file) for file in files]
    return replace(
        cell,
        ssim=tuple(one.ssim for one in scores),
        ssimulacra2=tuple(one.ssimulacra2 for one in scores if one.ssimulacra2 is not None),
        resized_ssim=tuple(fidelity.ssim_score(case.source, file) for file in lossless),
    )
