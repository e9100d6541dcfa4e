"""Processes and what descends from them, as Linux tells in /proc; elsewhere they look as if they had ended."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it, each after its parent; none once it has ended."""
    found = [pid] if (PROC / str(pid)).exists() else []
    for process in found:  # which grows meanwhile
        for children in (PROC / str(process) / "task").glob("*/children"):
            with suppress(OSError):  # it ends while we look
                found.extend(int(child) for child in children.read_text().split())
    return found


def resident(pids: Iterable[int]) -> int:
    """Return how many bytes processes have in memory, what they share counted for each: quick, and too much."""
    return PAGE * sum(_number(PROC / str(pid) / "statm", 1) for pid in pids)


def proportional(pids: Iterable[int]) -> int:
    """Return how many bytes processes have in memory, what they share counted once (Pss of proc(5)): slow, and true."""
    return 1024 * sum(_pss(PROC / str(pid) / "smaps_rollup") for pid in pids)


def kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _number(file: Path, field: int) -> int:
    try:
        return int(file.read_text().split()[field])
    except OSError:
        return 0


def _pss(file: Path) -> int:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
