"""On AWS an environment ends with all its processes, at once; ministack asks the worker alone to end, so that processes
which it started go on after a timeout.
"""

from typing import Any

from ministack.core import lambda_runtime

from localcloud import processes


def apply() -> None:
    lambda_runtime._signal = end


def end(worker: Any) -> None:
    """End a worker's process, and what descends from it; the worker first, so that it sees none of them die."""
    if worker is not None and worker.poll() is None:
        processes.kill([worker.pid, *processes.tree(worker.pid)])
