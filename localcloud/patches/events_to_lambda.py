"""AWS hands an event of EventBridge, a schedule's too, to Lambda as an asynchronous invocation (two retries, then the
on-failure destination); ministack invokes once, and whatever comes of it is lost.
"""

import json

from ministack.services import eventbridge, lambda_svc


def apply() -> None:
    eventbridge._dispatch_to_lambda = _dispatch


def _dispatch(arn: str, payload: str) -> None:
    function, config, _name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        eventbridge.logger.warning("EventBridge: there is no function %s", arn)
        return
    lambda_svc.invoke_async_with_retry(
        lambda_svc._execution_record_for_config(function, config),
        json.loads(payload),
    )
