"""IAM asks for the action and the resource that the Service Authorization Reference has for a call. Ministack guesses
Lambda's actions by parts of the path, so that to say how events are retried takes UpdateFunctionCode; but it can match
paths against AWS's models, which name the operations. It asks for any resource where a function is created, a rule is
not called `Name`, or parameters are named as a list (here the first stands for all); and for rules of the default bus
by `rule/default/<name>`, which on AWS is `rule/<name>`.
"""

import json
from typing import Any

from ministack.core import iam_actions

ACTIONS = {
    "Invoke": "InvokeFunction",
    "InvokeWithResponseStream": "InvokeFunction",
    "GetLayerVersionByArn": "GetLayerVersion",
}
"""Of Lambda's operations that take an action with another name."""


def apply() -> None:
    action_of, resource_of = iam_actions.extract_iam_action, iam_actions.extract_resource_arn
    iam_actions._BOTOCORE_SERVICE_MAP["lambda"] = ["lambda"]

    def extract_iam_action(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> str | None:
        if service == "lambda" and (operation := iam_actions._match_rest_action(service, method, path, query)):
            return f"lambda:{ACTIONS.get(operation, operation)}"
        action: str | None = action_of(service, method, path, headers, body, query)
        return action

    def extract_resource_arn(
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, Any],
        *place: str,
    ) -> str:
        if service == "lambda" and "find" in query:
            return str(query["Arn"][0])
        found: str = resource_of(service, method, path, headers, body, query, *place)
        if found == "*" and (named := _named(service, path, body)):
            return f"arn:aws:{service}:{':'.join(place)}:{named}"
        return found.replace(":rule/default/", ":rule/") if service == "events" else found

    iam_actions.extract_iam_action, iam_actions.extract_resource_arn = extract_iam_action, extract_resource_arn


def _named(service: str, path: str, body: bytes) -> str | None:
    """Return what a call names, as the end of an ARN."""
    if service == "lambda" and path.rstrip("/") == "/2015-03-31/functions":
        return f"function:{json.loads(body)['FunctionName']}" if body else None
    asked = json.loads(body) if service in {"events", "ssm"} and body else {}
    match asked:
        case {"Rule": rule}:
            return f"rule/{rule}"
        case {"ResourceARN": arn}:
            return str(arn).split(":", 5)[5]
        case {"Names": [first, *_]} if service == "ssm":
            return f"parameter{first}"
    return None
