"""One variant of one original, as a request on demand asks for it; some of them of JPEGs with odd sides."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench import cases
from bench.cases import Case, Picture
from bench.engines import DECODER, HALFTONE, SHARP
from bench.goals import Goal, Pairs, no_lower, worst
from bench.results import Cell, Results
from bench.table import NOTHING, table

ENGINES = (HALFTONE, SHARP, DECODER)
SIDES = (128, 640, 720, 1280)
USUAL = 720
SOURCES = ("jpeg-6mp", "jpeg-12mp", "webp-12mp", "png-3mp")
ODD_2MP = Picture(name="odd-2mp", size=(1601, 1201), seed=2, suffix=".jpg", save={"quality": 92})
ODD = (("odd-2mp", 128), ("odd-6mp", 640), ("odd-12mp", USUAL))


def standard(folder: Path) -> tuple[Case, ...]:
    """Each source in each size, and each JPEG with odd sides in a size that it is shrunk for."""
    found = {picture.name: cases.of_picture(picture, folder) for picture in (*cases.PICTURES, ODD_2MP)}
    chosen = [*((name, side) for name in SOURCES for side in SIDES), *ODD]
    return tuple(replace(found[name], name=f"{name} to {side}", sides=(side,)) for name, side in chosen)


def quick(singles: Sequence[Case]) -> tuple[Case, ...]:
    """A few of them, for development."""
    return tuple(case for case in singles if case.sides == (USUAL,))


def goals(results: Results) -> tuple[Goal, ...]:
    """What a variant of the usual size may cost, and how true to the original each is."""
    singles = replace(results, cells=results.singles)
    sharp = singles.pairs(HALFTONE.name, SHARP.name)
    decoder = singles.pairs(HALFTONE.name, DECODER.name)
    name = f"one variant of {USUAL} px"
    return (
        worst(f"{name}: CPU at most 1.0x sharp's", _usual(sharp), lambda cell: cell.cpu, 1.0),
        worst(f"{name}: CPU at most 1.2x the fastest decoder alone", _usual(decoder), lambda cell: cell.cpu, 1.2),
        no_lower(
            "one variant: SSIM of the resized pixels no lower than sharp's", sharp, lambda cell: cell.resized_ssim
        ),
    )


def _usual(pairs: Pairs) -> Pairs:
    return [pair for pair in pairs if pair[0].case.endswith(f" to {USUAL}")]


def text(results: Results) -> str:
    """A row a case: CPU in ms, Halftone's as a share of the others', peak memory in MiB, and SSIM as resized."""
    singles = replace(results, cells=results.singles)
    header = ("", "CPU", "sharp", "decoder", "CPU/sharp", "CPU/decoder", "MiB", "sharp", "SSIM", "sharp")
    return table(
        header, [_row(case, *(singles.cell(case, engine.name) for engine in ENGINES)) for case in singles.cases]
    )


def _row(case: str, mine: Cell | None, sharp: Cell | None, decoder: Cell | None) -> tuple[str, ...]:
    return (
        case,
        *(_entry(cell, lambda cell: f"{cell.cpu:.1f}") for cell in (mine, sharp, decoder)),
        *(f"{mine.cpu / cell.cpu:.2f}" if mine and cell else NOTHING for cell in (sharp, decoder)),
        *(_entry(cell, lambda cell: f"{cell.peak:.0f}") for cell in (mine, sharp)),
        *(_entry(cell, lambda cell: f"{cell.resized_ssim[0]:.4f}") for cell in (mine, sharp)),
    )


def _entry(cell: Cell | None, value: Callable[[Cell], str]) -> str:
    return value(cell) if cell else NOTHING
