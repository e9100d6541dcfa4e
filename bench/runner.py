"""Runs engines in processes of their own and gathers what they used and made."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.cases import Case
from bench.engines import UNSCORED, Engine
from bench.job import Job, Measurement
from bench.results import Cell

ROOT = Path(__file__).resolve().parent.parent
CHALICE_CONFIG = ROOT / ".chalice" / "config.json"
SHARP_SCRIPT = ROOT / "bench" / "engines" / "sharp.mjs"

WARM_UPS = 2  # with five repeats the median is what an engine takes once its heap has grown to the picture's size
ENOUGH_SECONDS = 2.0

Advance = Callable[[str], None]


class EngineFailed(Exception):
    """An engine's process ended with an error; the message has the last error it wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How much is measured, and where: variants go to `folder`; `modules` is sharp's node_modules, None without node.

    Each case runs `rounds` processes an engine, each with up to `repeats` measured repetitions after the warm-up.
    `environment` is what every engine is given, Halftone or not.
    """

    rounds: int
    repeats: int
    folder: Path
    modules: Path | None
    environment: dict[str, str]


def allocator_settings(config: Path = CHALICE_CONFIG) -> dict[str, str]:
    """The MALLOC_* variables of every deployed function, from Chalice's configuration file."""
    variables: dict[str, str] = json.loads(config.read_text()).get("environment_variables", {})
    return {name: value for name, value in variables.items() if name.startswith("MALLOC_")}


def spawns(cases: Sequence[Case], engines: Sequence[Engine], run: Run) -> int:
    """How often `measure` will call `advance`."""
    return len(cases) * sum(run.rounds + (engine not in UNSCORED) for engine in engines)


def measure(
    cases: Sequence[Case], engines: Sequence[Engine], run: Run, advance: Advance
) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    """Every engine on every case, without scores, and what failed; `advance` is told of each process before it starts.

    Engines take turns within a case (A B C, A B C), so that a machine that speeds up or slows down does it to all.
    Then each makes its variants once more as PNG, unmeasured: they show the resampler without the codec. An engine
    that fails has no cell for that case: one file that one engine cannot read does not lose the rest of a long run.
    """
    cells: list[Cell] = []
    failures: list[str] = []
    for case in cases:
        taken: dict[str, list[Measurement]] = {engine.name: [] for engine in engines}
        for job, engine in _turns(case, engines, run):
            if engine.name in taken:
                advance(f"{case.name}: {engine.title} to {job.output}")
                try:
                    taken[engine.name].append(_spawn(engine, job, run))
                except EngineFailed as error:
                    failures.append(str(error))
                    del taken[engine.name]
        cells += [_cell(case, name, measured, run) for name, measured in taken.items()]
    return tuple(cells), tuple(failures)


def variant_path(folder: Path, case: str, engine: str, side: int, output: str) -> Path:
    """Where an engine's variant of a case is found after `measure`."""
    return folder / case / engine / f"{side}.{output}"


def _turns(case: Case, engines: Sequence[Engine], run: Run) -> Iterator[tuple[Job, Engine]]:
    for _ in range(run.rounds):
        yield from ((_job(case, engine, run), engine) for engine in engines)
    for engine in engines:
        if engine not in UNSCORED:
            yield replace(_job(case, engine, run), output="png", quality=None, warm_ups=1, repeats=0), engine


def _job(case: Case, engine: Engine, run: Run) -> Job:
    folder = run.folder / case.name / engine.name
    folder.mkdir(parents=True, exist_ok=True)
    return Job(
        source=str(case.source),
        source_format=case.source_format,
        output=case.output,
        quality=case.quality,
        sides=case.sides,
        folder=str(folder),
        warm_ups=WARM_UPS,
        repeats=run.repeats,
        seconds=ENOUGH_SECONDS,
    )


def _spawn(engine: Engine, job: Job, run: Run) -> Measurement:
    if engine.mode:
        command = ["node", str(SHARP_SCRIPT), str(run.modules), engine.mode, job.to_json()]
    else:
        command = [sys.executable, "-m", "bench.engines.child", engine.module, job.to_json()]
    environment = {**os.environ, **run.environment}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        reason = next((line for line in reversed(lines) if "Error" in line), lines[-1])
        raise EngineFailed(f"{engine.title} failed on {job.source} to {job.output}: {reason}")
    return Measurement.from_json(done.stdout)


def _cell(case: Case, engine: str, taken: Sequence[Measurement], run: Run) -> Cell:
    """What all processes of an engine used on a case; the last, without repeats, counts for nothing but its files."""
    measured = [one for one in taken if one.cpu_ms]
    files = [variant_path(run.folder, case.name, engine, side, case.output) for side in case.sides]
    return Cell(
        case=case.name,
        source_format=case.source_format,
        output=case.output,
        engine=engine,
        cpu_ms=tuple(milliseconds for one in measured for milliseconds in one.cpu_ms),
        idle_kib=min(one.idle_kib for one in measured),
        peak_kib=tuple(one.peak_kib for one in measured),
        bytes=tuple(file.stat().st_size for file in files),
    )
