"""AWS queues asynchronous events, and a throttle is not an attempt; ministack runs every event at once, in a process of
its own, so that a burst of 200 uploads starts 140 workers (7 GB), and a throttle uses up one of the three attempts.

Ministack's own loop (attempts, backoff, dead letters) stays as it is: each of its attempts waits here for one of the
function's few places.
"""

import threading
import time
from collections import defaultdict
from contextvars import ContextVar
from typing import Any

from ministack.services import lambda_svc

PLACES = 4  # events of one function that run at the same time
THROTTLE_PAUSE = 0.2  # seconds

_queued: ContextVar[bool] = ContextVar("queued", default=False)


def apply() -> None:
    invoke = lambda_svc.invoke_async_with_retry
    execute = lambda_svc._execute_function
    places: defaultdict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(PLACES))

    def invoke_async_with_retry(function: dict[str, Any], event: dict[str, Any]) -> None:
        mark = _queued.set(True)
        try:
            invoke(function, event)  # runs in a copy of this context
        finally:
            _queued.reset(mark)

    def execute_function(function: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        if not _queued.get():
            result: dict[str, Any] = execute(function, event)
            return result
        mark = _queued.set(False)  # ministack calls itself again when the account or region differs
        try:
            with places[function["config"]["FunctionArn"]]:
                while (result := execute(function, event)).get("throttle"):
                    time.sleep(THROTTLE_PAUSE)
            return result
        finally:
            _queued.reset(mark)

    lambda_svc.invoke_async_with_retry = invoke_async_with_retry
    lambda_svc._execute_function = execute_function
