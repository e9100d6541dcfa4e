import json

import boto3
import pytest

from chalicelib.aws.targets import EmfMetrics, EventBus
from chalicelib.errors import CompletionsUnavailable
from chalicelib.model.completion import CompletionEvent
from chalicelib.model.record import Status
from tests.test_notices import completion


@pytest.mark.usefixtures("environment")
def test_metrics_are_one_line_in_the_embedded_metric_format(capsys):
    EmfMetrics().deliver(completion())
    document = json.loads(capsys.readouterr().out)
    assert {
        name: document[name] for name in ("Images", "Failures", "ProcessingTime", "BytesIn", "BytesOut", "pipeline")
    } == {
        "Images": [1.0],
        "Failures": [0.0],
        "ProcessingTime": [10.0],
        "BytesIn": [1234.0],
        "BytesOut": [8642.0],
        "pipeline": "default",
    }
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Halftone"
    assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}["ProcessingTime"] == "Milliseconds"


@pytest.mark.usefixtures("environment")
def test_a_failure_counts_as_one_and_neither_a_deletion_nor_an_order_that_failed_as_anything(capsys):
    EmfMetrics().deliver(completion(CompletionEvent.FAILED, variants=()))
    document = json.loads(capsys.readouterr().out)
    assert (document["Images"], document["Failures"]) == ([0.0], [1.0])
    EmfMetrics().deliver(completion(CompletionEvent.DELETED))
    for status in (Status.READY, Status.FAILED):
        EmfMetrics().deliver(completion(CompletionEvent.ORDER_FAILED, status=status))
    assert capsys.readouterr().out == ""


def test_the_event_bus_gets_the_completion(stage):
    events = boto3.client("events")
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["halftone"], "detail-type": ["image.ready"]}))
    queue_arn = stage.sqs.get_queue_attributes(QueueUrl=stage.queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": queue_arn}])
    EventBus("default").deliver(completion())
    (event,) = stage.envelopes()
    assert (event["source"], event["detail-type"]) == ("halftone", "image.ready")
    assert event["resources"] == ["arn:aws:s3:::originals/a/photo.jpg"]
    assert event["detail"]["image_id"] == "id"
    assert event["detail"]["occurred_at"] == "2026-01-01T00:00:00Z"


@pytest.mark.usefixtures("stage")
def test_a_bus_that_is_not_there_is_a_fault():
    with pytest.raises(CompletionsUnavailable):
        EventBus("nowhere").deliver(completion())
