"""What somebody has to look at: the alarms of a stage, as a CloudFormation template. Pure.

An asynchronous event that a function gives up on goes to the queue of failed events, whatever the function, and the
alarm `given-up` is the queue's. What a state machine or the API calls is covered by theirs. So a new function is
covered; `tests/infra/test_alarms.py` looks.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from infra import dashboard
from infra.inventory import API_HANDLER
from infra.roles import Estate
from infra.stage import APP, Json, failed_queue

MACHINES = {"workflow": "WORKFLOW_ARN", "chain": "CHAIN_ARN"}
PERIOD = 300  # seconds that each value of a metric is of


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """It goes off when a metric is over `most` in `bad` of the last `looks` periods. `says` is what to do then."""

    name: str
    says: str
    metric: tuple[str, str]
    of: Mapping[str, str]
    statistic: str = "Sum"
    most: int = 0
    bad: int = 1
    looks: int = 1


def alarms(estate: Estate, machines: Iterable[str]) -> list[Alarm]:
    """List the alarms of a stage; `machines` are the definitions of its state machines."""
    return [*_events(estate, called_by(machines)), *_uploads(estate), *_requests(estate), *_workflows(estate)]


def called_by(machines: Iterable[str]) -> set[str]:
    """Name the functions that state machines call, and wait for."""
    return {name for definition in machines for name in re.findall(r"\$\{Functions\}(\w+)", definition)}


def template(estate: Estate, machines: Iterable[str], actions: Sequence[str]) -> Json:
    """Return alarms and dashboard; `actions` are the topics that hear when an alarm goes off, and when it is over."""
    found = alarms(estate, machines)
    arns = [estate.arn("cloudwatch", f"alarm:{full_name(estate, one)}") for one in found]
    resources = {_logical_id(one): _resource(full_name(estate, one), one, actions) for one in found}
    body = dashboard.body(estate, arns, [estate.variables[variable] for variable in MACHINES.values()])
    board = {"DashboardName": f"{APP}-{estate.stage}", "DashboardBody": body}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "What somebody has to look at, and where they look.",
        "Resources": {**resources, "Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": board}},
    }


def full_name(estate: Estate, alarm: Alarm) -> str:
    return f"{APP}-{estate.stage}-{alarm.name}"


def _events(estate: Estate, called: Collection[str]) -> Iterator[Alarm]:
    yield Alarm(
        name="given-up",
        says="Lambda has given up on events. See what they failed with, fix it, and run make redrive.",
        metric=("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        of={"QueueName": failed_queue(estate.stage)},
        statistic="Maximum",
    )
    for handler in estate.handlers:
        if handler not in {API_HANDLER, *called}:
            function = {"FunctionName": estate.function(handler)}
            yield Alarm(
                name=f"{handler}-events-dropped",
                says="Lambda has given up on events of this function: they failed three times, or waited for hours. "
                "They are in the queue of failed events. Fix the cause, and run make redrive.",
                metric=("AWS/Lambda", "AsyncEventsDropped"),
                of=function,
            )
            yield Alarm(
                name=f"{handler}-not-kept",
                says="Lambda could not put failed events into the queue, and they are lost. See that the queue and its "
                "policy are as deployed, run make deploy, then make reprocess.",
                metric=("AWS/Lambda", "DestinationDeliveryFailures"),
                of=function,
            )
    # The functions count it themselves (chalicelib/aws/denials.py), whichever of them it was.
    yield Alarm(
        name="access-denied",
        says="A policy denies a function something. The log says what; correct the policy, and run make redrive.",
        metric=("Halftone", "AccessDenied"),
        of={"service": f"{APP}-{estate.stage}"},
    )
    yield Alarm(
        name="notices-refused",
        says="Subscribers do not take completions. SNS logs which, if you turn delivery status logging on.",
        metric=("AWS/SNS", "NumberOfNotificationsFailed"),
        of={"TopicName": estate.variables["COMPLETIONS_TOPIC_ARN"].rpartition(":")[2]},
        bad=2,
        looks=3,
    )


def _uploads(estate: Estate) -> Iterator[Alarm]:
    """One error is no alarm: Lambda tries again."""
    function = {"FunctionName": estate.function("on_upload")}
    yield Alarm(
        name="upload-errors",
        says="Uploads keep failing for another reason than the picture itself. The function's log says why.",
        metric=("AWS/Lambda", "Errors"),
        of=function,
        bad=2,
        looks=3,
    )
    yield Alarm(
        name="upload-throttles",
        says="Uploads wait because the account's Lambda functions, or those that are reserved, are all busy. Ask for a "
        "higher quota, or reserve more.",
        metric=("AWS/Lambda", "Throttles"),
        of=function,
        bad=2,
        looks=3,
    )
    yield Alarm(
        name="upload-duration",
        says="An image took nearly all the time that there is (120 s). Give the function more memory, and so more CPU, "
        "or have the pipeline do less.",
        metric=("AWS/Lambda", "Duration"),
        of=function,
        statistic="Maximum",
        most=100_000,
    )


def _requests(estate: Estate) -> Iterator[Alarm]:
    yield Alarm(
        name="request-duration",
        says="A request took nearly all the time that there is (29 s). Have such images made with mode async.",
        metric=("AWS/Lambda", "Duration"),
        of={"FunctionName": estate.function(API_HANDLER)},
        statistic="Maximum",
        most=25_000,
    )
    yield Alarm(
        name="request-errors",
        says="The API keeps answering 5xx: AWS did not answer it, or it broke down. The log of its function says why.",
        metric=("AWS/ApiGateway", "5XXError"),
        of={"ApiName": f"{APP}-{estate.stage}"},
        bad=2,
        looks=3,
    )


def _workflows(estate: Estate) -> Iterator[Alarm]:
    for machine, variable in MACHINES.items():
        of = {"StateMachineArn": estate.variables[variable]}
        yield Alarm(
            name=f"{machine}-failed",
            says="Executions keep failing. If they name an error of AWS's, fix it and redrive them in Step Functions; "
            "if they name a fault of the image or of the request, tell whoever sends those.",
            metric=("AWS/States", "ExecutionsFailed"),
            of=of,
            bad=2,
            looks=3,
        )
        yield Alarm(
            name=f"{machine}-timed-out",
            says="An execution took longer than it may: a function hangs, or waits for what another holds. See its "
            "history, and start it again.",
            metric=("AWS/States", "ExecutionsTimedOut"),
            of=of,
        )


def _logical_id(alarm: Alarm) -> str:
    return "".join(word.capitalize() for word in re.split("[-_]", alarm.name)) + "Alarm"


def _resource(name: str, alarm: Alarm, actions: Sequence[str]) -> Json:
    namespace, metric = alarm.metric
    properties = {
        "AlarmName": name,
        "AlarmDescription": alarm.says,
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": key, "Value": value} for key, value in alarm.of.items()],
        "Statistic": alarm.statistic,
        "Period": PERIOD,
        "EvaluationPeriods": alarm.looks,
        "DatapointsToAlarm": alarm.bad,
        "Threshold": alarm.most,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    heard = {"AlarmActions": list(actions), "OKActions": list(actions)} if actions else {}
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties | heard}
