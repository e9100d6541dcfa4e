"""Scores the variants that the engines left behind, on all cores: nothing is measured any more."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from bench import fidelity
from bench.cases import SIDES, Case
from bench.engines import FLOOR
from bench.results import Cell
from bench.runner import variant_path


def score(
    cells: Sequence[Cell], cases: Sequence[Case], folder: Path, advance: Callable[[str], None]
) -> tuple[Cell, ...]:
    """The same cells with their scores; `advance` is told of each cell that is done. The floor resizes nothing."""
    sources = {case.name: case.source for case in cases}
    with ProcessPoolExecutor() as pool:
        waiting = [
            cell if cell.engine == FLOOR.name else pool.submit(_scored, cell, sources[cell.case], folder)
            for cell in cells
        ]
        scored = []
        for item in waiting:
            cell = item if isinstance(item, Cell) else item.result()
            advance(f"{cell.case}: scores of {cell.engine}")
            scored.append(cell)
    return tuple(scored)


def _scored(cell: Cell, source: Path, folder: Path) -> Cell:
    files = [variant_path(folder, cell.case, cell.engine, side, cell.output) for side in SIDES]
    lossless = [variant_path(folder, cell.case, cell.engine, side, "png") for side in SIDES]
    scores = [fidelity.scores(source, file) for file in files]
    return replace(
        cell,
        ssim=tuple(one.ssim for one in scores),
        ssimulacra2=tuple(one.ssimulacra2 for one in scores if one.ssimulacra2 is not None),
        resized_ssim=tuple(fidelity.ssim_score(source, file) for file in lossless),
    )
