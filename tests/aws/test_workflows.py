import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from botocore.stub import ANY, Stubber

from chalicelib.aws.clients import client
from chalicelib.aws.workflows import StepFunctions
from chalicelib.errors import WorkflowsUnavailable
from chalicelib.model.record import Failure

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:halftone-prod-workflow"
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:halftone-prod-workflow:one"
TASK = {"bucket": "originals", "key": "ü.jpg"}
STARTED = "1767225600.25"  # as the session of our clients leaves it
FUNCTION = {"errorMessage": "there is no object", "errorType": "NotFound", "requestId": "r", "stackTrace": []}


@pytest.fixture
def states(stage):  # noqa: ARG001 - the environment of the client
    with Stubber(client("stepfunctions")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def described(states, status, **more):
    answer = {
        "executionArn": EXECUTION,
        "stateMachineArn": MACHINE,
        "status": status,
        "startDate": STARTED,
        "input": json.dumps(TASK),
        **more,
    }
    states.add_response("describe_execution", answer, {"executionArn": EXECUTION})


def entered(states, *events):
    answer = {"events": [{"timestamp": STARTED, "id": 1, **event} for event in events]}
    states.add_response(
        "get_execution_history", answer, {"executionArn": EXECUTION, "reverseOrder": True, "maxResults": 2}
    )


def test_a_run_is_started_with_the_task_as_it_is(states):
    states.add_response(
        "start_execution",
        {"executionArn": EXECUTION, "startDate": STARTED},
        {"stateMachineArn": MACHINE, "name": ANY, "input": '{"bucket":"originals","key":"ü.jpg"}'},
    )
    assert UUID(StepFunctions(MACHINE).start(TASK)).version == 4


@pytest.mark.parametrize("status", ["RUNNING", "PENDING_REDRIVE"])
def test_a_run_that_is_under_way(states, status):
    described(states, status)
    found = StepFunctions(MACHINE).find("one")
    assert (found.execution_id, found.status, found.input) == ("one", status, TASK)
    assert (found.output, found.error, found.stopped_at) == (None, None, None)
    assert found.started_at == datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)


def test_a_run_that_succeeded(states):
    described(states, "SUCCEEDED", output='{"status": "SUCCESS"}', stopDate=STARTED)
    found = StepFunctions(MACHINE).find("one")
    assert (found.output, found.error) == ({"status": "SUCCESS"}, None)
    assert found.stopped_at == found.started_at


def test_an_error_that_was_caught_is_told_in_the_words_of_the_function(states):
    described(states, "FAILED", error="NotFound", cause="not_found", stopDate=STARTED)
    caught = {"Error": "NotFound", "Cause": json.dumps(FUNCTION)}
    entered(
        states,
        {"type": "ExecutionFailed"},
        {"type": "FailStateEntered", "stateEnteredEventDetails": {"name": "Failed", "input": json.dumps(caught)}},
    )
    assert StepFunctions(MACHINE).find("one").error == Failure(code="not_found", message="there is no object")


@pytest.mark.parametrize(
    "events",
    [
        [],
        [{"type": "ExecutionFailed"}, {"type": "TaskStateExited"}],
        [{"type": "FailStateEntered", "stateEnteredEventDetails": {"name": "Failed"}}],
        [{"type": "FailStateEntered", "stateEnteredEventDetails": {"name": "Failed", "input": '{"Error": "NotFound"'}}],
        [{"type": "FailStateEntered", "stateEnteredEventDetails": {"name": "Failed", "input": '{"Cause": "by hand"}'}}],
    ],
)
def test_an_error_that_was_caught_is_told_by_its_name_where_its_words_are_not_to_be_found(states, events):
    described(states, "FAILED", error="NotFound", cause="not_found", stopDate=STARTED)
    entered(states, *events)
    assert StepFunctions(MACHINE).find("one").error == Failure(code="not_found", message="NotFound")


@pytest.mark.parametrize(
    "ended",
    [
        {},
        {"cause": "in words"},
        {"cause": json.dumps(FUNCTION)[:20]},
        {"cause": "[]"},
        {"cause": "{}"},
        {"cause": '{"errorMessage": 3}'},
        {"cause": "\ud83d"},
    ],
)
def test_an_error_of_ours_without_its_words_is_told_by_its_name(states, ended):
    described(states, "FAILED", error="StorageUnavailable", stopDate=STARTED, **ended)
    expected = Failure(code="storage_unavailable", message="StorageUnavailable")
    assert StepFunctions(MACHINE).find("one").error == expected


@pytest.mark.parametrize(
    ("status", "ended", "code", "message"),
    [
        (
            "FAILED",
            {"error": "StorageUnavailable", "cause": json.dumps(FUNCTION | {"errorMessage": "S3 did not"})},
            "storage_unavailable",
            "S3 did not",
        ),
        ("FAILED", {"error": "Unsuccessful", "cause": "in words"}, "internal_error", "Unsuccessful"),
        ("FAILED", {}, "internal_error", "FAILED"),
        ("FAILED", {"error": "States.Timeout"}, "internal_error", "States.Timeout"),
        ("FAILED", {"error": "KeyError", "cause": json.dumps(FUNCTION)}, "internal_error", "KeyError"),
        ("TIMED_OUT", {}, "internal_error", "TIMED_OUT"),
        ("ABORTED", {"error": "NotFound", "cause": "by hand"}, "internal_error", "ABORTED"),
    ],
)
def test_an_error_that_nobody_caught_is_told_by_its_own_name(states, status, ended, code, message):
    described(states, status, stopDate=STARTED, **ended)
    assert StepFunctions(MACHINE).find("one").error == Failure(code=code, message=message)


def test_a_run_that_nobody_knows(states):
    states.add_client_error("describe_execution", "ExecutionDoesNotExist")
    assert StepFunctions(MACHINE).find("one") is None


@pytest.mark.parametrize("name", ["", "a:b", "../chain:one", "a/b", "x" * 81, "one\n", "ü"])
def test_an_id_that_is_none_is_not_asked_for(states, name):  # noqa: ARG001 - it would fail on a call
    assert StepFunctions(MACHINE).find(name) is None


@pytest.mark.parametrize("operation", ["start_execution", "describe_execution"])
def test_a_fault_of_step_functions_is_one(states, operation):
    states.add_client_error(operation, "ThrottlingException")
    with pytest.raises(WorkflowsUnavailable, match="ThrottlingException"):
        {"start_execution": lambda: StepFunctions(MACHINE).start(TASK),
         "describe_execution": lambda: StepFunctions(MACHINE).find("one")}[operation]()  # fmt: skip
