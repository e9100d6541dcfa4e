"""What a file costs: it is rendered in a fresh process, which reports its outcome, its CPU time and its peak memory.

python -m tests.imaging.hostile.measure            # every hostile file and every large sound one
python -m tests.imaging.hostile.measure png        # those whose names contain "png"
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.imaging.hostile import files

ROOT = Path(__file__).parents[3]
CPU_LIMIT = 120
MEMORY_LIMIT = 12 << 30


class Cost(NamedTuple):
    """`outcome` is the code of an error, or `ok`; `detail` its message, or a traceback."""

    outcome: str
    detail: str
    cpu_seconds: float
    peak_megabytes: float


def cost(data: bytes, *, avif_side: int | None = None) -> Cost:
    """What it costs to make the default pipeline's variants of `data`, or an AVIF of that side and no other."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        done = subprocess.run(
            [sys.executable, "-m", "tests.imaging.hostile.child", file.name, str(avif_side or 0)],
            cwd=ROOT,
            env=os.environ | {name: value for name, value in _deployed().items() if name.startswith("MALLOC_")},
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=_limit,
        )
    if done.returncode:
        return Cost("killed", f"status {done.returncode}: {done.stderr[-500:]}", 0, 0)
    return Cost(*json.loads(done.stdout))


def _deployed() -> dict[str, str]:
    """The environment of the deployed functions."""
    return json.loads((ROOT / ".chalice/config.json").read_text())["environment_variables"]


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT, CPU_LIMIT))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


def main() -> None:
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    for name, (make, avif_side) in files.EVERY.items():
        if wanted in name:
            data = make()
            seen = cost(data, avif_side=avif_side)
            sys.stdout.write(
                f"{name:58} {len(data) / 1e3:9,.1f} KB {seen.peak_megabytes:7,.0f} MB {seen.cpu_seconds:6.1f} s  "
                f"{seen.outcome}: {seen.detail[:160]}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
