"""Halftone, as AWS sees it: what is triggered by what. The work is in `chalicelib/usecases`."""

import math
from typing import Any

from aws_lambda_powertools import Logger
from chalice.app import Chalice, CloudWatchEvent, ConvertToMiddleware, Rate, Response, S3Event, SNSEvent

from chalicelib import events, results, settings
from chalicelib.http import problems, requests, views
from chalicelib.logs import BriefFormatter
from chalicelib.usecases.announce import announce
from chalicelib.usecases.chain import resize_step, store_step
from chalicelib.usecases.defer import carry_out, defer, resize_or_defer
from chalicelib.usecases.fan_out import deliver_again, fan_out
from chalicelib.usecases.follow import follow
from chalicelib.usecases.look_up import look_up
from chalicelib.usecases.resize import resize
from chalicelib.usecases.restore import restore
from chalicelib.usecases.sweep import sweep as hand_over_unfinished
from chalicelib.usecases.workflow import follow_workflow, start_workflow
from chalicelib.wiring import call, deferral, halftone, outlets, rendering, uploads, workflows

app = Chalice(app_name="halftone", configure_logs=False)
app.register_middleware(
    ConvertToMiddleware(Logger(service="halftone", logger_formatter=BriefFormatter()).inject_lambda_context)
)
triggers = settings.triggers()
answering = problems.answering(app)


class StorageEvent(S3Event):
    """S3's event as it came: Chalice's own class fails on one without records, such as S3's test event."""

    def _extract_attributes(self, event_dict: dict[str, Any]) -> None: ...


@app.on_s3_event(
    bucket=triggers.source_bucket,
    prefix=triggers.uploads_under,
    events=["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"],
)
def on_upload(event: S3Event) -> dict[str, int]:
    document = event.to_dict()
    return follow(events.storage_changes(document), rendering(), call(event.context, events.delivery(document)))


on_upload.event_class = StorageEvent

if triggers.guarded_bucket:

    @app.on_s3_event(bucket=triggers.guarded_bucket, events=["s3:ObjectCreated:*"])
    def on_destination(event: S3Event) -> dict[str, Any]:
        return results.restore_result(restore(events.storage_changes(event.to_dict()), halftone()))

    on_destination.event_class = StorageEvent


@app.schedule(Rate(5, unit=Rate.MINUTES))
def sweep(event: CloudWatchEvent) -> dict[str, int]:
    return hand_over_unfinished(halftone(), uploads().look_at, call(event.context))


@app.on_sns_message(topic=triggers.completions_topic)
def on_completion(event: SNSEvent) -> None:
    fan_out(events.announcements(event.to_dict()), outlets())


@app.lambda_function()
def redeliver(event: dict[str, Any], _context: Any) -> None:
    deliver_again(events.handover(event), outlets())


@app.lambda_function()
def resize_task(event: dict[str, Any], context: Any) -> dict[str, Any]:
    order = events.resize_order(event)
    return results.task_result(order, resize(order, rendering(), call(context, events.delivery(event))))


@app.lambda_function()
def resize_later(event: dict[str, Any], context: Any) -> None:
    carry_out(events.deferred_order(event), rendering(), call(context, events.delivery(event)))


@app.lambda_function()
def chain_resize(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return results.resize_result(
        resize_step(events.original_order(event), rendering(), call(context, events.delivery(event)))
    )


@app.lambda_function()
def chain_store(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    return results.store_result(store_step(events.written_step(event), halftone()))


@app.lambda_function()
def chain_notify(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    record = events.stored_record(event)
    announce(record, halftone())
    return results.chain_result(record)


@app.route("/resize", methods=["POST"], content_types=[])
@answering
def post_resize() -> Response:
    order, mode = requests.resize_order(app)
    if mode == "async":
        return views.accepted_image(defer(order, halftone(), deferral().hand_over))
    return views.record(
        resize_or_defer(order, rendering(), deferral().hand_over, call(app.lambda_context, fair_share=math.inf))
    )


@app.route("/images/{image_id}", methods=["GET"])
@answering
def get_image(image_id: str) -> Response:
    return views.record(look_up(image_id, halftone()))


@app.route("/workflows", methods=["POST"], content_types=[])
@answering
def post_workflow() -> Response:
    return views.accepted_workflow(start_workflow(*requests.task(app), halftone(), workflows()))


@app.route("/workflows/{execution_id}", methods=["GET"])
@answering
def get_workflow(execution_id: str) -> Response:
    return views.workflow(follow_workflow(execution_id, workflows()))


@app.route("/health", methods=["GET"])
@answering
def get_health() -> Response:
    return views.health(halftone().pipeline)
