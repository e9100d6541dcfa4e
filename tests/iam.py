"""What IAM makes of a policy."""

import re
from collections.abc import Iterable
from typing import Any


def allowed(statements: Iterable[dict[str, Any]], resource: str) -> set[str]:
    """Return which actions statements allow on a resource, as it is called or by a pattern that it matches."""
    return {
        action
        for statement in statements
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
        if any(_matches(pattern, resource) for pattern in statement["Resource"])
    }


def _matches(pattern: str, resource: str) -> bool:
    """Match as IAM does: `*` is any characters, `/` and `:` among them, and `?` is one (IAM User Guide, "Resource")."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, resource, re.DOTALL) is not None
