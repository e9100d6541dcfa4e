"""A stage's way back: everything of it is found in AWS, deleted, and looked for once more."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

from botocore.config import Config

from infra import buckets, history, inventory, lock, secrets, stacks
from infra import stage as stages
from infra.errors import DeployError
from infra.inventory import Inventory
from infra.places import Place

PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 10})
"""For API Gateway, which deletes one API in 30 s, and refuses more."""


def destroy(place: Place, stage: str, *, empty_buckets: bool, agreed: Callable[[str], bool]) -> None:
    """Delete everything of the stage, logs included; pictures only when asked for.

    `agreed` is asked once, before anything is deleted. Raises DeployError with what is left, when something is.
    """
    cloudformation = place.client("cloudformation")
    with lock.held(place.client("ssm"), stage, place.caller):
        own = stacks.buckets(cloudformation, stages.stack(stage))
        _check_protection(stacks.find(cloudformation, stages.stack(stage)), stage)
        full = [name for name in own if buckets.holds_pictures(place, name)]
        if full and not empty_buckets:
            raise DeployError(
                f"there are pictures in {' and '.join(full)}, and nothing was deleted; "
                f"to delete them as well: make destroy STAGE={stage} EMPTY_BUCKETS=yes"
            )
        found = inventory.take(place, stage)
        named = [*own, *stacks.outputs(stacks.find(cloudformation, stages.stack(stage))).values()]
        there = left(place, stage, found)
        if not there:
            print(f"there is nothing of stage {stage} on {place}")
            return
        pictures = f", with the pictures in {' and '.join(full)}" if full else ""
        if not agreed(f"delete stage {stage} on {place}{pictures}: {summary(there)}?"):
            raise DeployError("not agreed to, and nothing was deleted")
        for line in chain(_silence(place, found, _notified(place, found, named)), _remove(place, found)):
            print(f"deleted {line}", flush=True)
        for name in full:
            buckets.empty(place, name)
            print(f"deleted the pictures in {name}", flush=True)
        for stack in _stacks(stage):
            stacks.delete(cloudformation, stack)
        ssm = place.client("ssm")
        for name in (*secrets.forget(ssm, stage), *history.forget(ssm, stage)):
            print(f"deleted parameter {name}", flush=True)
        logs = place.client("logs")
        for group in inventory.take(place, stage).logs:  # those of the last calls, too
            logs.delete_log_group(logGroupName=group)
            print(f"deleted log group {group}", flush=True)
        if still := left(place, stage, inventory.take(place, stage)):
            raise DeployError("\n  ".join(["this is left, and deleting again may help:", *still]))
        print(f"stage {stage} is gone from {place}")


def _check_protection(stack: stacks.Stack | None, stage: str) -> None:
    if stack and stack.get("EnableTerminationProtection"):
        raise DeployError(
            f"the stage is protected, and nothing was deleted; to delete it: set DELETION_PROTECTION to false under "
            f"`deployment` in .chalice/config.json, make deploy STAGE={stage}, then make destroy STAGE={stage}"
        )


def left(place: Place, stage: str, found: Inventory) -> list[str]:
    """List what there is of a stage, a line each."""
    ssm = place.client("ssm")
    cloudformation = place.client("cloudformation")
    present = [name for name in _stacks(stage) if stacks.find(cloudformation, name) is not None]
    return [
        *(f"function {arn.rpartition(':')[2]}" for arn in found.functions.values()),
        *(f"role {arn.rpartition('/')[2]}" for arn in found.roles.values()),
        *(f"REST API {api}" for api in found.apis),
        *(f"layer version {arn}" for arn in found.layers),
        *(f"schedule {rule}" for rule in found.rules.values()),
        *(f"subscription {one['SubscriptionArn']}" for one in found.subscriptions),
        *(f"event source mapping {uuid}" for uuid in found.sources),
        *(f"parameter {name}" for name in (*secrets.names(ssm, stage), *history.names(ssm, stage))),
        *(f"log group {group}" for group in found.logs),
        *(f"stack {name}" for name in present),
    ]


def summary(lines: list[str]) -> str:
    """Count what is listed, by kind.

    >>> summary(["log group a", "function b", "log group c"])
    '2 log group, 1 function'
    """
    kinds = [line.rpartition(" ")[0] for line in lines]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))


def _notified(place: Place, found: Inventory, named: list[str]) -> set[str]:
    """Name the buckets that may notify the stage: those its functions let in, and those of its stack."""
    listed = {bucket["Name"] for bucket in place.client("s3").list_buckets()["Buckets"]}
    return {bucket for names in found.buckets.values() for bucket in names} | (listed & set(named))


def _silence(place: Place, found: Inventory, notified: set[str]) -> Iterator[str]:
    """Delete what calls the functions, while they are still there to find it by."""
    events, s3 = place.client("events"), place.client("s3")
    for bucket in sorted(notified):
        if buckets.detach(s3, bucket, set(found.functions.values())):
            yield f"its notifications of bucket {bucket}"
    gateway = place.session.client("apigateway", config=PATIENT)
    for api in found.apis:
        gateway.delete_rest_api(restApiId=api)
        yield f"REST API {api}"
    for rule in found.rules.values():
        targets = [target["Id"] for target in events.list_targets_by_rule(Rule=rule)["Targets"]]
        if targets:
            events.remove_targets(Rule=rule, Ids=targets)
        events.delete_rule(Name=rule)
        yield f"schedule {rule}"
    for one in found.subscriptions:
        place.client("sns").unsubscribe(SubscriptionArn=one["SubscriptionArn"])
        yield f"subscription {one['SubscriptionArn']}"
    for uuid in found.sources:
        place.client("lambda").delete_event_source_mapping(UUID=uuid)
        yield f"event source mapping {uuid}"


def _remove(place: Place, found: Inventory) -> Iterator[str]:
    """Delete the functions, then what they were made of."""
    lambdas = place.client("lambda")
    for arn in found.functions.values():
        _delete_function(lambdas, arn)
        yield f"function {arn.rpartition(':')[2]}"
    for version in found.layers:
        name, number = version.split(":")[-2:]
        lambdas.delete_layer_version(LayerName=name, VersionNumber=int(number))
        yield f"layer version {version}"
    for arn in found.roles.values():
        _delete_role(place.client("iam"), arn.rpartition("/")[2])
        yield f"role {arn.rpartition('/')[2]}"


def _delete_function(lambdas: Any, arn: str) -> None:
    """Delete a function, and how its events are retried: that would hold for another function of its name."""
    with suppress(lambdas.exceptions.ResourceNotFoundException):
        lambdas.delete_function_event_invoke_config(FunctionName=arn)
    lambdas.delete_function(FunctionName=arn)


def _delete_role(iam: Any, role: str) -> None:
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=policy)
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])
    iam.delete_role(RoleName=role)


def _stacks(stage: str) -> list[str]:
    """Name a stage's stacks in the order in which they can be deleted."""
    first = [stages.subscriptions_stack(stage), stages.alarms_stack(stage), stages.roles_stack(stage)]
    return [*first, stages.stack(stage)]
