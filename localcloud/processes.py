"""Processes and what descends from them, as Linux tells in /proc; elsewhere they look as if they had ended."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PAGE, TICK = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it, each after its parent; none once it has ended."""
    found = [pid] if (PROC / str(pid)).exists() else []
    for process in found:  # which grows meanwhile
        for children in (PROC / str(process) / "task").glob("*/children"):
            found.extend(int(child) for child in _text(children).split())
    return found


def resident(pids: Iterable[int]) -> int:
    """Return how many bytes processes have in memory, what they share counted for each: quick, and too much."""
    return PAGE * sum(int(field) for pid in pids for field in _text(PROC / str(pid) / "statm").split()[1:2])


def proportional(pids: Iterable[int]) -> int:
    """Return how many bytes processes have in memory, what they share counted once (Pss of proc(5)): slow, and true."""
    lines = (line for pid in pids for line in _text(PROC / str(pid) / "smaps_rollup").splitlines())
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time of processes so far, and of their children that have ended."""
    fields = (PROC / str(pid) / "stat" for pid in pids)
    return sum(sum(map(int, _text(file).rpartition(")")[2].split()[11:15])) for file in fields) / TICK


def kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _text(file: Path) -> str:
    """Read what a process is like; nothing once it has ended."""
    try:
        return file.read_text()
    except OSError:
        return ""
