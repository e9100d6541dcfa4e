"""The AWS clients: made when first used, once each, in this one place."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from chalicelib.errors import TransientError

_CONFIG = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "max_attempts": 4})


@cache
def client(service: str) -> Any:
    """Return the client of a service, by its boto3 name."""
    return boto3.client(service, config=_CONFIG)


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
