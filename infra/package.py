"""`python -m infra.package --stage X`: a whole stage as one CloudFormation template, and the zips that it names.

AWS is asked nothing, and nothing is changed there or in `.chalice`. The template can go to any account and region.
"""

import argparse
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from chalice.package import YAMLTemplateSerializer
from chalice.utils import to_cfn_resource_name

from chalicelib import settings
from chalicelib.model.pipeline import Pipeline
from chalicelib.pipelines import loading
from infra import alarms, anywhere, artefacts, buckets, deployment, notifications, role_template, sam
from infra import stage as stages
from infra.anywhere import ANYWHERE
from infra.buckets import Bucket
from infra.choices import Choices
from infra.deployment import Wishes
from infra.errors import DeployError
from infra.roles import Estate
from infra.stage import Json

TEMPLATE = "template.json"
LONGEST_NAME = 17
"""Characters of a stage: a bucket's name has room for no more in the regions with the longest names."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.package", description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--pipeline", help="the pipeline of the stage (default: as it is, or 'default')")
    parser.add_argument("--source-bucket", help="none: a template cannot add a notification to a bucket that exists")
    parser.add_argument("--dest-bucket", help="a bucket that exists, for variants (default: one of its own)")
    parser.add_argument("--out", type=Path, help="a folder (default: .local/package/<stage>)")
    options = parser.parse_args()
    named = {"source": options.source_bucket, "dest": options.dest_bucket}
    wishes = Wishes(options.pipeline, {role: name for role, name in named.items() if name})
    out = options.out or Path(".local", "package", options.stage)
    try:
        package(options.stage, Path.cwd(), wishes, out)
    except (DeployError, artefacts.ArtefactError, loading.PipelineError, settings.SettingsError) as error:
        sys.exit(f"package of stage {options.stage}: {error}")


def package(stage: str, project: Path, wishes: Wishes, out: Path) -> None:
    """Write template and zips of the Chalice project into a folder; its app is imported."""
    if len(stage) > LONGEST_NAME:
        raise DeployError(
            f"expected a stage's name of {LONGEST_NAME} characters at most; "
            f"in a region with a long name, its buckets' names would be too long"
        )
    plan = deployment.planned(ANYWHERE, stage, project, wishes.pipeline)
    chosen = _buckets(stage, wishes.buckets, plan.present)
    _check_notified(chosen, plan.pipeline)
    document = YAMLTemplateSerializer().load_template(deployment.TEMPLATE.read_text())
    kept = anywhere.resolved(document, deployment.parameters(plan, chosen))
    variables = stages.environment(anywhere.outputs(kept), {**plan.present, "PIPELINE": plan.named})
    settings.load({**plan.config.get("environment_variables", {}), **variables})
    estate = Estate(
        stage,
        ANYWHERE.region,
        ANYWHERE.account,
        ANYWHERE.partition,
        variables,
        plan.pipeline,
        additions=plan.additions,
    )
    configured = stages.configured(plan.config, stage, variables, role_template.role_arns(estate))
    app, layer = artefacts.build(project)
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(app, out / sam.APP_ZIP)
    shutil.copyfile(layer, out / sam.LAYER_ZIP)
    whole = sam.complete(_beside(kept, estate, plan.choice), project, configured, stage, plan.choice.throttle)
    (out / TEMPLATE).write_text(stages.text(anywhere.placed(whole)))
    print(f"wrote {out / TEMPLATE}: stage {stage} with pipeline {plan.named}")


def _beside(kept: Json, estate: Estate, choice: Choices) -> Json:
    """Add to what the stage keeps the roles, logs and alarms of its functions, and who hears of the completions."""
    watched = alarms.template(estate, deployment.definitions().values(), choice.alarm_actions)
    heard = stages.subscriptions(estate.variables["COMPLETIONS_TOPIC_ARN"], choice.subscriptions)
    resources = {
        **kept["Resources"],
        **role_template.template(estate, choice.permissions_boundary)["Resources"],
        **_log_groups(estate, choice),
        **watched["Resources"],
        **anywhere.referring(heard["Resources"], anywhere.references(kept["Resources"])),
    }
    return {**kept, "Resources": resources}


def _log_groups(estate: Estate, choice: Choices) -> Json:
    key = {"KmsKeyId": choice.encryption_key} if choice.encryption_key else {}
    return {
        to_cfn_resource_name(f"{handler}_logs"): {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {
                "LogGroupName": estate.log_group(handler),
                "RetentionInDays": choice.log_retention_days,
                **key,
            },
        }
        for handler in estate.handlers
    }


def _buckets(stage: str, named: Mapping[str, str], present: Mapping[str, str]) -> dict[str, Bucket]:
    """Decide on the stage's buckets, by role: its own, or those that exist already."""
    existing = {role: named.get(role) or buckets.existing(role, stage, present) for role in buckets.ROLES}
    return {
        role: Bucket(name or buckets.own_name(role, stage, ANYWHERE), own=name is None)
        for role, name in existing.items()
    }


def _check_notified(chosen: Mapping[str, Bucket], pipeline: Pipeline) -> None:
    """Raise DeployError if a bucket would have to notify the stage that is not in its template."""
    notified = notifications.wanted(pipeline, chosen["source"].name, chosen["dest"].name)
    for role, bucket in chosen.items():
        if bucket.name in notified and not bucket.own:
            raise DeployError(
                f"{buckets.ROLES[role]}: {bucket.name} exists already, and CloudFormation has no resource for "
                f"a notification of such a bucket; to attach a stage to it: make deploy"
            )


if __name__ == "__main__":
    main()
