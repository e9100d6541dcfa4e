"""The AWS clients: made when first used, once each, in this one place.

botocore alone: boto3 adds objects that nobody here uses, and imports the threads of s3transfer.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from typing import Any, Literal

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.handlers import add_expect_header

from chalicelib.aws.denials import is_denied, tell
from chalicelib.errors import AccessDenied, TransientError

_CONFIG = Config(
    connect_timeout=3,
    read_timeout=20,
    retries={"mode": "standard", "max_attempts": 4},
    request_checksum_calculation="when_required",  # the signature has one: of two, the other is spared
    user_agent="halftone",  # botocore else puts one together for each call, an eighth of the call's CPU time
)

_HURRIED = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
"""Of the services that a completion is handed to: on_completion has 10 seconds for it, after the 20 of its patience."""


type Service = Literal["dynamodb", "events", "lambda", "s3", "sns", "ssm", "stepfunctions"]
"""What the functions call. The layer has the descriptions of these services and of no others."""

tries = threading.local()
"""`unanswered`: one of botocore's tries of this thread's S3 call may have taken effect unnoticed."""


@cache
def client(service: Service) -> Any:
    """Return the client of a service, by its botocore name.

    S3's sends an object without asking first whether it may: variants are small, and the question is a round trip. It
    alone checks its parameters, because an empty key would become a request to the bucket; the others' are made of
    typed records, and to check them takes a sixth of a write's CPU time.
    """
    config = _CONFIG.merge(Config(parameter_validation=service == "s3"))
    made = _session().create_client(
        service, config=config.merge(_HURRIED) if service in {"events", "lambda", "ssm"} else config
    )
    if service == "s3":
        made.meta.events.unregister("before-call.s3", add_expect_header)
        made.meta.events.register("needs-retry.s3", _count_try)
    return made


def _count_try(response: tuple[Any, Any] | None, **_: Any) -> None:
    """Note a try without an answer, or with one that does not say whether it took effect."""
    status = response[0].status_code if response else HTTPStatus.INTERNAL_SERVER_ERROR
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.SERVICE_UNAVAILABLE:
        tries.unanswered = True


@cache
def _session() -> botocore.session.Session:
    """Return the session of all clients; it leaves times as AWS writes them: only those of workflows are read."""
    session = botocore.session.get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    return session


@contextmanager
def raising(error: type[TransientError], what: str) -> Iterator[None]:
    """Turn whatever botocore raises into `error`, or into AccessDenied; AWS's own words stay inside, as its cause."""
    try:
        yield
    except ClientError as cause:
        code = error_code(cause)
        if is_denied(code):
            tell(cause.operation_name, code, str(cause))
            raise AccessDenied(f"{what}: access was denied ({code})") from cause
        raise error(f"{what}: {code}") from cause
    except (BotoCoreError, HTTPClientError) as cause:
        raise error(f"{what}: {type(cause).__name__}") from cause


def error_code(error: ClientError) -> str:
    """Return what AWS calls a fault, such as `NoSuchKey`."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))
