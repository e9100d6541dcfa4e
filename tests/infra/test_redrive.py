import json
import sys
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from chalicelib import events
from infra import redrive
from infra.redrive import Failed, Report, UnknownMessage, parsed, told

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:halftone-dev-on_upload:$LATEST"


def message(delivery: str = "id-1", payload: Any = None, **changes: Any) -> str:
    """A record as Lambda sends it to an on-failure destination."""
    record = {
        "version": "1.0",
        "requestContext": {"requestId": delivery, "functionArn": ARN, "condition": "RetriesExhausted"},
        "requestPayload": {"Records": []} if payload is None else payload,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": {"errorType": "StorageUnavailable"},
    }
    return json.dumps(record | changes)


THROTTLED = ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
TIMED_OUT = ReadTimeoutError(endpoint_url="https://lambda")
AWAY = ClientError({"Error": {"Code": "ServiceUnavailable"}}, "ReceiveMessage")


class Aws:
    """A queue and a Lambda, as a session hands them out.

    Deliveries of `failing` end with its error. `comes_back` is sent to the queue when the first event was taken. After
    `looks` receipts the queue is away, and `stale` receipts are no good any more.
    """

    def __init__(
        self,
        *bodies: str,
        failing: dict[str, Exception] | None = None,
        comes_back: str | None = None,
        looks: int = 100,
        stale: tuple[str, ...] = (),
    ) -> None:
        self.queue = {str(number): body for number, body in enumerate(bodies)}
        self.sent = dict.fromkeys(self.queue, 1000 * time.time() - 1000)
        self.hidden: set[str] = set()
        self.invoked: list[tuple[str, dict[str, Any]]] = []
        self.failing, self.comes_back, self.looks, self.stale = failing or {}, comes_back, looks, stale
        self.shows_again = False

    def client(self, _service: str, **_: Any) -> "Aws":
        return self

    def get_paginator(self, operation: str) -> "Aws":
        assert operation == "list_functions"
        return self

    def paginate(self) -> list[dict[str, Any]]:
        names = [f"halftone-dev{rest}" for rest in ("", "-on_upload", "-eu", "-eu-on_upload")] + ["payroll-delete-all"]
        return [{"Functions": [{"FunctionName": name, "FunctionArn": f"arn:aws:lambda::{name}"} for name in names]}]

    def list_tags(self, Resource: str) -> dict[str, Any]:
        stage = "dev-eu" if "dev-eu" in Resource else "dev"
        return {"Tags": {"aws-chalice": f"version=1.34.0:stage={stage}:app=halftone"}}

    def get_queue_url(self, QueueName: str) -> dict[str, Any]:
        return {"QueueUrl": QueueName}

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"ApproximateNumberOfMessages": str(len(self.queue))}}

    def receive_message(self, QueueUrl: str, AttributeNames: list[str], **_: Any) -> dict[str, Any]:
        assert (QueueUrl, AttributeNames) == ("halftone-dev-failed", ["SentTimestamp"])
        self.looks -= 1
        if self.looks < 0:
            raise AWAY
        shown = [name for name in self.queue if name not in self.hidden]
        if not shown and self.shows_again:
            self.shows_again, shown = False, list(self.hidden)
        self.hidden |= set(shown)
        return {"Messages": [self.message(name) for name in shown]}

    def message(self, name: str) -> dict[str, Any]:
        attributes = {"SentTimestamp": str(int(self.sent[name]))}
        return {"MessageId": name, "ReceiptHandle": name, "Body": self.queue[name], "Attributes": attributes}

    def invoke(self, FunctionName: str, InvocationType: str, Payload: bytes) -> None:
        assert InvocationType == "Event"
        event = json.loads(Payload)
        if error := self.failing.get(event[events.REDRIVEN]):
            raise error
        self.invoked.append((FunctionName, event))
        if self.comes_back:
            self.queue["again"], self.comes_back = self.comes_back, None
            self.sent["again"] = 1000 * time.time() + 1

    def delete_message(self, ReceiptHandle: str, **_: Any) -> None:
        assert self.invoked, "deleted before the function had it"
        if ReceiptHandle in self.stale:
            raise ClientError({"Error": {"Code": "ReceiptHandleIsInvalid"}}, "DeleteMessage")
        del self.queue[ReceiptHandle]
        self.hidden.remove(ReceiptHandle)

    def change_message_visibility(self, ReceiptHandle: str, VisibilityTimeout: int, **_: Any) -> None:
        assert VisibilityTimeout == 0
        if ReceiptHandle in self.stale:
            raise ClientError({"Error": {"Code": "MessageNotInflight"}}, "ChangeMessageVisibility")
        self.hidden.remove(ReceiptHandle)


def run(aws: Aws) -> Report:
    report = Report()
    redrive.redrive(aws, "dev", report)
    return report


def test_an_event_goes_back_as_the_same_delivery() -> None:
    aws = Aws(message("id-1", {"Records": [1]}))
    report = run(aws)
    assert aws.invoked == [("halftone-dev-on_upload", {"Records": [1], events.REDRIVEN: "id-1"})]
    assert aws.queue == {}
    assert (report.redriven, report.errors) == (1, {"StorageUnavailable": 1})
    assert events.delivery(aws.invoked[0][1]) == "id-1"


def test_an_event_that_failed_again_keeps_its_first_delivery() -> None:
    failed = parsed(message("id-2", {"Records": [], events.REDRIVEN: "id-1"}))
    assert failed.delivery == "id-1"
    assert json.loads(failed.again())[events.REDRIVEN] == "id-1"


@pytest.mark.parametrize("error", [THROTTLED, TIMED_OUT])
def test_what_lambda_does_not_take_stays_in_the_queue_and_the_others_go(error: Exception) -> None:
    aws = Aws(message("id-1"), message("id-2"), message("id-3"), failing={"id-2": error})
    report = run(aws)
    assert (report.redriven, list(aws.queue), aws.hidden) == (2, ["1"], set())
    assert f"message 1: {error}" in told(report)


def test_a_run_that_breaks_off_says_what_it_did_and_gives_back_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    aws = Aws("no record", message(), looks=1)
    monkeypatch.setattr("boto3.Session", lambda: aws)
    monkeypatch.setattr(sys, "argv", ["redrive", "--stage", "dev"])
    with pytest.raises(SystemExit, match="ServiceUnavailable"):
        redrive.main()
    said = capsys.readouterr().out
    assert "1 redriven" in said
    assert "message 0" in said
    assert (list(aws.queue), aws.hidden) == (["0"], set())


def test_a_receipt_that_is_no_good_any_more_loses_nothing() -> None:
    aws = Aws("no record", message("id-1"), "nor this", stale=("0",))
    report = run(aws)
    assert (report.redriven, len(report.refused), aws.hidden) == (1, 2, {"0"})


def test_what_shows_again_within_a_run_counts_once() -> None:
    aws = Aws("no record", message("id-1"), stale=("1",))
    aws.shows_again = True
    report = run(aws)
    assert (report.redriven, len(aws.invoked)) == (1, 1)
    assert [line.split(":")[0] for line in report.refused] == ["message 0", "message 1"]


def test_twins_of_one_delivery_have_not_failed_again() -> None:
    aws = Aws(message("id-1"), message("id-1"))
    report = run(aws)
    assert (report.redriven, report.back, aws.queue) == (2, 0, {})


def test_a_run_ends_while_the_cause_is_still_there() -> None:
    aws = Aws(message("id-1"), comes_back=message("id-2", {events.REDRIVEN: "id-1"}))
    report = run(aws)
    assert (len(aws.invoked), report.back) == (1, 1)
    assert list(aws.queue) == ["again"]
    assert aws.hidden == set(), "the next run sees it at once"
    assert "the cause is still there" in told(report)


@pytest.mark.parametrize("body", ["", "no JSON", "[]", "{}", message(requestPayload=None), message(requestContext={})])
def test_other_messages_are_left_alone(body: str) -> None:
    with pytest.raises(UnknownMessage):
        parsed(body)
    aws = Aws(body)
    assert len(run(aws).refused) == 1
    assert len(aws.queue) == 1


@pytest.mark.parametrize(
    "name", ["payroll-delete-all", "halftone-dev-eu", "halftone-dev-eu-on_upload", "halftone-dev-x"]
)
def test_a_forged_message_invokes_nothing(name: str) -> None:
    """Not even a function of a stage whose name begins like ours."""
    arn = f"arn:aws:lambda:eu-west-1:123456789012:function:{name}:$LATEST"
    aws = Aws(message(requestContext={"requestId": "id-1", "functionArn": arn, "condition": "RetriesExhausted"}))
    report = run(aws)
    assert (aws.invoked, len(aws.queue)) == ([], 1)
    assert f"{name} is no function of this stage" in told(report)


def test_a_record_without_an_error_type_is_told_by_its_condition() -> None:
    assert parsed(message(responsePayload=None)) == Failed(
        function="halftone-dev-on_upload", delivery="id-1", error="RetriesExhausted", payload={"Records": []}
    )


def test_a_report_in_words() -> None:
    report = Report()
    assert told(report) == "nothing redriven"
    report.functions["halftone-dev-on_upload"] += 3
    report.errors["CatalogueUnavailable"] += 3
    assert told(report).splitlines() == [
        "3 redriven",
        "      3 to halftone-dev-on_upload",
        "      3 had failed with CatalogueUnavailable",
    ]
