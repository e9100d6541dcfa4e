"""What a stage needs to know: its environment, its Chalice configuration, and who hears of it. Pure."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.model.completion import CompletionEvent
from infra.subscriptions import Subscription

APP = "halftone"
DEFAULTS = {"PIPELINE": "default"}
NAME = "[a-z][a-z0-9-]{0,19}"
"""A stage's name, as the template wants it."""

Json = dict[str, Any]

IMAGE_EVENTS = [CompletionEvent.READY, CompletionEvent.FAILED, CompletionEvent.DELETED]
"""What people hear of. An order that failed holds text that whoever sent it has chosen."""


def environment(outputs: Mapping[str, str], present: Mapping[str, str]) -> dict[str, str]:
    """Lay the stack's outputs over what the configuration already says: the stage's environment variables.

    Outputs are named as the variables, in CamelCase (`SourceBucket` is SOURCE_BUCKET): CloudFormation wants it so.
    """
    named = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper(): value for name, value in outputs.items()}
    return dict(sorted({**DEFAULTS, **present, **named}.items()))


def configured(config: Json, stage: str, variables: Mapping[str, str], role_arns: Mapping[str, str]) -> Json:
    """Chalice's `config.json` with this stage in it; other stages, and other settings of this one, are kept.

    `role_arns` are by function.
    """
    stages = config.get("stages", {})
    present = stages.get(stage, {})
    functions = present.get("lambda_functions", {})
    with_roles = {name: {**functions.get(name, {}), "iam_role_arn": arn} for name, arn in role_arns.items()}
    entry = {
        **present,
        "environment_variables": dict(variables),
        "lambda_functions": {**functions, **with_roles},
        "manage_iam_role": False,
        "tags": {**_whose(stage), **present.get("tags", {})},
    }
    return {**config, "stages": {**stages, stage: entry}}


def tags(config: Json, stage: str) -> dict[str, str]:
    """Return the tags of all that the stage has: whose it is, and what Chalice gives its functions."""
    return {**config.get("tags", {}), **_whose(stage), **config.get("stages", {}).get(stage, {}).get("tags", {})}


def _whose(stage: str) -> dict[str, str]:
    return {"app": APP, "stage": stage}


def setting(config: Json, stage: str, handler: str, name: str) -> Any:
    """Return one of Chalice's settings of a function, from where Chalice looks for it; None where it is not set."""
    here = config.get("stages", {}).get(stage, {})
    places = (
        here.get("lambda_functions", {}).get(handler, {}),
        here,
        config.get("lambda_functions", {}).get(handler, {}),
        config,
    )
    return next((place[name] for place in places if place.get(name) is not None), None)


def stack(stage: str) -> str:
    """Name the stack of what the stage keeps."""
    return f"{APP}-{stage}"


def subscriptions_stack(stage: str) -> str:
    """Name the stack of who hears of it; its suffix alone is too long for a stage's name, so it is no other stage's."""
    return f"{stack(stage)}-completions-subscriptions"


def roles_stack(stage: str) -> str:
    """Name the stack of the functions' roles; its suffix, too, is longer than a stage's name."""
    return f"{stack(stage)}-roles-of-the-functions"


def alarms_stack(stage: str) -> str:
    """Name the stack of alarms and dashboard, likewise."""
    return f"{stack(stage)}-alarms-and-the-dashboard"


def failed_queue(stage: str) -> str:
    """Name the queue that takes what Lambda gives up on."""
    return f"{APP}-{stage}-failed"


def subscriptions(topic_arn: str, named: Iterable[Subscription]) -> Json:
    """List the subscriptions of a stage as a CloudFormation template of their own.

    CloudFormation then knows which ones the deployment made, and works out what is to be added, changed and removed. A
    resource is called by its address alone: another filter changes it in place, and nobody has to confirm once more.
    """
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Who hears of the completions, by the stage's NOTIFY.",
        "Resources": {_logical_id(one): _subscription(topic_arn, one) for one in named},
    }


def _logical_id(subscription: Subscription) -> str:
    return subscription.protocol.capitalize() + hashlib.sha256(subscription.endpoint.encode()).hexdigest()[:16]


def _subscription(topic_arn: str, subscription: Subscription) -> Json:
    properties: Json = {
        "TopicArn": topic_arn,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
    }
    if events := _events(subscription):
        properties["FilterPolicy"] = {"event": [event.value for event in events]}
    if subscription.protocol == "sqs":
        properties["RawMessageDelivery"] = True
    return {"Type": "AWS::SNS::Subscription", "Properties": properties}


def _events(subscription: Subscription) -> list[CompletionEvent]:
    """List the events that a subscriber hears of; an empty list is all of them."""
    if subscription.protocol != "sqs":
        return [CompletionEvent.FAILED] if subscription.failures_only else IMAGE_EVENTS
    return [CompletionEvent.FAILED, CompletionEvent.ORDER_FAILED] if subscription.failures_only else []


def text(document: Json) -> str:
    return json.dumps(document, indent=2) + "\n"


def compact(document: Json) -> str:
    """Write a document as CloudFormation wants it: a template may have 51,200 bytes, and a parameter 4,096."""
    return json.dumps(document, separators=(",", ":"))
