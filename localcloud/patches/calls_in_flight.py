"""On AWS calls in flight finish on the code that they began on, when a function gets new code or configuration, and
what begins later runs on the new; ministack kills all workers of the function, the busy ones too, and starts new ones
with the old code for asynchronous events that had waited.
"""

from contextvars import ContextVar
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

_replacing: ContextVar[bool] = ContextVar("replacing", default=False)


def apply() -> None:
    acquire = lambda_svc.acquire_worker
    release = lambda_svc.release_worker
    invalidate = lambda_svc.invalidate_worker
    kill = lambda_runtime.kill_workers
    retired: set[Any] = set()
    """Workers at work that belong to no function any more."""

    def acquire_worker(name: str, config: dict[str, Any], code: bytes, qualifier: str = "$LATEST") -> tuple[Any, str]:
        worker, reason = acquire(name, config, code, qualifier)
        function = lambda_svc._functions.get(name)
        if reason == "spawn" and function and qualifier == "$LATEST":
            worker.code_zip = function["code_zip"]
        return worker, reason

    def release_worker(worker: Any) -> None:
        release(worker)
        with lambda_runtime._lock:
            is_over = worker in retired
            retired.discard(worker)
        if is_over:
            kill([worker])

    def invalidate_worker(*args: Any, **options: Any) -> None:
        mark = _replacing.set(True)
        try:
            invalidate(*args, **options)
        finally:
            _replacing.reset(mark)

    def kill_workers(workers: list[Any]) -> None:
        if _replacing.get():
            with lambda_runtime._lock:
                busy = {worker for worker in workers if worker.in_use}
                retired.update(busy)
            workers = [worker for worker in workers if worker not in busy]
        kill(workers)

    lambda_svc.acquire_worker = acquire_worker
    lambda_svc.release_worker = release_worker
    lambda_svc.invalidate_worker = invalidate_worker
    lambda_runtime.kill_workers = kill_workers
