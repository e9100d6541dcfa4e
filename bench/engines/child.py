"""The process of one Python engine: `python -m bench.engines.child MODULE JOB` prints a measurement.

It imports as little as it can, because what it imports counts as the engine's memory.
"""

import importlib
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from bench.job import Job, Measurement

Make = Callable[[], list[bytes]]


def main(module: str, job: Job) -> Measurement:
    idle = resident("VmRSS")
    make: Make = importlib.import_module(module).prepare(Path(job.source).read_bytes(), job)
    variants: list[bytes] = []
    for _ in range(job.warm_ups):
        variants = make()
    cpu: list[float] = []
    while len(cpu) < job.repeats and sum(cpu) < 1000 * job.seconds:
        cpu.append(_timed(make))
    peak = resident("VmHWM")
    for side, variant in zip(job.sides, variants, strict=True):
        Path(job.path(side)).write_bytes(variant)
    return Measurement(cpu_ms=tuple(cpu), idle_kib=idle, peak_kib=peak)


def resident(field: str) -> int:
    """KiB resident now (VmRSS) or at most (VmHWM).

    getrusage's maximum is not used where /proc is: a child starts with the maximum of the parent that forked it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith(field))
        return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)


def _timed(make: Make) -> float:
    """Milliseconds of user and system CPU that one run takes, over all threads of this process."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    make()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


if __name__ == "__main__":
    print(main(sys.argv[1], Job.from_json(sys.argv[2])).to_json())
