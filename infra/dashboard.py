"""The dashboard of a stage: what it does, how long that takes, and what goes wrong. Pure."""

import json
from collections.abc import Sequence

from infra.roles import Estate
from infra.stage import APP, Json, failed_queue

FULL, HALF = 24, 12  # of the width
MATTERING = ("on_upload", "on_completion", "redeliver", "resize_task", "api_handler")
"""The functions whose times and errors are shown one by one."""


def body(estate: Estate, alarms: Sequence[str], machines: Sequence[str]) -> str:
    """Return the dashboard as CloudWatch takes it; `alarms` and state `machines` are ARNs."""
    mattering = [estate.function(handler) for handler in MATTERING]
    uploads = estate.function("on_upload")
    queue = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", failed_queue(estate.stage)]
    topic = estate.variables["COMPLETIONS_TOPIC_ARN"].rpartition(":")[2]
    widgets = [
        _widget("alarm", FULL, 3, title="Alarms", alarms=list(alarms)),
        _graph(estate, "Images", [_own(estate, "Images", "Sum", "ready"), _own(estate, "Failures", "Sum", "failed")]),
        _graph(
            estate,
            "Milliseconds an image",
            [
                _own(estate, "ProcessingTime", "p50", "half of them"),
                _own(estate, "ProcessingTime", "p95", "19 of 20"),
                _own(estate, "ProcessingTime", "Maximum", "the slowest"),
            ],
        ),
        _graph(
            estate,
            "Bytes",
            [_own(estate, "BytesIn", "Sum", "of originals"), _own(estate, "BytesOut", "Sum", "of variants")],
        ),
        _graph(estate, "Given up", [queue], "Maximum"),
        _graph(
            estate,
            "Errors and throttles",
            [["AWS/Lambda", "Throttles", "FunctionName", uploads]]
            + [["AWS/Lambda", "Errors", "FunctionName", name] for name in mattering],
        ),
        _graph(
            estate,
            "Milliseconds a call, 19 of 20",
            [["AWS/Lambda", "Duration", "FunctionName", name] for name in mattering],
            "p95",
        ),
        _graph(
            estate,
            "Events that are lost, by function",
            [_lost(estate, "AsyncEventsDropped"), _lost(estate, "DestinationDeliveryFailures")],
        ),
        _graph(
            estate,
            "Requests, workflows and notices that fail",
            [
                ["AWS/ApiGateway", "5XXError", "ApiName", f"{APP}-{estate.stage}"],
                ["AWS/SNS", "NumberOfNotificationsFailed", "TopicName", topic],
            ]
            + [
                ["AWS/States", metric, "StateMachineArn", machine]
                for machine in machines
                for metric in ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted")
            ],
        ),
        _widget(
            "log",
            FULL,
            6,
            title="What went wrong with uploads",
            region=estate.region,
            view="table",
            query=f"SOURCE '{estate.log_group('on_upload')}' | fields @timestamp, message, key, image_id, code "
            "| filter level in ['WARNING', 'ERROR'] | sort @timestamp desc | limit 50",
        ),
    ]
    return json.dumps({"start": "-PT24H", "widgets": widgets})


def _graph(estate: Estate, title: str, metrics: Sequence[Sequence[object]], statistic: str = "Sum") -> Json:
    return _widget(
        "metric",
        HALF,
        6,
        title=title,
        region=estate.region,
        view="timeSeries",
        stat=statistic,
        period=300,
        metrics=metrics,
    )


def _widget(kind: str, width: int, height: int, **properties: object) -> Json:
    return {"type": kind, "width": width, "height": height, "properties": properties}


def _own(estate: Estate, metric: str, statistic: str, label: str) -> Sequence[object]:
    """Search what the functions count themselves: one metric for each pipeline that the stage has had."""
    found = f'{{Halftone,pipeline,service}} service="{APP}-{estate.stage}" MetricName="{metric}"'
    return [{"expression": f"SEARCH('{found}', '{statistic}')", "label": label}]


def _lost(estate: Estate, metric: str) -> Sequence[object]:
    names = " OR ".join(f'"{estate.function(handler)}"' for handler in estate.handlers)
    return [
        {"expression": f"SEARCH('{{AWS/Lambda,FunctionName}} MetricName=\"{metric}\" FunctionName=({names})', 'Sum')"}
    ]
