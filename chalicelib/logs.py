"""How log lines look: as Powertools writes them, without what each line of a function repeats."""

from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

REPEATED = frozenset({"function_name", "function_memory_size", "function_arn"})
"""The name of the log group says them. They were 200 bytes a line, and CloudWatch charges for what it takes in."""


class BriefFormatter(LambdaPowertoolsFormatter):
    """Powertools' formatter, which takes no such keys."""

    def append_keys(self, **additional_keys: Any) -> None:
        super().append_keys(**{name: value for name, value in additional_keys.items() if name not in REPEATED})
