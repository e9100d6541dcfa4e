"""On AWS an environment that fails to start is one failed attempt; in ministack it takes all other workers of the
function with it, those at work and those that are starting too, which fail in turn.
"""

import time
from typing import Any

from ministack.core import lambda_runtime


def apply() -> None:
    invoke = lambda_runtime.Worker.invoke

    def invoke_alone(worker: Any, *args: Any, **options: Any) -> dict[str, Any]:
        try:
            response: dict[str, Any] = invoke(worker, *args, **options)
        except Exception as error:  # noqa: BLE001 - whatever keeps a worker from starting
            process, worker._proc = worker._proc, None  # the next attempt starts it anew
            if process is not None:
                lambda_runtime._signal(process)
                lambda_runtime._collect(process, time.monotonic() + lambda_runtime._REAP_GRACE)
            return {"status": "error", "error": str(error), "type": "Runtime.ExitError"}
        return response

    lambda_runtime.Worker.invoke = invoke_alone
