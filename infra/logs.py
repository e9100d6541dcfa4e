"""The log groups of the functions: made before these, and kept only so long.

They are in no stack. Lambda has made those of stages that were deployed before, and CloudFormation would import them
without touching their settings.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any


def keep(client: Any, groups: Iterable[str], days: int) -> None:
    """Have these log groups, each with what was logged in the last `days`."""
    for group in groups:
        with suppress(client.exceptions.ResourceAlreadyExistsException):
            client.create_log_group(logGroupName=group)
        client.put_retention_policy(logGroupName=group, retentionInDays=days)
