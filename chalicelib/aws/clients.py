"""The AWS clients: made when first used, once each, in this one place."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.handlers import add_expect_header

from chalicelib.errors import TransientError

_CONFIG = Config(
    connect_timeout=3,
    read_timeout=20,
    retries={"mode": "standard", "max_attempts": 4},
    request_checksum_calculation="when_required",  # the signature has one: of two, the other is spared
    user_agent="halftone",  # botocore else puts one together for each call, an eighth of the call's CPU time
)

_HURRIED = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
"""Of the services that a completion is handed to: on_completion has 10 seconds for it, after the 20 of its patience."""


@cache
def client(service: str) -> Any:
    """Return the client of a service, by its boto3 name.

    S3's sends an object without asking first whether it may: variants are small, and the question is a round trip. It
    alone checks its parameters, because an empty key would become a request to the bucket; the others' are made of
    typed records, and to check them takes a sixth of a write's CPU time.
    """
    config = _CONFIG.merge(Config(parameter_validation=service == "s3"))
    made = _session().client(service, config=config.merge(_HURRIED) if service in {"events", "lambda"} else config)
    if service == "s3":
        made.meta.events.unregister("before-call.s3", add_expect_header)
    return made


@cache
def _session() -> boto3.Session:
    """Return the session of all clients; it leaves times as AWS writes them: only those of workflows are read."""
    session = botocore.session.get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    return boto3.Session(botocore_session=session)


@contextmanager
def raising(error: type[TransientError], what: str) -> Iterator[None]:
    """Turn whatever botocore raises into `error`; AWS's own words stay inside, as its cause."""
    try:
        yield
    except ClientError as cause:
        raise error(f"{what}: {error_code(cause)}") from cause
    except (BotoCoreError, HTTPClientError) as cause:
        raise error(f"{what}: {type(cause).__name__}") from cause


def error_code(error: ClientError) -> str:
    """Return what AWS calls a fault, such as `NoSuchKey`."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))
