"""Step Functions: runs of the state machine `infra/workflow.asl.json`."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
from botocore.exceptions import ClientError

from chalicelib.aws.clients import client, error_code, raising
from chalicelib.errors import BY_CODE, WorkflowsUnavailable
from chalicelib.model.record import Failure
from chalicelib.model.workflow import Workflow

_ID = r"[A-Za-z0-9_-]{1,80}"
_CODES = {error.__name__: code for code, error in BY_CODE.items()}


class StepFunctions:
    """`Workflows` on one state machine."""

    def __init__(self, machine_arn: str) -> None:
        self._machine = machine_arn

    def start(self, task: Mapping[str, Any]) -> str:
        name = str(uuid4())  # a call that botocore repeats starts no second run of this name
        with raising(WorkflowsUnavailable, "Step Functions did not start the workflow"):
            client("stepfunctions").start_execution(
                stateMachineArn=self._machine, name=name, input=msgspec.json.encode(task).decode()
            )
        return name

    def find(self, execution_id: str) -> Workflow | None:
        if not re.fullmatch(_ID, execution_id):
            return None
        arn = f"{self._machine.replace(':stateMachine:', ':execution:', 1)}:{execution_id}"
        with raising(WorkflowsUnavailable, "Step Functions did not answer"):
            try:
                found = client("stepfunctions").describe_execution(executionArn=arn)
            except ClientError as error:
                if error_code(error) == "ExecutionDoesNotExist":
                    return None
                raise
            failure = _failure(found)
        succeeded, ended = found["status"] == "SUCCEEDED", found.get("stopDate")
        return Workflow(
            execution_id=execution_id,
            status=found["status"],
            input=msgspec.json.decode(found["input"]),
            output=msgspec.json.decode(found["output"]) if succeeded else None,
            error=failure,
            started_at=_moment(found["startDate"]),
            stopped_at=_moment(ended) if ended else None,
        )


def _moment(seconds: str) -> datetime:
    """Read a time as Step Functions writes it: in seconds since 1970 (AWS JSON protocol)."""
    return datetime.fromtimestamp(float(seconds), UTC)


def _failure(found: Mapping[str, Any]) -> Failure | None:
    """Say why an execution failed: the code of an error of ours, with its words or its name; of others the name."""
    status: str = found["status"]
    if status in {"RUNNING", "PENDING_REDRIVE", "SUCCEEDED"}:
        return None
    name = found.get("error", status) if status == "FAILED" else status
    code = _CODES.get(name)
    if code is None:
        return Failure(code="internal_error", message=name)
    cause = found.get("cause", "")
    if cause == code:
        cause = _caught(found["executionArn"])
    return Failure(code=code, message=_text(cause, "errorMessage") or name)


def _caught(arn: str) -> str:
    """Return the cause of the error that led to the Fail state, which itself says no more than the code; or ""."""
    history = client("stepfunctions").get_execution_history(executionArn=arn, reverseOrder=True, maxResults=2)
    for event in history["events"]:
        if event["type"] == "FailStateEntered":
            return _text(event["stateEnteredEventDetails"].get("input", ""), "Cause")
    return ""


def _text(document: str, name: str) -> str:
    """Return the text that a JSON object has under a name, or "": Step Functions cuts off what is too long for it."""
    try:
        text = msgspec.json.decode(document, type=dict[str, Any]).get(name)
    except (msgspec.DecodeError, UnicodeEncodeError):  # the latter: cut in the middle of a character
        return ""
    return text if isinstance(text, str) else ""
