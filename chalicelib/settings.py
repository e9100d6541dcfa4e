"""The stage's environment, checked all at once; no other module reads it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.model import Limits


class SettingsError(Exception):
    """The environment is unusable; the message lists every problem, one a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one stage is set up.

    `allowed_buckets`: what callers may name, in requests and tasks; the source and destination bucket always are.
    """

    source_bucket: str
    dest_bucket: str
    images_table: str
    completions_topic_arn: str
    pipeline: str
    event_bus: str
    allowed_buckets: frozenset[str]
    limits: Limits


@dataclass(frozen=True, slots=True)
class Triggers:
    """What has to be known when `app.py` is imported: where its event handlers listen."""

    source_bucket: str
    completions_topic: str


def triggers(environ: Mapping[str, str] = os.environ) -> Triggers:
    """Read the two names that the decorators of `app.py` need.

    Only the Chalice CLI acts on them, so only there a missing one is an error; a plain import works without any.
    """
    if environ.get("AWS_CHALICE_CLI_MODE") == "true":
        load(environ)
    return Triggers(environ.get("SOURCE_BUCKET", "unset"), environ.get("COMPLETIONS_TOPIC_ARN", "unset"))


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
    limits = Limits(
        max_bytes=positive("MAX_FILE_BYTES", Limits().max_bytes),
        max_pixels=positive("MAX_PIXELS", Limits().max_pixels),
        max_frames=positive("MAX_FRAMES", Limits().max_frames),
    )
    if problems:
        raise SettingsError("\n".join(["The stage's environment is incomplete or wrong:", *problems]))
    return Settings(
        source_bucket=source_bucket,
        dest_bucket=dest_bucket,
        images_table=images_table,
        completions_topic_arn=topic,
        pipeline=environ.get("PIPELINE") or "default",
        event_bus=environ.get("EVENT_BUS") or "default",
        allowed_buckets=frozenset({source_bucket, dest_bucket, *_names(environ.get("ALLOWED_BUCKETS", ""))}),
        limits=limits,
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
