"""AWS hands a notification to Lambda as an asynchronous invocation (two retries), always with `Subject` and
`MessageAttributes`; ministack invokes once, and leaves both out when they are empty. Chalice's SNSEvent reads both.
"""

import json
from typing import Any

from ministack.services import lambda_svc, sns


def apply() -> None:
    sns._deliver_to_lambda = _deliver


def _deliver(endpoint: str, envelope: str, _topic_arn: str, subscription_arn: str, *_: Any) -> None:
    function, config, _name = lambda_svc._get_func_record_for_ref(endpoint)
    if not function or not config:
        sns.logger.warning("SNS: there is no function %s", endpoint)
        return
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn,
        "Sns": {"Subject": None, "MessageAttributes": {}, **json.loads(envelope)},
    }
    lambda_svc.invoke_async_with_retry(
        lambda_svc._execution_record_for_config(function, config),
        {"Records": [record]},
    )
