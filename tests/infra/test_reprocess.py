import io
import json
import sys
from typing import Any, Self

import pytest
from botocore.exceptions import ReadTimeoutError

from chalicelib.aws.clients import client
from chalicelib.model.pipeline import Source
from infra import reprocess
from infra.reprocess import GONE, ORIGINAL, OTHER, Outcome


def recorded(key: str, status: str, **more: Any) -> dict[str, Any]:
    return {"key": {"S": key}, "status": {"S": status}, **more}


def test_a_deleted_image_is_looked_at_if_it_is_unfinished_and_each_key_once() -> None:
    due = {"due": {"N": "1767225600"}}
    items = [
        recorded("a.jpg", "ready"),
        recorded("gone.jpg", "failed"),
        recorded("begun.jpg", "processing", **due),
        recorded("deleted.jpg", "deleted"),
        recorded("deleted-with-leftovers.jpg", "deleted", **due),
        recorded("uploaded-again.jpg", "deleted", **due),
    ]
    assert reprocess.selected(["a.jpg", "notes.txt", "uploaded-again.jpg"], items, Source()) == {
        "a.jpg": ORIGINAL,
        "notes.txt": OTHER,
        "uploaded-again.jpg": ORIGINAL,
        "gone.jpg": GONE,
        "begun.jpg": GONE,
        "deleted-with-leftovers.jpg": GONE,
    }


class Aws:
    """A source bucket and a table, each of two pages, and the function behind them; `refusing` keys are not taken."""

    def __init__(self, refusing: tuple[str, ...] = ()) -> None:
        self.invoked: list[tuple[str, str]] = []
        self.refusing = refusing

    def client(self, _service: str, **_: Any) -> "Aws":
        return self

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:
        assert FunctionName == "halftone-dev-on_upload"
        names = {"SOURCE_BUCKET": "originals", "IMAGES_TABLE": "images", "PIPELINE": "default"}
        return {"Environment": {"Variables": names}}

    def get_paginator(self, operation: str) -> "Aws":
        self.operation = operation
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        if self.operation == "scan":
            assert request["TableName"] == "images"
            return [{"Items": [recorded("a.jpg", "ready")]}, {"Items": [recorded("gone.jpg", "ready")]}]
        assert request == {"Bucket": "originals"}
        return [{"Contents": [{"Key": "a.jpg"}, {"Key": "notes.txt"}]}, {"Contents": [{"Key": "c.jpg"}]}, {}]

    def invoke(self, FunctionName: str, InvocationType: str, Payload: bytes) -> None:
        assert (FunctionName, InvocationType) == ("halftone-dev-on_upload", "Event")
        record = json.load(io.BytesIO(Payload))["Records"][0]
        key = record["s3"]["object"]["key"]
        if key in self.refusing:
            raise ReadTimeoutError(endpoint_url="https://lambda")
        self.invoked.append((key, record["eventName"]))


def run(session: Any) -> tuple[Outcome, Outcome]:
    sent, failed = Outcome(), Outcome()
    reprocess.reprocess(session, "dev", sent, failed)
    return sent, failed


def test_every_object_and_every_record_is_looked_at_once() -> None:
    aws = Aws()
    assert run(aws) == ({ORIGINAL: 2, OTHER: 1, GONE: 1}, {})
    assert sorted(aws.invoked) == [
        ("a.jpg", "ObjectCreated:Reprocess"),
        ("c.jpg", "ObjectCreated:Reprocess"),
        ("gone.jpg", "ObjectRemoved:Reprocess"),
        ("notes.txt", "ObjectCreated:Reprocess"),
    ]


def test_one_that_is_not_taken_holds_up_no_other_and_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("boto3.Session", lambda: Aws(refusing=("a.jpg",)))
    monkeypatch.setattr(sys, "argv", ["reprocess", "--stage", "dev"])
    with pytest.raises(SystemExit) as ended:
        reprocess.main()
    assert ended.value.code == 1
    assert capsys.readouterr().out.splitlines() == [
        "3 events sent; what fails of them can be redriven: make redrive STAGE=dev",
        "        1 of other objects",
        "        1 of originals",
        "        1 of records without an object",
        "1 not sent; run it again, those that are done are left alone",
        '        1 Read timeout on endpoint URL: "https://lambda"',
    ]


class OnlyTable:
    """A session whose table is real, and whose bucket is empty."""

    def __init__(self, dynamodb: Any) -> None:
        self.aws, self.dynamodb = Aws(), dynamodb

    def client(self, service: str, **_: Any) -> Any:
        return {"dynamodb": self.dynamodb, "s3": self}.get(service, self.aws)

    def get_paginator(self, _operation: str) -> Self:
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return []


def test_of_the_table_only_what_may_have_variants_of_the_source_bucket_is_looked_at(stage: Any) -> None:
    assert stage.halftone
    dynamodb = client("dynamodb")
    rows: list[tuple[str, str, dict[str, Any]]] = [
        ("originals", "ready", {}),
        ("originals", "deleted", {}),
        ("other", "ready", {}),
        ("originals", "processing", {}),
        ("originals", "deleted", {"due": {"N": "1767225600"}}),
    ]
    for number, (bucket, status, more) in enumerate(rows):
        fields = {"image_id": str(number), "bucket": bucket, "key": f"{number}.jpg", "status": status}
        dynamodb.put_item(TableName="images", Item={name: {"S": value} for name, value in fields.items()} | more)
    session = OnlyTable(dynamodb)
    assert run(session) == ({GONE: 3}, {})
    assert sorted(key for key, _ in session.aws.invoked) == ["0.jpg", "3.jpg", "4.jpg"]
