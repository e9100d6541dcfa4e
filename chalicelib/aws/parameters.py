"""Systems Manager Parameter Store."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from botocore.exceptions import ClientError

from chalicelib.aws.clients import client, error_code, raising
from chalicelib.errors import CompletionsUnavailable, TransientError

log = logging.getLogger("halftone.parameters")

REFRESH = 300.0
"""Seconds until parameters are read again: a secret that was changed arrives within them."""


class Parameters:
    """Parameters whose names begin alike, kept for REFRESH seconds. Those that do not exist are left out.

    If they cannot be read again, those that were read before stay good for as long again.
    """

    def __init__(self, prefix: str, names: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._prefix = prefix
        self._names = names
        self._clock = clock
        self._kept: Mapping[str, str] | None = None
        self._until = 0.0

    def read(self) -> Mapping[str, str]:
        """Return the values by name, without the prefix; raises CompletionsUnavailable if there never were any."""
        if self._kept is None or self._clock() >= self._until:
            self._kept = self._read()
            self._until = self._clock() + REFRESH
        return self._kept

    def _read(self) -> Mapping[str, str]:
        try:
            found = {name: _value(self._prefix + name) for name in self._names}
        except TransientError:
            if self._kept is None:
                raise
            log.exception("The parameters that were read before stay good")
            return self._kept
        return {name: value for name, value in found.items() if value is not None}


def _value(name: str) -> str | None:
    with raising(CompletionsUnavailable, "Parameter Store did not answer"):
        try:
            value: str = client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        except ClientError as error:
            if error_code(error) == "ParameterNotFound":
                return None
            raise
    return value
