"""The stage's environment, checked all at once; no other module reads it."""

import os
import re
from collections.abc import Mapping

import msgspec

from chalicelib.model.picture import Limits
from chalicelib.pipelines import loading
from chalicelib.webhooks import policy

ELSEWHERE = {
    "WEBHOOK_SECRET": "in Parameter Store (make secrets)",
    "WEBHOOK_URLS": "in Parameter Store (make secrets)",
    "NOTIFY": "under `deployment` in .chalice/config.json",
}
"""What the environment must not hold, because all functions would have it, and where it belongs."""


class SettingsError(Exception):
    """The environment is unusable; the message lists every problem, one a line."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How one stage is set up.

    `allowed_buckets`: what callers may name, in requests and tasks; the source and destination bucket always are.
    `redeliver_function`, `deferred_function` and `upload_function`: beside this function, the one that tries a fan-out
    target again, the one that carries out orders nobody waits for, and the one that brings images in line.
    `event_bus`: the EventBridge bus that hears of completions; None where none does.
    `memory_mib`: of the function that this is.
    `webhook_hosts`: where webhooks may go; without any there are no webhooks.
    `parameters`: how the names of the stage's parameters begin.
    """

    source_bucket: str
    dest_bucket: str
    images_table: str
    completions_topic_arn: str
    pipeline: str
    event_bus: str | None
    allowed_buckets: frozenset[str]
    limits: Limits
    memory_mib: int
    webhook_hosts: frozenset[str]
    parameters: str
    redeliver_function: str
    deferred_function: str
    upload_function: str
    workflow_arn: str


class Triggers(msgspec.Struct, frozen=True):
    """What has to be known when `app.py` is imported: where its event handlers listen.

    `uploads_under` is how the keys of uploads begin that are worth an invocation, None is any key. `guarded_bucket` is
    the destination bucket if the pipeline restores originals, and None if it does not.
    """

    source_bucket: str
    uploads_under: str | None
    completions_topic: str
    guarded_bucket: str | None


def triggers(environ: Mapping[str, str] = os.environ) -> Triggers:
    """Read what the decorators of `app.py` need; the pipeline file is read where PIPELINE names one.

    Only the Chalice CLI acts on it, so only there a missing name is an error; a plain import works without any.
    """
    deploying = environ.get("AWS_CHALICE_CLI_MODE") == "true"
    stage = load(environ) if deploying else None
    name = environ.get("PIPELINE")
    pipeline = loading.load(name) if name else None
    guarded = bool(pipeline and pipeline.restore)
    if guarded and stage and stage.source_bucket == stage.dest_bucket:
        raise SettingsError(f"DEST_BUCKET: expected another bucket than SOURCE_BUCKET, as pipeline {name} restores")
    return Triggers(
        source_bucket=environ.get("SOURCE_BUCKET", "unset"),
        uploads_under=filterable(pipeline.source.prefix) if pipeline else None,
        completions_topic=environ.get("COMPLETIONS_TOPIC_ARN", "unset"),
        guarded_bucket=environ.get("DEST_BUCKET", "unset") if guarded else None,
    )


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the whole environment, or raise SettingsError with every problem in it."""
    problems: list[str] = []

    def required(name: str, what: str) -> str:
        value = environ.get(name, "").strip()
        if not value:
            problems.append(f"{name}: expected {what}, but it is not set")
        return value

    def positive(name: str, default: int) -> int:
        value = environ.get(name, str(default))
        if value.isdecimal() and int(value) > 0:
            return int(value)
        problems.append(f"{name}: expected a whole number above 0, got {value!r}")
        return default

    source_bucket = required("SOURCE_BUCKET", "the name of the bucket that originals are uploaded to")
    dest_bucket = required("DEST_BUCKET", "the name of the bucket that variants are written to")
    images_table = required("IMAGES_TABLE", "the name of the DynamoDB table that holds the records")
    topic = required("COMPLETIONS_TOPIC_ARN", "the ARN of the SNS topic that completions are published to")
    if topic and not topic.startswith("arn:"):
        problems.append(f"COMPLETIONS_TOPIC_ARN: expected an ARN (arn:aws:sns:...), got {topic!r}")
    workflow = environ.get("WORKFLOW_ARN", "")
    if workflow and ":stateMachine:" not in workflow:
        problems.append(f"WORKFLOW_ARN: expected an ARN (arn:aws:states:...:stateMachine:...), got {workflow!r}")
    limits = Limits(
        max_bytes=positive("MAX_FILE_BYTES", Limits().max_bytes),
        max_pixels=positive("MAX_PIXELS", Limits().max_pixels),
        max_frames=positive("MAX_FRAMES", Limits().max_frames),
        max_moving_pixels=positive("MAX_MOVING_PIXELS", Limits().max_moving_pixels),
        max_cpu_seconds=positive("MAX_CPU_SECONDS", 9),
    )
    memory = positive("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 1_769)
    hosts = _hosts(environ, problems)
    problems.extend(
        f"{name}: expected {place}, not in the environment" for name, place in ELSEWHERE.items() if environ.get(name)
    )
    if problems:
        raise SettingsError("\n".join(["The stage's environment is incomplete or wrong:", *problems]))
    function = environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    return Settings(
        source_bucket=source_bucket,
        dest_bucket=dest_bucket,
        images_table=images_table,
        completions_topic_arn=topic,
        pipeline=environ.get("PIPELINE") or "default",
        event_bus=environ.get("EVENT_BUS") or None,
        allowed_buckets=frozenset({source_bucket, dest_bucket, *_names(environ.get("ALLOWED_BUCKETS", ""))}),
        limits=limits,
        memory_mib=memory,
        webhook_hosts=hosts,
        parameters=f"/{function.rpartition('-')[0]}/",
        redeliver_function=function.removesuffix("on_completion") + "redeliver",
        deferred_function=f"{function}-resize_later",  # the REST function's name is the beginning of all others
        upload_function=function.removesuffix("sweep") + "on_upload",
        workflow_arn=workflow,
    )


def _hosts(environ: Mapping[str, str], problems: list[str]) -> frozenset[str]:
    hosts = frozenset(_names(environ.get("WEBHOOK_HOSTS", "")))
    problems.extend(
        f"WEBHOOK_HOSTS: expected host names in lower case, or .example.com for all below it, got {host!r}"
        for host in sorted(hosts)
        if not policy.is_host(host.removeprefix("."))
    )
    return hosts


def filterable(prefix: str) -> str | None:
    """Return as much of a prefix as S3 takes into a notification's filter as it stands; None where that is nothing.

    Other characters would have to be encoded there (S3 User Guide, "Configuring event notifications using object key
    name filtering"). A shorter prefix only lets more events through, and the function knows its originals by their
    whole key.

    >>> filterable("albums/J\u00fcrgen/")
    'albums/J'
    """
    safe = re.match(r"[A-Za-z0-9/!_.'()-]*", prefix)
    return safe[0] or None if safe else None


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
