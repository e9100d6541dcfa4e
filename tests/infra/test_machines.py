"""The state machines name errors and functions: each name exists, and none is forgotten."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

import app as halftone_app
from chalicelib import events
from chalicelib.errors import BY_CODE, PermanentError, TransientError
from infra import deployment
from localcloud.home import ROOT

PERMANENT = {error.__name__ for error in BY_CODE.values() if issubclass(error, PermanentError)}
TRANSIENT = {error.__name__ for error in BY_CODE.values() if issubclass(error, TransientError)}
LAMBDA = {
    f"Lambda.{name}"
    for name in (
        "ServiceException",
        "AWSLambdaException",
        "SdkClientException",
        "ClientExecutionTimeoutException",
        "TooManyRequestsException",
    )
}
"""Step Functions Developer Guide, "Handle Lambda service exceptions"."""

DEAD = {"Lambda.Unknown", "Runtime.ExitError", "Runtime.OutOfMemory", "Sandbox.Timedout", "States.Timeout"}
"""A function that ran out of memory or of time, or was killed: the same guide, "Handling errors in Step Functions
workflows". The names of `Runtime` are Lambda's own, and take the place of `Lambda.Unknown` in today's runtimes.
"""

TOO_MUCH = {"ErrorEquals": ["States.DataLimitExceeded"], "Next": "TooMuch"}

BUSY = {"ImageBusy"}

PREFIX = "${Functions}"
NOTIFY = f"{PREFIX}chain_notify"
"""It claims no image, and so finds none busy."""


@pytest.fixture(params=sorted(deployment.MACHINES))
def machine(request) -> dict[str, Any]:
    return json.loads(deployment.MACHINES[request.param].read_text())


def tasks(machine: dict[str, Any]) -> list[dict[str, Any]]:
    found = [state for state in machine["States"].values() if state["Type"] == "Task"]
    assert found
    return found


def names(clauses: list[dict[str, Any]]) -> Iterator[str]:
    for clause in clauses:
        yield from clause["ErrorEquals"]


def test_every_error_that_is_retried_is_a_transient_one_and_none_is_forgotten(machine) -> None:
    for task in tasks(machine):
        claims = task["Resource"] != NOTIFY
        assert sorted(names(task["Retry"])) == sorted((TRANSIENT if claims else TRANSIENT - BUSY) | LAMBDA | DEAD)
        transient, *_, dead = task["Retry"]
        assert set(dead["ErrorEquals"]) == DEAD
        assert dead["MaxAttempts"] == 1
        assert transient["JitterStrategy"] == "FULL"
        assert transient["BackoffRate"] > 1
        assert transient["MaxDelaySeconds"] >= transient["IntervalSeconds"]


def test_whoever_holds_the_image_is_waited_for_until_a_dead_workers_lease_is_over(machine) -> None:
    """It lasts as long as the function may run, and a minute more."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    for task in tasks(machine):
        if task["Resource"] != NOTIFY:
            (busy,) = [retry for retry in task["Retry"] if set(retry["ErrorEquals"]) & BUSY]
            assert busy == {"ErrorEquals": ["ImageBusy"], "IntervalSeconds": 20, "BackoffRate": 1, "MaxAttempts": 12}
            assert busy["IntervalSeconds"] * busy["MaxAttempts"] > config["lambda_timeout"] + 60


def test_every_error_that_is_caught_is_a_permanent_one_and_none_is_forgotten(machine) -> None:
    caught, *_ = machine["States"][machine["StartAt"]]["Catch"]
    assert sorted(caught["ErrorEquals"]) == sorted(PERMANENT)
    assert caught["Next"] == "Failed"


def test_a_chain_whose_record_is_too_large_to_be_handed_on_says_so() -> None:
    """Step Functions hands 256 KiB from state to state."""
    states = json.loads(deployment.MACHINES["ChainDefinition"].read_text())["States"]
    handing_on = [state for state in states.values() if state["Type"] == "Task" and "merge" in state["Arguments"]]
    assert [state["Catch"][-1] for state in handing_on] == [TOO_MUCH, TOO_MUCH]
    assert (states["TooMuch"]["Type"], states["TooMuch"]["Error"]) == ("Fail", "TooMuch")


def test_a_code_is_the_name_of_its_class_in_snake_case() -> None:
    """The machines work the code out so, in JSONata."""
    for code, error in BY_CODE.items():
        assert re.sub("([a-z])([A-Z])", r"\1_\2", error.__name__).lower() == code


def test_every_function_exists_and_may_be_invoked_by_its_machine(machine) -> None:
    called = [task["Resource"].removeprefix(PREFIX) for task in tasks(machine)]
    assert all(task["Resource"].startswith(PREFIX) for task in tasks(machine))
    assert set(called) <= {function.name for function in halftone_app.app.pure_lambda_functions}
    template = deployment.TEMPLATE.read_text()
    role = "ChainRole" if "chain" in called[0] else "WorkflowRole"
    resource = template.partition(f"\n  {role}:\n")[2].partition("\n\n")[0]
    assert re.findall(r"function:halftone-\$\{Stage\}-(\w+)", resource) == called


def test_every_state_is_reached_and_none_is_missing(machine) -> None:
    text = json.dumps(machine)
    reached = set(re.findall(r'"(?:Next|Default|StartAt)": "([^"]+)"', text))
    assert reached == set(machine["States"])


def test_nothing_waits_for_ever(machine) -> None:
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    for task in tasks(machine):
        name = task["Resource"].removeprefix(PREFIX)
        limit = config["lambda_functions"].get(name, {}).get("lambda_timeout", config["lambda_timeout"])
        assert limit < task["TimeoutSeconds"] < machine["TimeoutSeconds"], "else two attempts would run at once"


def test_each_definition_fits_in_a_parameter_of_the_template() -> None:
    for name, definition in deployment.definitions().items():
        assert f"  {name}:\n    Type: String" in deployment.TEMPLATE.read_text()
        assert len(definition) <= 4096


def test_every_attempt_of_an_execution_is_of_one_delivery(machine) -> None:
    for task in tasks(machine):
        if task["Resource"] != NOTIFY:
            assert f"'{events.REDRIVEN}': $states.context.Execution.Id" in task["Arguments"]
