"""A run of the state machine."""

from datetime import datetime
from typing import Any

import msgspec

from chalicelib.model.record import Failure


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the state machine; `status` is Step Functions' word for how it stands.

    `output` of None is not there yet, or never will be; so is `stopped_at`, and `error` where nothing failed.
    """

    execution_id: str
    status: str
    input: dict[str, Any]
    output: dict[str, Any] | None
    error: Failure | None
    started_at: datetime
    stopped_at: datetime | None
