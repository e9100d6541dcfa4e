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
from infra import (
    additions,
    alarms,
    api,
    artefacts,
    buckets,
    canary,
    chalice,
    checkout,
    choices,
    functions,
    history,
    inventory,
    lock,
    logs,
    notifications,
    role_template,
    roles,
    secrets,
    stacks,
    tags,
)
from infra import stage as stages
from infra.additions import Additions
from infra.buckets import Bucket
from infra.choices import Choices
from infra.errors import DeployError
from infra.inventory import Inventory
from infra.places import Place
from infra.roles import Estate
from infra.stage import Json
from infra.subscriptions import Subscription

TEMPLATE = Path(__file__).with_name("halftone.yaml")
EXTRA = Path(__file__).with_name("policy-extra.json")
MACHINES = {  # by the parameter of the template
    "WorkflowDefinition": TEMPLATE.with_name("workflow.asl.json"),
    "ChainDefinition": TEMPLATE.with_name("chain.asl.json"),
}

PACKAGED = "RestAPIId"
"""An output that a stage's stack has only if functions and API are in it (`package.py`)."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a deployment is asked for; None is as it is, or as a new stage has it.

    `buckets` are those that exist already, by role. `canary` of None is one for the first deployment.
    """

    pipeline: str | None = None
    buckets: Mapping[str, str] = field(default_factory=dict)
    canary: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is deployed, where to, and with which of Chalice's settings (`config`) and of ours."""

    place: Place
    stage: str
    project: Path
    config: Json
    choice: Choices
    additions: Additions
    named: str
    pipeline: Pipeline

    @property
    def present(self) -> dict[str, str]:
        """The stage's environment variables as they are configured."""
        variables: dict[str, str] = self.config.get("stages", {}).get(self.stage, {}).get("environment_variables", {})
        return variables

    @property
    def tags(self) -> dict[str, str]:
        return stages.tags(self.config, self.stage)

    def apply(self, name: str, template: str, parameters: Mapping[str, str] | None = None) -> dict[str, str]:
        """Create or update one of the stage's stacks, and return its outputs."""
        return stacks.apply(self.place.client("cloudformation"), name, template, parameters or {}, self.tags)


def deploy(place: Place, stage: str, project: Path, wishes: Wishes) -> None:
    """Create or update the stage; what it is configured with is left in the project's `.chalice`.

    First everything is looked at, so that what is wrong is said before anything is made.
    """
    plan = planned(place, stage, project, wishes.pipeline)
    print(f"stage {stage} with pipeline {plan.named}, on {place}", flush=True)
    with lock.held(place.client("ssm"), stage, place.caller):
        before = inventory.take(place, stage)
        variables = _make_stack(plan, before, wishes.buckets)
        former = roles.former_folders(_allowed_now(place, before), variables["SOURCE_BUCKET"])
        estate = Estate(
            stage, place.region, place.account, place.partition, variables, plan.pipeline, former, plan.additions
        )
        _make_functions(plan, before, estate)
        _finish(plan, estate)
        if wishes.canary or (wishes.canary is None and not before.apis):
            canary.fly(place, variables, plan.pipeline.source)
        topic, named = variables["COMPLETIONS_TOPIC_ARN"], plan.choice.subscriptions
        subscribe(place.client("cloudformation"), stage, topic, named, plan.tags)
        history.finish(place.client("ssm"), stage)


def planned(place: Place, stage: str, project: Path, pipeline: str | None) -> Plan:
    """Read all settings of a deployment; raises DeployError, SettingsError and PipelineError for what is wrong."""
    if not re.fullmatch(stages.NAME, stage):
        raise DeployError("expected a stage's name of lower-case letters, digits and hyphens, 20 at most")
    config = chalice.config(project)
    choice = choices.read(config, stage)
    extra = json.loads(EXTRA.read_text()) if EXTRA.exists() else {}
    present = config.get("stages", {}).get(stage, {}).get("environment_variables", {})
    named = pipeline or present.get("PIPELINE") or stages.DEFAULTS["PIPELINE"]
    return Plan(
        place=place,
        stage=stage,
        project=project,
        config=config,
        choice=choice,
        additions=additions.read(config, stage, choice.kms_keys, extra, roles.KINDS),
        named=named,
        pipeline=loading.load(chalice.packaged(project, named)),
    )


def parameters(plan: Plan, chosen: Mapping[str, Bucket]) -> dict[str, str]:
    """Return what the template of what the stage keeps has to be told."""
    return {
        "Stage": plan.stage,
        "EncryptionKey": plan.choice.encryption_key,
        "PermissionsBoundary": plan.choice.permissions_boundary,
        "DeletionProtection": json.dumps(plan.choice.is_protected),
        **buckets.parameters(chosen),
        **definitions(),
    }


def _make_stack(plan: Plan, before: Inventory, named: Mapping[str, str]) -> dict[str, str]:
    """Have what the stage keeps and announces, and return the environment variables that name it."""
    place, stage, choice = plan.place, plan.stage, plan.choice
    name, cloudformation = stages.stack(stage), place.client("cloudformation")
    present = stacks.find(cloudformation, name)
    if PACKAGED in stacks.outputs(present):
        raise DeployError("it was deployed from a package, and this would replace its API; package it again")
    chosen = buckets.chosen(stage, place, present, named, plan.present)
    _check_buckets(place, chosen, plan.pipeline, set(before.functions.values()))
    functions.check_reserved(place.client("lambda"), before.functions, _reserved(plan))
    history.begin(place.client("ssm"), stage, checkout.commit(plan.project), plan.named, place.caller)
    outputs = plan.apply(name, TEMPLATE.read_text(), parameters(plan, chosen))
    stacks.protect(cloudformation, name, protected=choice.is_protected)
    variables = stages.environment(outputs, {**plan.present, "PIPELINE": plan.named})
    checked = settings.load({**plan.config.get("environment_variables", {}), **variables})
    secrets.check(place.client("ssm"), stage, checked.webhook_hosts)
    return variables


def _make_functions(plan: Plan, before: Inventory, estate: Estate) -> None:
    """Have the functions with their logs and roles, and the API.

    The roles are as the new code needs them shortly before it comes: till then the old one runs with them.
    """
    place, stage, project = plan.place, plan.stage, plan.project
    arns = role_template.role_arns(estate)
    chalice.configure(project, stages.configured(plan.config, stage, estate.variables, arns))
    functions.settle(place.client("lambda"), before.functions.values())
    chalice.remember(project, stage, inventory.deployed(before))
    artefacts.build(project)
    days, key = plan.choice.log_retention_days, plan.choice.encryption_key
    logs.keep(place.client("logs"), map(estate.log_group, estate.handlers), days, key)
    granted = role_template.template(estate, plan.choice.permissions_boundary)
    plan.apply(stages.roles_stack(stage), stages.compact(granted))
    chalice.deploy(project, stage)


def _finish(plan: Plan, estate: Estate) -> None:
    """Do what Chalice has no setting for, and have what has come about watched."""
    place, stage, choice = plan.place, plan.stage, plan.choice
    found = inventory.take(place, stage)
    queue = place.arn("sqs", stages.failed_queue(stage))
    functions.keep_what_fails(place.client("lambda"), found.functions.values(), queue)
    deployed_as = stages.setting(plan.config, stage, inventory.API_HANDLER, "api_gateway_stage")
    api.finish(place.client("apigateway"), found.apis[0], stages.stack(stage), deployed_as, choice.throttle)
    tags.put(place, stage, found, plan.tags)
    watched = alarms.template(estate, definitions().values(), choice.alarm_actions)
    plan.apply(stages.alarms_stack(stage), stages.compact(watched))


def subscribe(
    cloudformation: Any, stage: str, topic_arn: str, named: Iterable[Subscription], tagged: Mapping[str, str]
) -> None:
    """Make the stage's subscriptions those that are named; others to its topic are none of its business."""
    template, name = stages.subscriptions(topic_arn, named), stages.subscriptions_stack(stage)
    if template["Resources"]:
        stacks.apply(cloudformation, name, stages.compact(template), {}, tagged)
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


def _reserved(plan: Plan) -> dict[str, int]:
    """Return how many calls at once are reserved for each function that has any."""
    handlers = [handler for handlers in roles.KINDS.values() for handler in handlers]
    found = {handler: stages.setting(plan.config, plan.stage, handler, "reserved_concurrency") for handler in handlers}
    return {handler: number for handler, number in found.items() if number is not None}


def _check_buckets(place: Place, chosen: Mapping[str, Bucket], pipeline: Pipeline, own_functions: set[str]) -> None:
    """Raise DeployError if the stage cannot be attached to a bucket of somebody's; say what would help there."""
    wanted = notifications.wanted(pipeline, chosen["source"].name, chosen["dest"].name)
    for role, bucket in chosen.items():
        if not bucket.own:
            buckets.check_foreign(place, bucket.name, wanted.get(bucket.name, []), own_functions)
            for line in buckets.advice(place, role, bucket.name):
                print(f"note: {line}", flush=True)
