"""How log lines look: as Powertools writes them, without what each line repeats and nobody asks of it."""

from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

REPEATED = frozenset({"function_name", "function_memory_size", "function_arn"})
"""The name of the log group says them. They were 200 bytes a line, and CloudWatch charges for what it takes in."""


class BriefFormatter(LambdaPowertoolsFormatter):
    """Powertools' formatter without such keys and the service; an INFO says neither where nor, if warm, how it ran."""

    def append_keys(self, **additional_keys: Any) -> None:
        super().append_keys(**{name: value for name, value in additional_keys.items() if name not in REPEATED})

    def serialize(self, log: Any) -> str:
        unsaid = {"service"}
        if log["level"] == "INFO":
            unsaid |= {"location"} | (set() if log.get("cold_start") else {"cold_start"})
        return super().serialize({name: value for name, value in log.items() if name not in unsaid})
