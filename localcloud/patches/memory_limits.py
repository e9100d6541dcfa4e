"""AWS ends an environment that takes more memory than its function has, with `Runtime.OutOfMemory`, and reports in the
log how much it took; ministack knows no limit, and reports the largest process that has ever ended, of any function.

What all processes of a worker have in memory is looked at 20 times a second while it is at work, on Linux.
"""

import threading
import time
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from localcloud import processes
from localcloud.patches import whole_environments

PAUSE = 0.05  # seconds
MIB = 2**20


def apply() -> None:
    invoke = lambda_runtime.Worker.invoke
    at_work: set[Any] = set()
    somebody = threading.Event()
    last = threading.local()  # the log of an invocation is written by the thread that made it

    def watch() -> None:
        while somebody.wait():
            somebody.clear()
            while at_work:
                for worker in at_work.copy():
                    _look_at(worker)
                time.sleep(PAUSE)

    def invoke_watched(worker: Any, event: Any, request_id: str, **options: Any) -> dict[str, Any]:
        is_warm = worker._proc is not None and worker._proc.poll() is None
        worker.peak, worker.is_out_of_memory = worker.peak if is_warm else 0, False
        at_work.add(worker)
        somebody.set()
        try:
            response: dict[str, Any] = invoke(worker, event, request_id, **options)
        finally:
            at_work.discard(worker)
            last.peak = worker.peak
        if worker.is_out_of_memory:
            killed = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
            return {**response, "status": "error", "error": killed, "type": "Runtime.OutOfMemory"}
        return response

    lambda_runtime.Worker.invoke = invoke_watched
    lambda_svc._probe_peak_memory_mb = lambda _function: -(-getattr(last, "peak", 0) // MIB)
    threading.Thread(target=watch, daemon=True, name="memory limits").start()


def _look_at(worker: Any) -> None:
    process = worker._proc
    pids = processes.tree(process.pid) if process else []
    taken, most = processes.resident(pids), MIB * worker.config.get("MemorySize", 128)
    if taken > most:
        taken = processes.proportional(pids)
    worker.peak = max(worker.peak, min(taken, most))
    if taken > most:
        worker.is_out_of_memory = True
        whole_environments.end(process)
