"""`python -m infra.deploy deploy|destroy --stage X`: a stage's stack, then Chalice's part of it, and the way back.

AWS and the local cloud are deployed the same way; boto3's own settings (AWS_PROFILE, AWS_DEFAULT_REGION,
AWS_ENDPOINT_URL) say where to.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import settings
from chalicelib.pipelines import loading
from chalicelib.subscriptions import Subscription
from infra import additions, choices, roles, secrets
from infra import stage as stages

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = Path(__file__).with_name("halftone.yaml")
EXTRA = Path(__file__).with_name("policy-extra.json")
MACHINES = {  # by the parameter of the template
    "WorkflowDefinition": TEMPLATE.with_name("workflow.asl.json"),
    "ChainDefinition": TEMPLATE.with_name("chain.asl.json"),
}
POLL = 1.0  # seconds between two looks at a stack
RETRIES = 2  # of an asynchronous event, before it goes to the queue of what failed
PROPAGATION = 60.0  # seconds that a new policy may take until all of AWS knows it
NO_STACK = "does not exist"  # CloudFormation has one code for every refusal; these words tell them apart
NO_CHANGE = "No updates are to be performed"


class DeployError(Exception):
    """The deployment cannot go on; the message says what to do."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=__doc__)
    parser.add_argument("action", choices=["deploy", "destroy"])
    parser.add_argument("--stage", required=True, help="a name of your choice: dev, prod, ...")
    parser.add_argument("--project", type=Path, default=ROOT, help="the Chalice project (default: this checkout)")
    parser.add_argument("--pipeline", help="the pipeline of the stage (default: as it is, or 'default')")
    parser.add_argument("--empty-buckets", action="store_true", help="destroy: delete the pictures too, for good")
    options = parser.parse_args()
    try:
        if options.action == "deploy":
            deploy(options.stage, options.project, options.pipeline)
        else:
            destroy(options.stage, options.project, empty_buckets=options.empty_buckets)
    except (DeployError, loading.PipelineError, settings.SettingsError, ClientError, BotoCoreError) as error:
        sys.exit(f"{options.action} of stage {options.stage}: {error}")


def deploy(stage: str, project: Path, pipeline: str | None) -> None:
    """Create or update the stage; what it is configured with is left in the project's `.chalice`."""
    session = boto3.Session()
    if not session.region_name:
        raise DeployError("no region; set AWS_DEFAULT_REGION, or a region in the AWS profile")
    home = project / ".chalice"
    config = json.loads((home / "config.json").read_text())
    present = config.get("stages", {}).get(stage, {}).get("environment_variables", {})
    chosen_for_it = choices.read(config, stage)
    extra = json.loads(EXTRA.read_text()) if EXTRA.exists() else {}
    added = additions.read(config, stage, chosen_for_it.kms_keys, extra, roles.KINDS)
    name = pipeline or present.get("PIPELINE") or stages.DEFAULTS["PIPELINE"]
    chosen = loading.load(packaged(project, name))
    where = os.environ.get("AWS_ENDPOINT_URL") or f"AWS in {session.region_name}"
    print(f"stage {stage} with pipeline {name}, on {where}", flush=True)
    cloudformation = session.client("cloudformation")
    parameters = {"Stage": stage, **definitions()}
    outputs = apply_stack(cloudformation, stage, stages.stack(stage), TEMPLATE.read_text(), parameters)
    variables = stages.environment(outputs, {**present, "PIPELINE": name})
    checked = settings.load({**config.get("environment_variables", {}), **variables})
    secrets.check(session.client("ssm"), stage, checked.webhook_hosts)
    account = session.client("sts").get_caller_identity()["Account"]
    present_policies = read_policies(home / roles.folder(stage))
    former = roles.former_folders(present_policies, variables["SOURCE_BUCKET"])
    estate = roles.Estate(stage, session.region_name, account, variables, chosen, former, added)
    write_policies(home / roles.folder(stage), roles.policies(estate))
    configured = stages.configured(config, stage, variables, roles.policy_files(stage))
    (home / "config.json").write_text(stages.text(configured))
    chalice(project, "deploy", stage)
    queue = f"arn:aws:sqs:{session.region_name}:{account}:{stages.failed_queue(stage)}"
    keep_what_fails(session.client("lambda"), _functions(project, stage), queue)
    subscribe(cloudformation, stage, checked.completions_topic_arn, chosen_for_it.subscriptions)


def read_policies(folder: Path) -> dict[str, stages.Json]:
    """Read the policies of a stage, by kind of function; it may have none yet."""
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


def write_policies(folder: Path, policies: Mapping[str, stages.Json]) -> None:
    """Make the folder hold these policies and no others."""
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.json"):
        if path.stem not in policies:
            path.unlink()
    for kind, policy in policies.items():
        (folder / f"{kind}.json").write_text(stages.text(policy))


def subscribe(cloudformation: Any, stage: str, topic_arn: str, named: Iterable[Subscription]) -> None:
    """Make the stage's subscriptions those that are named; others to its topic are none of its business."""
    template, name = stages.subscriptions(topic_arn, named), stages.subscriptions_stack(stage)
    if template["Resources"]:
        apply_stack(cloudformation, stage, name, stages.text(template), {})
    else:
        delete_stack(cloudformation, name)  # there are no stacks without resources


def packaged(project: Path, pipeline: str) -> str:
    """Return a pipeline's name, or the path of its file, which has to be among what Chalice packages."""
    if not pipeline.endswith(".toml"):
        return pipeline
    path = project / pipeline
    if Path(pipeline).is_absolute() or not path.resolve().is_relative_to((project / "chalicelib").resolve()):
        raise DeployError(f"pipeline {pipeline}: expected a path under chalicelib/; nothing else is packaged")
    return str(path)


def keep_what_fails(client: Any, functions: Iterable[str], queue: str) -> None:
    """Have Lambda try each event three times, and then put it into the queue.

    Chalice has no setting for it. Lambda refuses a queue that the function's role may not send to, also while the
    role's policy, which Chalice has just written, is still spreading.
    """
    deadline = time.monotonic() + PROPAGATION
    for function in functions:
        while True:
            try:
                client.put_function_event_invoke_config(
                    FunctionName=function,
                    MaximumRetryAttempts=RETRIES,
                    DestinationConfig={"OnFailure": {"Destination": queue}},
                )
                break
            except client.exceptions.InvalidParameterValueException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL)


def chalice(project: Path, action: str, stage: str) -> None:
    """Run Chalice as its own command, and take for an error what it only mentions: a dependency without a wheel."""
    command = [str(Path(sys.executable).with_name("chalice")), action, "--stage", stage]
    print(f"chalice {action} --stage {stage}", flush=True)
    said = []
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            print(f"  {line}", end="", flush=True)
    if process.returncode != 0:
        raise DeployError(f"chalice {action} failed, see above")
    if any("Could not install dependencies" in line for line in said):
        raise DeployError("chalice found no wheel for a dependency, see above; it would be missing in Lambda")


def apply_stack(
    cloudformation: Any, stage: str, name: str, template: str, parameters: Mapping[str, str]
) -> dict[str, str]:
    """Create or update a stack of the stage, and return its outputs.

    Where there is nothing to update, it is as it has to be, also after another update was rolled back.
    """
    request = {
        "StackName": name,
        "TemplateBody": template,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM"],
        "Tags": [{"Key": "app", "Value": stages.APP}, {"Key": "stage", "Value": stage}],
    }
    existing = _stack(cloudformation, name)
    if existing is None:
        cloudformation.create_stack(**request, OnFailure="DELETE")
    elif existing["StackStatus"] in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}:
        raise DeployError(f"stack {name} is {existing['StackStatus']}; delete it first (make destroy STAGE={stage})")
    else:
        try:
            cloudformation.update_stack(**request)
        except ClientError as error:
            if NO_CHANGE not in str(error):
                raise
            print(f"stack {name}: {existing['StackStatus']}, no change", flush=True)
            return _outputs(existing)
    stack = _settled(cloudformation, name)
    if stack is None or stack["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise DeployError(f"stack {name} failed: {_reasons(cloudformation, name)}")
    return _outputs(stack)


def delete_stack(cloudformation: Any, name: str) -> None:
    """Delete a stack with all that is in it; there may be none."""
    if _stack(cloudformation, name) is None:
        return
    cloudformation.delete_stack(StackName=name)
    if (left := _settled(cloudformation, name)) is not None and left["StackStatus"] != "DELETE_COMPLETE":
        raise DeployError(f"stack {name} is still there: {_reasons(cloudformation, name)}")


def definitions() -> dict[str, str]:
    """Read the state machines; without white space, because a parameter may have 4,096 characters."""
    documents = {name: json.loads(path.read_text()) for name, path in MACHINES.items()}
    return {name: json.dumps(document, separators=(",", ":")) for name, document in documents.items()}


def destroy(stage: str, project: Path, *, empty_buckets: bool) -> None:
    """Delete everything of the stage, logs included. Pictures are deleted only when asked for."""
    session = boto3.Session()
    cloudformation = session.client("cloudformation")
    outputs = _outputs(_stack(cloudformation, stages.stack(stage)) or {})
    buckets = [session.resource("s3").Bucket(outputs[key]) for key in ("SourceBucket", "DestBucket") if key in outputs]
    full = [bucket.name for bucket in buckets if any(bucket.object_versions.limit(1))]
    if full and not empty_buckets:
        raise DeployError(
            f"there are pictures in {' and '.join(full)}, and nothing was deleted; "
            f"to delete them as well: make destroy STAGE={stage} EMPTY_BUCKETS=yes"
        )
    functions = _functions(project, stage)
    if functions:
        chalice(project, "delete", stage)
    for bucket in buckets:
        bucket.object_versions.delete()
    delete_stack(cloudformation, stages.subscriptions_stack(stage))
    delete_stack(cloudformation, stages.stack(stage))
    secrets.forget(session.client("ssm"), stage)
    _delete_logs(session.client("logs"), {*functions, *stages.occasional_functions(stage)})
    print(f"stage {stage} is gone")


def _functions(project: Path, stage: str) -> list[str]:
    """Names of the functions that Chalice says it has deployed."""
    deployed = project / ".chalice" / "deployed" / f"{stage}.json"
    if not deployed.exists():
        return []
    resources = json.loads(deployed.read_text())["resources"]
    return [item["lambda_arn"].rpartition(":")[2] for item in resources if "lambda_arn" in item]


def _delete_logs(logs: Any, functions: Iterable[str]) -> None:
    for function in functions:
        try:
            logs.delete_log_group(logGroupName=f"/aws/lambda/{function}")
        except logs.exceptions.ResourceNotFoundException:
            continue  # it never ran


def _outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _stack(cloudformation: Any, name: str) -> dict[str, Any] | None:
    try:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if NO_STACK not in str(error):
            raise
        return None
    return stack


def _settled(cloudformation: Any, name: str) -> dict[str, Any] | None:
    """Follow the stack until it rests, a line for each change; None when it is gone."""
    shown = None
    while (stack := _stack(cloudformation, name)) is not None:
        status: str = stack["StackStatus"]
        if status != shown:
            print(f"stack {name}: {status}", flush=True)
            shown = status
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(POLL)
    return stack


def _reasons(cloudformation: Any, name: str) -> str:
    """Repeat what CloudFormation says about the resources that failed."""
    try:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    except ClientError:
        return "it was rolled back and deleted; the CloudFormation console keeps its events"
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    return "; ".join(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '?')}" for event in failed)


if __name__ == "__main__":
    main()
