"""`python -m bench`: every engine on every case, as a table, as JSON and, when asked, as a chart."""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import cases, chart, node, singles, sources
from bench.cases import SIDES, Case
from bench.engines import DECODER, ENGINES, Engine
from bench.report import report
from bench.results import Cell, Results
from bench.runner import ROOT, Run, allocator_settings, measure, spawns
from bench.scoring import score
from infra.progress import Progress

CACHE = ROOT / ".local" / "bench"
REPEATS = 5
PACKAGES = ("pillow", "cykooz.resizer", "pyvips-binary", "ssimulacra2")


def main() -> None:
    options = _parser().parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    chosen = _chosen_cases(options)
    engines, modules, notes = _chosen_engines(options.engine)
    environment = allocator_settings()
    alone = _chosen_singles(options)
    with Progress(len(chosen) + len(alone)) as progress:
        for case in (*chosen, *alone):
            progress.advance(f"{case.name}: source")
            sources.ensure(case)
    rounds = 1 if options.quick else 3
    with TemporaryDirectory(dir=CACHE) as folder:
        run = Run(rounds=rounds, repeats=REPEATS, folder=Path(folder), modules=modules, environment=environment)
        cells, failures = _measured_and_scored(chosen, engines, run)
        single_cells, single_failures = _measured_and_scored(alone, _single_engines(engines), run)
    if not cells and not single_cells:
        sys.exit("\n".join(["nothing was measured", *failures, *single_failures]))
    results = Results(
        about=_about(run), notes=(*notes, *failures, *single_failures), sides=SIDES, cells=cells, singles=single_cells
    )
    print(report(results))
    (CACHE / "results.json").write_text(results.to_json())
    if options.chart:
        options.chart.write_text(chart.svg(results))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--images", type=Path, metavar="DIR", help="measure the pictures in DIR instead of ours")
    parser.add_argument("--only", nargs="+", default=(), metavar="CASE", help="cases whose name has one of these in it")
    parser.add_argument("--engine", nargs="+", choices=[engine.name for engine in ENGINES], help="these engines only")
    parser.add_argument("--quick", action="store_true", help="a few cases and repeats: rough, for development")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="also draw an SVG")
    return parser


def _chosen_cases(options: argparse.Namespace) -> tuple[Case, ...]:
    found = cases.of_folder(options.images) if options.images else cases.standard(CACHE / "sources")
    chosen = cases.select(found, options.only)
    if options.quick and not options.images and not options.only:
        chosen = tuple(case for case in chosen if case.name in cases.QUICK)
    if not chosen and not _chosen_singles(options):
        sys.exit(f"no case matches; there are: {', '.join(case.name for case in found) or 'none'}")
    return chosen


def _chosen_singles(options: argparse.Namespace) -> tuple[Case, ...]:
    found = () if options.images else cases.select(singles.standard(CACHE / "sources"), options.only)
    return singles.quick(found) if options.quick and not options.only else found


def _single_engines(engines: Sequence[Engine]) -> list[Engine]:
    """Those for single variants among the engines that can run here, and the decoder, which always can."""
    return [engine for engine in singles.ENGINES if engine in engines or engine is DECODER]


def _chosen_engines(names: Sequence[str] | None) -> tuple[list[Engine], Path | None, tuple[str, ...]]:
    """The engines that can run here, sharp's node_modules, and what to say of those that cannot."""
    engines = [engine for engine in ENGINES if not names or engine.name in names]
    without_node = [engine for engine in engines if not engine.mode]
    if engines == without_node:
        return engines, None, ()
    try:
        return engines, node.install(CACHE / "node"), ()
    except node.NoSharp as error:
        return without_node, None, (f"sharp is left out: {error}",)


def _measured_and_scored(
    chosen: Sequence[Case], engines: Sequence[Engine], run: Run
) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    """The cells with their scores, and what failed."""
    with Progress(spawns(chosen, engines, run) + len(chosen) * len(engines)) as progress:
        cells, failures = measure(chosen, engines, run, progress.advance)
        return score(cells, chosen, run.folder, progress.advance), failures


def _about(run: Run) -> dict[str, str]:
    """What somebody needs to know to get the same numbers."""
    packages = {name: metadata.version(name) for name in PACKAGES}
    return {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        **packages,
        **({"sharp": node.version(run.modules)} if run.modules else {}),
        "processes, repeats in each": f"{run.rounds}, {run.repeats}",
        "environment of every engine": " ".join(f"{name}={value}" for name, value in run.environment.items()),
    }


if __name__ == "__main__":
    main()
