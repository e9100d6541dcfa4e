"""AWS reports the class of the exception as `errorType`, and Step Functions match on it; ministack's Python workers
report every exception as `Runtime.HandlerError`.
"""

import threading
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

WITHOUT_TYPE = '"error": str(e), "trace": traceback.format_exc()'
WITH_TYPE = '"error": str(e), "type": type(e).__name__, "trace": traceback.format_exc()'


def apply() -> None:
    assert WITHOUT_TYPE in lambda_runtime._PYTHON_WORKER_SCRIPT
    lambda_runtime._PYTHON_WORKER_SCRIPT = lambda_runtime._PYTHON_WORKER_SCRIPT.replace(WITHOUT_TYPE, WITH_TYPE)
    invoke = lambda_runtime.Worker.invoke
    execute = lambda_svc._execute_function_warm
    last = threading.local()  # a worker is invoked in the thread that executes the function

    def invoke_and_remember(worker: Any, *args: Any, **options: Any) -> dict[str, Any]:
        response: dict[str, Any] = invoke(worker, *args, **options)
        last.error_type = response.get("type")
        return response

    def execute_function_warm(function: dict[str, Any], event: dict[str, Any], request_id: str) -> dict[str, Any]:
        last.error_type = None
        result: dict[str, Any] = execute(function, event, request_id)
        if result.get("error") and last.error_type:
            result["body"]["errorType"] = last.error_type
        return result

    lambda_runtime.Worker.invoke = invoke_and_remember
    lambda_svc._execute_function_warm = execute_function_warm
