"""`python -m infra.deploy COMMAND --stage X`: a stage's stack, then Chalice's part of it, and the way back.

AWS and the local cloud are deployed the same way; boto3's own settings (AWS_PROFILE, AWS_DEFAULT_REGION,
AWS_ENDPOINT_URL) say where to.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

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
    checkout,
    choices,
    functions,
    history,
    inventory,
    lock,
    notifications,
    places,
    roles,
    secrets,
    stacks,
)
from infra import stage as stages
from infra.buckets import Bucket
from infra.destroy import destroy
from infra.errors import DeployError
from infra.places import Place

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = Path(__file__).with_name("halftone.yaml")
EXTRA = Path(__file__).with_name("policy-extra.json")
MACHINES = {  # by the parameter of the template
    "WorkflowDefinition": TEMPLATE.with_name("workflow.asl.json"),
    "ChainDefinition": TEMPLATE.with_name("chain.asl.json"),
}
COMMANDS = {
    "deploy": "create or update the stage",
    "destroy": "delete everything of the stage",
    "state": "write down for `chalice deploy` what there is of the stage",
    "unlock": "let the stage be deployed although a deployment that died has it",
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a deployment is asked for; None is as it is, or as a new stage has it.

    `buckets` are those that exist already, by role. `canary` of None is one for the first deployment.
    """

    pipeline: str | None = None
    buckets: Mapping[str, str] = field(default_factory=dict)
    canary: bool | None = None


def main() -> None:
    options = _options()
    try:
        place = places.here()
        if options.command == "deploy":
            named = {"source": options.source_bucket, "dest": options.dest_bucket}
            given = {role: name for role, name in named.items() if name}
            deploy(place, options.stage, options.project, Wishes(options.pipeline, given, options.canary))
        elif options.command == "destroy":
            agreed = _agreed if not options.yes else lambda _: True
            destroy(place, options.stage, empty_buckets=options.empty_buckets, agreed=agreed)
            chalice.memory(options.project, options.stage).unlink(missing_ok=True)
        elif options.command == "state":
            found = inventory.take(place, options.stage)
            chalice.remember(options.project, options.stage, inventory.deployed(found))
            print(f"wrote {chalice.memory(options.project, options.stage)}")
        else:
            owner = lock.break_open(place.client("ssm"), options.stage)
            print(f"took the lock of {owner}" if owner else "nobody has the stage")
    except (
        DeployError,
        artefacts.ArtefactError,
        loading.PipelineError,
        settings.SettingsError,
        ClientError,
        BotoCoreError,
    ) as error:
        sys.exit(f"{options.command} of stage {options.stage}: {error}")


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
    cloudformation, lambdas, ssm = place.client("cloudformation"), place.client("lambda"), place.client("ssm")
    with lock.held(ssm, stage, place.caller):
        stack = stacks.find(cloudformation, stages.stack(stage))
        chosen = buckets.chosen(stage, place, stack, wishes.buckets, present)
        found = inventory.take(place, stage)
        _check_buckets(place, chosen, pipeline, set(found.functions.values()))
        history.begin(ssm, stage, checkout.commit(project), name, place.caller)
        parameters = {"Stage": stage, **buckets.parameters(chosen), **definitions()}
        outputs = stacks.apply(cloudformation, stage, stages.stack(stage), TEMPLATE.read_text(), parameters)
        variables = stages.environment(outputs, {**present, "PIPELINE": name})
        checked = settings.load({**config.get("environment_variables", {}), **variables})
        secrets.check(ssm, stage, checked.webhook_hosts)
        policies = chalice.read_policies(project, stage)
        former = roles.former_folders(policies, variables["SOURCE_BUCKET"])
        estate = roles.Estate(stage, place.region, place.account, place.partition, variables, pipeline, former, added)
        chalice.write_policies(project, stage, roles.policies(estate))
        chalice.configure(project, stages.configured(config, stage, variables, roles.policy_files(stage)))
        functions.settle(lambdas, found.functions.values())
        chalice.remember(project, stage, inventory.deployed(found))
        artefacts.build(project)
        chalice.deploy(project, stage)
        own, _ = inventory.functions(lambdas, stage)
        functions.keep_what_fails(lambdas, own.values(), place.arn("sqs", stages.failed_queue(stage)))
        if wishes.canary or (wishes.canary is None and not found.apis):
            canary.fly(place, variables, pipeline.source)
        subscribe(cloudformation, stage, checked.completions_topic_arn, choice.subscriptions)
        history.finish(ssm, stage)


def subscribe(cloudformation: Any, stage: str, topic_arn: str, named: Iterable[Subscription]) -> None:
    """Make the stage's subscriptions those that are named; others to its topic are none of its business."""
    template, name = stages.subscriptions(topic_arn, named), stages.subscriptions_stack(stage)
    if template["Resources"]:
        stacks.apply(cloudformation, stage, name, stages.text(template), {})
    else:
        stacks.delete(cloudformation, name)  # there are no stacks without resources


def definitions() -> dict[str, str]:
    """Read the state machines; without white space, because a parameter may have 4,096 characters."""
    documents = {name: json.loads(path.read_text()) for name, path in MACHINES.items()}
    return {name: json.dumps(document, separators=(",", ":")) for name, document in documents.items()}


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


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise DeployError("nobody is there to be asked; to delete without a question: YES=yes")
    return input(f"{question} [yes/no] ").strip() == "yes"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command, what in COMMANDS.items():
        own = commands.add_parser(command, help=what)
        own.add_argument("--stage", required=True, help="a name of your choice: dev, prod, ...")
        own.add_argument("--project", type=Path, default=ROOT, help="the Chalice project (default: this checkout)")
        if command == "deploy":
            own.add_argument("--pipeline", help="the pipeline of the stage (default: as it is, or 'default')")
            own.add_argument("--source-bucket", help="a bucket that exists, for originals (default: one of its own)")
            own.add_argument("--dest-bucket", help="a bucket that exists, for variants (default: one of its own)")
            own.add_argument("--canary", action=argparse.BooleanOptionalAction, help="default: the first time only")
        if command == "destroy":
            own.add_argument("--empty-buckets", action="store_true", help="delete the pictures too, for good")
            own.add_argument("--yes", action="store_true", help="do not ask")
    return parser.parse_args()


if __name__ == "__main__":
    main()
