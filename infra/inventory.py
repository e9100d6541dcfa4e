"""What a stage has in AWS outside of its stacks, found by the stage's names and tags.

Chalice names what it makes by app, stage and handler, and tags functions with all three. No file has to be kept:
whoever looks sees the same, also after a deployment that broke off.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from infra.places import Place
from infra.stage import APP, Json

API_HANDLER = "api_handler"
"""What Chalice calls the function of the REST API. Its name in AWS is that of the stage alone."""

LOGS = "/aws/lambda/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """A stage's resources. `functions` and `roles` are ARNs by handler, `rules` are names by handler.

    `subscriptions` are those of the functions, each with `Endpoint`, `TopicArn` and `SubscriptionArn`. `apis` are ids,
    the oldest first; `layers` ARNs of versions, the latest first. `buckets` are, by handler, those that may invoke it.
    """

    functions: Mapping[str, str]
    roles: Mapping[str, str]
    rules: Mapping[str, str]
    subscriptions: Sequence[Mapping[str, str]]
    sources: Sequence[str]
    buckets: Mapping[str, Sequence[str]]
    apis: Sequence[str]
    layers: Sequence[str]
    logs: Sequence[str]


def take(place: Place, stage: str) -> Inventory:
    client = place.client
    own, others = functions(client("lambda"), stage)
    return Inventory(
        functions=own,
        roles=dict(roles(client("iam"), stage)),
        rules=dict(_rules(client("events"), stage)),
        subscriptions=list(_subscriptions(client("sns"), stage, others)),
        sources=[uuid for arn in own.values() for uuid in _sources(client("lambda"), arn)],
        buckets={name: _buckets(client("lambda"), arn) for name, arn in own.items()},
        apis=list(_apis(client("apigateway"), stage)),
        layers=list(_layers(client("lambda"), stage)),
        logs=list(_logs(client("logs"), stage, others)),
    )


def functions(client: Any, stage: str) -> tuple[dict[str, str], frozenset[str]]:
    """Return the stage's functions, as ARNs by handler, and the names of others that are called like them.

    `halftone-a-b` may be the function `b` of stage `a`, or the REST function of stage `a-b`: Chalice's tag tells.
    """
    own, others = {}, set()
    for page in client.get_paginator("list_functions").paginate():
        for found in page["Functions"]:
            name, arn = found["FunctionName"], found["FunctionArn"]
            if (called := handler(stage, name)) is None:
                continue
            tag = client.list_tags(Resource=arn)["Tags"].get("aws-chalice", "")
            if tag.endswith(f":stage={stage}:app={APP}"):
                own[called] = arn
            else:
                others.add(name)
    return own, frozenset(others)


def roles(iam: Any, stage: str) -> Iterator[tuple[str, str]]:
    """List the roles that Chalice made: it names that of the REST function by the handler, too."""
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            called = handler(stage, role["RoleName"])
            if called and role["RoleName"] != f"{APP}-{stage}" and _is_lambdas(role["AssumeRolePolicyDocument"]):
                yield called, role["Arn"]


def handler(stage: str, name: str) -> str | None:
    """Return the handler of a function, by its name; None where it is none of the stage's.

    Handlers are Python's names, so they have no hyphen.

    >>> handler("prod", "halftone-prod-on_upload"), handler("prod", "halftone-prod-eu-on_upload")
    ('on_upload', None)
    """
    if name == f"{APP}-{stage}":
        return API_HANDLER
    rest = name.removeprefix(f"{APP}-{stage}-")
    return rest if rest != name and rest.isidentifier() else None


def deployed(found: Inventory) -> Json:
    """Return the inventory as Chalice keeps it, in its `deployed/<stage>.json` of schema version 2.0.

    Chalice updates what it finds there, makes what it does not, and deletes what the app no longer has, the last first.
    """
    resources: list[Json] = [
        {"name": "managed-layer", "resource_type": "lambda_layer", "layer_version_arn": arn} for arn in found.layers[:1]
    ]
    for name, arn in found.roles.items():
        role = {"role_arn": arn, "role_name": arn.rpartition("/")[2]}
        resources.append({"name": f"{name}_role", "resource_type": "iam_role", **role})
    for name, arn in found.functions.items():
        resources.append({"name": name, "resource_type": "lambda_function", "lambda_arn": arn})
    for name, rule in found.rules.items():
        resources.append({"name": f"{name}-event", "resource_type": "cloudwatch_event", "rule_name": rule})
    for name, arn in found.functions.items():
        for bucket in found.buckets[name]:
            event = {"bucket": bucket, "lambda_arn": arn}
            resources.append({"name": f"{name}-s3event", "resource_type": "s3_event", **event})
        for one in found.subscriptions:
            if one["Endpoint"] == arn:
                topic = {"topic": one["TopicArn"], "topic_arn": one["TopicArn"]}
                subscription = {**topic, "lambda_arn": arn, "subscription_arn": one["SubscriptionArn"]}
                resources.append({"name": f"{name}-sns-subscription", "resource_type": "sns_event", **subscription})
    resources += [{"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api} for api in found.apis[:1]]
    return {"resources": resources, "schema_version": "2.0", "backend": "api"}


def _is_lambdas(trust: Json) -> bool:
    """Whether only Lambda may take a role."""
    principals = [statement["Principal"] for statement in trust["Statement"]]
    return all(principal == {"Service": "lambda.amazonaws.com"} for principal in principals)


def _rules(events: Any, stage: str) -> Iterator[tuple[str, str]]:
    for page in events.get_paginator("list_rules").paginate(NamePrefix=f"{APP}-{stage}-"):
        for rule in page["Rules"]:
            name = rule["Name"].removesuffix("-event")
            if name != rule["Name"] and (called := handler(stage, name)):
                yield called, rule["Name"]


def _subscriptions(sns: Any, stage: str, others: frozenset[str]) -> Iterator[Mapping[str, str]]:
    for page in sns.get_paginator("list_subscriptions").paginate():
        for one in page["Subscriptions"]:
            name = one["Endpoint"].rpartition(":")[2]
            if one["Protocol"] == "lambda" and handler(stage, name) and name not in others:
                yield one


def _sources(client: Any, function: str) -> Iterator[str]:
    for page in client.get_paginator("list_event_source_mappings").paginate(FunctionName=function):
        yield from (found["UUID"] for found in page["EventSourceMappings"])


def _buckets(client: Any, function: str) -> list[str]:
    """Name the buckets that may invoke a function, by its policy."""
    with suppress(client.exceptions.ResourceNotFoundException):  # nobody may
        policy = client.get_policy(FunctionName=function)["Policy"]
        return sorted(set(re.findall(r'arn:[a-z-]+:s3:::([^"/]+)"', policy)))
    return []


def _apis(gateway: Any, stage: str) -> Iterator[str]:
    """List the REST APIs that invoke the stage's function. Chalice gives them all the app's name, the deployment that
    of the stage.
    """
    pages = gateway.get_paginator("get_rest_apis").paginate()
    named = [api for page in pages for api in page["items"] if api["name"] in {APP, f"{APP}-{stage}"}]
    for api in sorted(named, key=lambda api: api["createdDate"]):
        resources = gateway.get_paginator("get_resources").paginate(restApiId=api["id"], embed=["methods"])
        methods = [
            method
            for page in resources
            for resource in page["items"]
            for method in resource.get("resourceMethods", {}).values()
        ]
        uris = [method.get("methodIntegration", {}).get("uri", "") for method in methods]
        if any(f":function:{APP}-{stage}/" in uri for uri in uris):
            yield api["id"]


def _layers(client: Any, stage: str) -> Iterator[str]:
    pages = client.get_paginator("list_layer_versions").paginate(LayerName=f"{APP}-{stage}-managed-layer")
    for page in pages:
        yield from (version["LayerVersionArn"] for version in page["LayerVersions"])


def _logs(logs: Any, stage: str, others: frozenset[str]) -> Iterator[str]:
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"{LOGS}{APP}-{stage}")
    for page in pages:
        for group in page["logGroups"]:
            name = group["logGroupName"].removeprefix(LOGS)
            if handler(stage, name) and name not in others:
                yield group["logGroupName"]
