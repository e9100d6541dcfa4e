"""What stands behind the completions topic: metrics and the event bus."""

import msgspec
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from chalicelib.aws.clients import client, raising
from chalicelib.errors import CompletionsUnavailable
from chalicelib.model.completion import Completion, CompletionEvent


class EmfMetrics:
    """CloudWatch metrics by the embedded metric format: a line of the log, no call.

    For each pipeline: Images (ready), Failures, ProcessingTime (milliseconds), BytesIn and BytesOut. A deletion and
    an order that failed count as nothing.
    """

    name = "metrics"

    def deliver(self, completion: Completion) -> None:
        ready, failed = completion.event is CompletionEvent.READY, completion.event is CompletionEvent.FAILED
        if not (ready or failed):
            return
        metrics = EphemeralMetrics()
        metrics.add_dimension("pipeline", completion.pipeline)
        metrics.add_metric("Images", MetricUnit.Count, int(ready))
        metrics.add_metric("Failures", MetricUnit.Count, int(failed))
        metrics.add_metric("ProcessingTime", MetricUnit.Milliseconds, completion.processing_ms or 0)
        metrics.add_metric("BytesIn", MetricUnit.Bytes, completion.original_bytes or 0)
        metrics.add_metric("BytesOut", MetricUnit.Bytes, sum(variant.bytes for variant in completion.variants))
        metrics.add_metadata("image_id", completion.image_id)
        metrics.flush_metrics()


class EventBus:
    """EventBridge: source `halftone`, detail-type the completion's event, detail the completion."""

    name = "eventbridge"

    def __init__(self, bus: str) -> None:
        self._bus = bus

    def deliver(self, completion: Completion) -> None:
        events = client("events")
        entry = {
            "EventBusName": self._bus,
            "Source": "halftone",
            "DetailType": completion.event.value,
            "Detail": msgspec.json.encode(completion).decode(),
            "Resources": [f"arn:{events.meta.partition}:s3:::{completion.bucket}/{completion.key}"],
            "Time": completion.occurred_at,
        }
        with raising(CompletionsUnavailable, "EventBridge did not take the completion"):
            response = events.put_events(Entries=[entry])
        if response.get("FailedEntryCount"):
            code = response["Entries"][0].get("ErrorCode", "unknown")
            raise CompletionsUnavailable(f"EventBridge did not take the completion: {code}")
