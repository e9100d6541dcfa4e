import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import events
from infra import redrive, reprocess
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


class Aws:
    """A queue and a Lambda, as a session hands them out; `failing` functions are refused."""

    def __init__(self, *bodies: str, failing: tuple[str, ...] = (), comes_back: str | None = None) -> None:
        self.queue = {str(number): body for number, body in enumerate(bodies)}
        self.hidden: set[str] = set()
        self.invoked: list[tuple[str, dict[str, Any]]] = []
        self.failing, self.comes_back = failing, comes_back

    def client(self, _service: str) -> "Aws":
        return self

    def get_queue_url(self, QueueName: str) -> dict[str, Any]:
        return {"QueueUrl": QueueName}

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"ApproximateNumberOfMessages": str(len(self.queue))}}

    def receive_message(self, QueueUrl: str, **_: Any) -> dict[str, Any]:
        assert QueueUrl == "halftone-dev-failed"
        shown = [receipt for receipt in self.queue if receipt not in self.hidden]
        self.hidden |= set(shown)
        return {"Messages": [{"MessageId": r, "ReceiptHandle": r, "Body": self.queue[r]} for r in shown]}

    def invoke(self, FunctionName: str, InvocationType: str, Payload: bytes) -> None:
        assert InvocationType == "Event"
        if FunctionName in self.failing:
            raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
        self.invoked.append((FunctionName, json.loads(Payload)))
        if self.comes_back:
            self.queue["again"], self.comes_back = self.comes_back, None

    def delete_message(self, ReceiptHandle: str, **_: Any) -> None:
        assert self.invoked, "deleted before the function had it"
        del self.queue[ReceiptHandle]
        self.hidden.remove(ReceiptHandle)

    def change_message_visibility(self, ReceiptHandle: str, VisibilityTimeout: int, **_: Any) -> None:
        assert VisibilityTimeout == 0
        self.hidden.remove(ReceiptHandle)


def test_an_event_goes_back_as_the_same_delivery() -> None:
    aws = Aws(message("id-1", {"Records": [1]}))
    report = redrive.redrive(aws, "dev")
    assert aws.invoked == [("halftone-dev-on_upload", {"Records": [1], events.REDRIVEN: "id-1"})]
    assert aws.queue == {}
    assert (report.redriven, report.errors) == (1, {"StorageUnavailable": 1})
    assert events.delivery(aws.invoked[0][1]) == "id-1"


def test_an_event_that_failed_again_keeps_its_first_delivery() -> None:
    failed = parsed(message("id-2", {"Records": [], events.REDRIVEN: "id-1"}))
    assert failed.delivery == "id-1"
    assert json.loads(failed.again())[events.REDRIVEN] == "id-1"


def test_what_lambda_does_not_take_stays_in_the_queue() -> None:
    aws = Aws(message(), failing=("halftone-dev-on_upload",))
    report = redrive.redrive(aws, "dev")
    assert (report.redriven, len(aws.queue), aws.hidden) == (0, 1, set())
    assert "TooManyRequestsException" in told(report)


def test_a_run_ends_while_the_cause_is_still_there() -> None:
    aws = Aws(message("id-1"), comes_back=message("id-2", {events.REDRIVEN: "id-1"}))
    report = redrive.redrive(aws, "dev")
    assert (len(aws.invoked), report.back) == (1, 1)
    assert list(aws.queue) == ["again"]
    assert aws.hidden == set(), "the next run sees it at once"
    assert "the cause is still there" in told(report)


@pytest.mark.parametrize("body", ["", "no JSON", "[]", "{}", message(requestPayload=None), message(requestContext={})])
def test_other_messages_are_left_alone(body: str) -> None:
    with pytest.raises(UnknownMessage):
        parsed(body)
    aws = Aws(body)
    assert len(redrive.redrive(aws, "dev").refused) == 1
    assert len(aws.queue) == 1


def test_a_record_without_an_error_type_is_told_by_its_condition() -> None:
    assert parsed(message(responsePayload=None)) == Failed(
        function="halftone-dev-on_upload", delivery="id-1", error="RetriesExhausted", payload={"Records": []}
    )


def test_a_report_in_words() -> None:
    report = Report()
    assert told(report) == "nothing to redrive"
    report.functions["halftone-dev-on_upload"] += 3
    report.errors["CatalogueUnavailable"] += 3
    assert told(report).splitlines() == [
        "3 redriven",
        "      3 to halftone-dev-on_upload",
        "      3 had failed with CatalogueUnavailable",
    ]


@pytest.mark.parametrize("key", ["a.jpg", "with space + plus.jpg", "ü/日本.png", "100%.jpg"])
def test_an_event_to_reprocess_asks_for_the_object_as_it_is(key: str) -> None:
    (change,) = events.storage_changes(json.loads(reprocess.event("originals", key)))
    assert (change.kind, change.bucket, change.key, change.sequencer) == ("created", "originals", key, "")


class Bucket:
    """A source bucket of two pages, and the function behind it."""

    def __init__(self) -> None:
        self.invoked: list[str] = []

    def client(self, _service: str, **_: Any) -> "Bucket":
        return self

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:
        assert FunctionName == "halftone-dev-on_upload"
        return {"Environment": {"Variables": {"SOURCE_BUCKET": "originals"}}}

    def get_paginator(self, _operation: str) -> "Bucket":
        return self

    def paginate(self, Bucket: str) -> list[dict[str, Any]]:
        assert Bucket == "originals"
        return [{"Contents": [{"Key": "a.jpg"}, {"Key": "b.jpg"}]}, {"Contents": [{"Key": "c.jpg"}]}, {}]

    def invoke(self, FunctionName: str, InvocationType: str, Payload: bytes) -> None:
        assert (FunctionName, InvocationType) == ("halftone-dev-on_upload", "Event")
        self.invoked.append(json.load(io.BytesIO(Payload))["Records"][0]["s3"]["object"]["key"])


def test_every_original_is_looked_at() -> None:
    bucket = Bucket()
    assert reprocess.reprocess(bucket, "dev") == 3
    assert sorted(bucket.invoked) == ["a.jpg", "b.jpg", "c.jpg"]
