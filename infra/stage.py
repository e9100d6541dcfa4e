"""What a stage needs to know and may do: its environment, its Chalice configuration, its policy, and who hears of it.

Pure.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.model import CompletionEvent, Pipeline
from chalicelib.subscriptions import Subscription

APP = "halftone"
DEFAULTS = {"PIPELINE": "default"}

Json = dict[str, Any]


def environment(outputs: Mapping[str, str], present: Mapping[str, str]) -> dict[str, str]:
    """Lay the stack's outputs over what the configuration already says: the stage's environment variables.

    Outputs are named as the variables, in CamelCase (`SourceBucket` is SOURCE_BUCKET): CloudFormation wants it so.
    """
    named = {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper(): value for name, value in outputs.items()}
    return dict(sorted({**DEFAULTS, **present, **named}.items()))


def configured(config: Json, stage: str, variables: Mapping[str, str]) -> Json:
    """Chalice's `config.json` with this stage in it; other stages, and other settings of this one, are kept."""
    stages = config.get("stages", {})
    entry = {
        **stages.get(stage, {}),
        "environment_variables": dict(variables),
        "iam_policy_file": policy_file(stage),
    }
    return {**config, "stages": {**stages, stage: entry}}


def stack(stage: str) -> str:
    """Name the stack of what the stage keeps."""
    return f"{APP}-{stage}"


def subscriptions_stack(stage: str) -> str:
    """Name the stack of who hears of it; its suffix alone is too long for a stage's name, so it is no other stage's."""
    return f"{stack(stage)}-completions-subscriptions"


def policy_file(stage: str) -> str:
    return f"policy-{stage}.json"


def failed_queue(stage: str) -> str:
    """Name the queue that takes what Lambda gives up on."""
    return f"{APP}-{stage}-failed"


def occasional_functions(stage: str) -> list[str]:
    """Name the functions that a stage may have had with another pipeline, and have left logs."""
    return [f"{APP}-{stage}-on_destination"]


def former_folders(policy: Json, source_bucket: str) -> list[str]:
    """List what a policy lets the functions remove from the source bucket: what the stage's pipelines wrote there."""
    removing = [statement for statement in policy.get("Statement", []) if "s3:DeleteObject" in statement["Action"]]
    folders = {resource for statement in removing for resource in statement["Resource"]}
    return sorted(folder for folder in folders if folder.startswith(f"{_bucket(source_bucket)}/"))


def policy(
    stage: str, region: str, account: str, variables: Mapping[str, str], pipeline: Pipeline, former: Sequence[str] = ()
) -> Json:
    """Allow the functions of a stage what they need and nothing else, as an IAM policy document.

    Listing is there for one reason: without it S3 answers 403 for a key that is gone, and a deleted original could not
    be told from a forbidden one. Buckets of ALLOWED_BUCKETS may be read and written: requests name them as either.
    The source bucket is written to only where the pipeline says: in the folders of its variants there, and where it
    restores to. From the `former` folders of another pipeline variants may be removed: they go when their image is
    processed anew.
    """
    source, dest = _bucket(variables["SOURCE_BUCKET"]), _bucket(variables["DEST_BUCKET"])
    allowed = [_bucket(name.strip()) for name in variables.get("ALLOWED_BUCKETS", "").split(",") if name.strip()]
    bus = variables.get("EVENT_BUS") or "default"
    own = f"{region}:{account}"
    statements = [
        _allow(
            "WriteLogs",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            [f"arn:aws:logs:{own}:log-group:/aws/lambda/{APP}-{stage}{names}" for names in (":*", "-*")],
        ),
        _allow(
            "ReadOriginals",
            ["s3:GetObject"],
            [f"{bucket}/*" for bucket in (source, dest, *allowed)],
        ),
        _allow("TellGoneFromForbidden", ["s3:ListBucket"], [source, dest, *allowed]),
        _allow(
            "WriteVariants",
            ["s3:PutObject", "s3:DeleteObject"],
            [f"{place}*" for place in (*(f"{bucket}/" for bucket in (dest, *allowed)), *_folders(source, pipeline))],
        ),
        _allow(
            "KeepRecords",
            ["dynamodb:GetItem", "dynamodb:UpdateItem"],
            [f"arn:aws:dynamodb:{own}:table/{variables['IMAGES_TABLE']}"],
        ),
        _allow("Announce", ["sns:Publish"], [variables["COMPLETIONS_TOPIC_ARN"]]),
        _allow("FanOut", ["events:PutEvents"], [f"arn:aws:events:{own}:event-bus/{bus}"]),
        _allow(
            "HandOver",
            ["lambda:InvokeFunction"],
            [f"arn:aws:lambda:{own}:function:{APP}-{stage}-{name}" for name in ("redeliver", "resize_later")],
        ),
        _allow("StartWorkflows", ["states:StartExecution"], [variables["WORKFLOW_ARN"]]),
        _allow(
            "FollowWorkflows",
            ["states:DescribeExecution", "states:GetExecutionHistory"],
            [f"arn:aws:states:{own}:execution:{APP}-{stage}-workflow:*"],
        ),
        _allow("KeepWhatFailed", ["sqs:SendMessage"], [f"arn:aws:sqs:{own}:{failed_queue(stage)}"]),
    ]
    if removable := [folder for folder in former if folder.removesuffix("*") not in _folders(source, pipeline)]:
        statements.append(_allow("RemoveFormerVariants", ["s3:DeleteObject"], removable))
    if pipeline.restore:
        statements.append(_allow("RestoreOriginals", ["s3:PutObject"], [f"{source}/{pipeline.restore.target}*"]))
    return {"Version": "2012-10-17", "Statement": statements}


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
    if subscription.failures_only:
        properties["FilterPolicy"] = {"event": [CompletionEvent.FAILED.value]}
    if subscription.protocol == "sqs":
        properties["RawMessageDelivery"] = True
    return {"Type": "AWS::SNS::Subscription", "Properties": properties}


def text(document: Json) -> str:
    return json.dumps(document, indent=2) + "\n"


def _folders(source: str, pipeline: Pipeline) -> list[str]:
    """List how what the pipeline writes to the source bucket begins."""
    own = [spec for spec in pipeline.variants if spec.bucket == "source"]
    return sorted({f"{source}/" + spec.key.replace("{variant}", spec.name).partition("{")[0] for spec in own})


def _bucket(name: str) -> str:
    return f"arn:aws:s3:::{name}"


def _allow(sid: str, actions: list[str], resources: list[str]) -> Json:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
