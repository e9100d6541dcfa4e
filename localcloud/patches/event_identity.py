"""AWS gives all attempts at an asynchronous event one request id, and names it in the record that goes to the
on-failure destination (Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations"); ministack makes
up an id for each attempt, and leaves id, time and the real number of attempts out of the record. Lambda sends it as the
function's role; ministack as nobody, which the queue's policy may refuse.
"""

import json
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from weakref import WeakSet

from ministack.core import iam_evaluator
from ministack.core.responses import new_uuid
from ministack.services import lambda_svc, sqs


@dataclass(eq=False)
class Delivery:
    """One event on its way to a function."""

    request_id: str = field(default_factory=new_uuid)
    attempts: int = 0

    def __post_init__(self) -> None:
        _under_way.add(self)


_under_way: WeakSet["Delivery"] = WeakSet()
"""Events live in the context of the thread that works them off, and end with it."""

_delivery: ContextVar[Delivery | None] = ContextVar("delivery", default=None)


def under_way() -> int:
    """Count the asynchronous events that are neither done nor given up."""
    return len(_under_way)


def apply() -> None:
    invoke = lambda_svc.invoke_async_with_retry
    dispatch = lambda_svc._execute_function_dispatch
    route = lambda_svc._route_async_failure

    def invoke_async_with_retry(function: dict[str, Any], event: Any) -> None:
        mark = _delivery.set(Delivery())
        try:
            invoke(function, event)  # attempts run in a copy of this context
        finally:
            _delivery.reset(mark)

    def execute_function_dispatch(
        function: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, started: float
    ) -> dict[str, Any]:
        delivery = _delivery.get()
        if delivery is not None:
            delivery.attempts += 1
            request_id = delivery.request_id
        result: dict[str, Any] = dispatch(function, config, event, request_id, started)
        return result

    def route_async_failure(target: str, function_name: str, event: Any, result: dict[str, Any]) -> None:
        delivery, queue = _delivery.get(), sqs._queue_by_arn(target)
        if delivery is None or queue is None:
            route(target, function_name, event, result)
            return
        record = json.dumps(_record(delivery, lambda_svc._func_arn(function_name), event, result))
        role = lambda_svc._functions[function_name]["config"]["Role"]
        caller = iam_evaluator._request_caller_arn.set(role)
        try:
            sqs._act_send_message({"MessageBody": record}, queue["url"])
        finally:
            iam_evaluator._request_caller_arn.reset(caller)

    lambda_svc.invoke_async_with_retry = invoke_async_with_retry
    lambda_svc._execute_function_dispatch = execute_function_dispatch
    lambda_svc._route_async_failure = route_async_failure


def _record(delivery: Delivery, arn: str, event: Any, result: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": delivery.request_id,
            "functionArn": f"{arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": delivery.attempts,
        },
        "requestPayload": event,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": result.get("function_error") or "Unhandled",
        },
        "responsePayload": result.get("body"),
    }
