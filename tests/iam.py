"""What IAM makes of a policy, and what it asks for when a function calls AWS."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def allowed(statements: Iterable[dict[str, Any]], resource: str, function: str | None = None) -> set[str]:
    """Return which actions statements allow on a resource, as it is called or by a pattern that it matches.

    `function` is the ARN of the function whose code asks; without one it is Lambda itself.
    """
    granted: set[str] = set()
    denied: set[str] = set()
    for statement in statements:
        code = statement.get("Condition", {}).get("ArnEquals", {}).get("lambda:SourceFunctionArn")
        applies = code is None or function in code
        if applies and any(_matches(pattern, resource) for pattern in statement["Resource"]):
            (granted if statement["Effect"] == "Allow" else denied).update(statement["Action"])
    return granted - denied


def needed(operation: str, params: Mapping[str, Any], place: str) -> list[tuple[str, str]]:
    """List the actions and resources that a call needs, as the Service Authorization Reference has them.

    `place` is `<region>:<account>`. Raises KeyError for a call of which nothing is known here.
    """
    if operation == "CopyObject":
        source = params["CopySource"]
        return [*needed("GetObject", source, place), *needed("PutObject", params, place)]
    if operation == "DeleteObjects":
        objects = params["Delete"]["Objects"]
        places = [(f"arn:aws:s3:::{params['Bucket']}/{one['Key']}", "ETag" in one) for one in objects]
        removed = [("s3:DeleteObject", place) for place, _ in places]
        return [*removed, *(("s3:GetObject", place) for place, on_condition in places if on_condition)]
    action, resource = _CALLS[operation]
    return [(action, resource(params, place))]


def _object(params: Mapping[str, Any], _: str) -> str:
    return f"arn:aws:s3:::{params['Bucket']}/{params['Key']}"


def _table(params: Mapping[str, Any], place: str) -> str:
    index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
    return f"arn:aws:dynamodb:{place}:table/{params['TableName']}{index}"


_CALLS: dict[str, tuple[str, Callable[[Mapping[str, Any], str], str]]] = {
    "GetObject": ("s3:GetObject", _object),
    "HeadObject": ("s3:GetObject", _object),
    "PutObject": ("s3:PutObject", _object),
    "DeleteObject": ("s3:DeleteObject", _object),
    "GetItem": ("dynamodb:GetItem", _table),
    "PutItem": ("dynamodb:PutItem", _table),
    "Query": ("dynamodb:Query", _table),
    "Publish": ("sns:Publish", lambda params, _: str(params["TopicArn"])),
    "PutEvents": (
        "events:PutEvents",
        lambda params, place: f"arn:aws:events:{place}:event-bus/{params['Entries'][0]['EventBusName']}",
    ),
    "Invoke": (
        "lambda:InvokeFunction",
        lambda params, place: f"arn:aws:lambda:{place}:function:{params['FunctionName']}",
    ),
    "StartExecution": ("states:StartExecution", lambda params, _: str(params["stateMachineArn"])),
    "DescribeExecution": ("states:DescribeExecution", lambda params, _: str(params["executionArn"])),
    "GetExecutionHistory": ("states:GetExecutionHistory", lambda params, _: str(params["executionArn"])),
    "GetParameter": ("ssm:GetParameter", lambda params, place: f"arn:aws:ssm:{place}:parameter{params['Name']}"),
}


def _matches(pattern: str, resource: str) -> bool:
    """Match as IAM does: `*` is any characters, `/` and `:` among them, and `?` is one (IAM User Guide, "Resource")."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, resource, re.DOTALL) is not None
