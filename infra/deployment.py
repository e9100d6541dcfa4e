"""A stage's way into AWS: its stacks, then Chalice's part of it, then what Chalice has no setting for."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib import settings
from chalicelib.model.pipeline import Pipeline
from chalicelib.pipelines import loading
from chalicelib.subscriptions import Subscription
from infra import (
    additions,
    artefacts,
    buckets,
    canary,
    chalice,
    choices,
    functions,
    inventory,
    lock,
    logs,
    notifications,
    role_template,
    roles,
    secrets,
    stacks,
)
from infra import stage as stages
from infra.buckets import Bucket
from infra.errors import DeployError
from infra.inventory import Inventory
from infra.places import Place
from infra.stage import Json

TEMPLATE = Path(__file__).with_name("halftone.yaml")
EXTRA = Path(__file__).with_name("policy-extra.json")
MACHINES = {  # by the parameter of the template
    "WorkflowDefinition": TEMPLATE.with_name("workflow.asl.json"),
    "ChainDefinition": TEMPLATE.with_name("chain.asl.json"),
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a deployment is asked for; None is as it is, or as a new stage has it.

    `buckets` are those that exist already, by role. `canary` of None is one for the first deployment.
    """

    pipeline: str | None = None
    buckets: Mapping[str, str] = field(default_factory=dict)
    canary: bool | None = None


def deploy(place: Place, stage: str, project: Path, wishes: Wishes) -> None:
    """Create or update the stage; what it is configured with is left in the project's `.chalice`.

    First everything is looked at, so that what is wrong is said before anything is made.
    """
    _check_name(stage)
    config = chalice.config(project)
    present = config.get("stages", {}).get(stage, {}).get("environment_variables", {})
    choice = choices.read(config, stage)
    extra = json.loads(EXTRA.read_text()) if EXTRA.exists() else {}
    added = additions.read(config, stage, choice.kms_keys, extra, roles.KINDS)
    name = wishes.pipeline or present.get("PIPELINE") or stages.DEFAULTS["PIPELINE"]
    pipeline = loading.load(chalice.packaged(project, name))
    print(f"stage {stage} with pipeline {name}, on {place}", flush=True)
    cloudformation, lambdas = place.client("cloudformation"), place.client("lambda")
    with lock.held(place.client("ssm"), stage, place.caller):
        stack = stacks.find(cloudformation, stages.stack(stage))
        chosen = buckets.chosen(stage, place, stack, wishes.buckets, present)
        found = inventory.take(place, stage)
        _check_buckets(place, chosen, pipeline, set(found.functions.values()))
        parameters = {"Stage": stage, **buckets.parameters(chosen), **definitions()}
        outputs = stacks.apply(cloudformation, stage, stages.stack(stage), TEMPLATE.read_text(), parameters)
        variables = stages.environment(outputs, {**present, "PIPELINE": name})
        checked = settings.load({**config.get("environment_variables", {}), **variables})
        secrets.check(place.client("ssm"), stage, checked.webhook_hosts)
        former = roles.former_folders(_allowed_now(place, found), variables["SOURCE_BUCKET"])
        estate = roles.Estate(stage, place.region, place.account, place.partition, variables, pipeline, former, added)
        chalice.configure(project, stages.configured(config, stage, variables, role_template.role_arns(estate)))
        functions.settle(lambdas, found.functions.values())
        chalice.remember(project, stage, inventory.deployed(found))
        artefacts.build(project)
        logs.keep(place.client("logs"), map(estate.log_group, estate.handlers), choice.log_retention_days)
        granted = role_template.template(estate, choice.permissions_boundary)
        stacks.apply(cloudformation, stage, stages.roles_stack(stage), stages.compact(granted), {})
        chalice.deploy(project, stage)
        own, _ = inventory.functions(lambdas, stage)
        functions.keep_what_fails(lambdas, own.values(), place.arn("sqs", stages.failed_queue(stage)))
        if wishes.canary or (wishes.canary is None and not found.apis):
            canary.fly(place, variables, pipeline.source)
        subscribe(cloudformation, stage, checked.completions_topic_arn, choice.subscriptions)


def subscribe(cloudformation: Any, stage: str, topic_arn: str, named: Iterable[Subscription]) -> None:
    """Make the stage's subscriptions those that are named; others to its topic are none of its business."""
    template, name = stages.subscriptions(topic_arn, named), stages.subscriptions_stack(stage)
    if template["Resources"]:
        stacks.apply(cloudformation, stage, name, stages.compact(template), {})
    else:
        stacks.delete(cloudformation, name)  # there are no stacks without resources


def definitions() -> dict[str, str]:
    """Read the state machines; without white space, because a parameter may have 4,096 characters."""
    documents = {name: json.loads(path.read_text()) for name, path in MACHINES.items()}
    return {name: stages.compact(document) for name, document in documents.items()}


def _allowed_now(place: Place, found: Inventory) -> list[Json]:
    """Return the policies of the function that writes variants; a stage may have none yet."""
    function = found.functions.get("on_upload")
    return functions.policies(place.client("lambda"), place.client("iam"), function) if function else []


def _check_name(stage: str) -> None:
    """Raise DeployError for a name that AWS, or the template, would not take."""
    if not re.fullmatch(stages.NAME, stage):
        raise DeployError("expected a stage's name of lower-case letters, digits and hyphens, 20 at most")


def _check_buckets(place: Place, chosen: Mapping[str, Bucket], pipeline: Pipeline, own_functions: set[str]) -> None:
    """Raise DeployError if the stage cannot be attached to a bucket of somebody's; say what would help there."""
    wanted = notifications.wanted(pipeline, chosen["source"].name, chosen["dest"].name)
    for role, bucket in chosen.items():
        if not bucket.own:
            buckets.check_foreign(place, bucket.name, wanted.get(bucket.name, []), own_functions)
            for line in buckets.advice(place, role, bucket.name):
                print(f"note: {line}", flush=True)
