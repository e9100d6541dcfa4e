import json
from typing import Any

from cfnlint.api import lint

import app as halftone_app
from chalicelib.pipelines import loading
from infra import alarms, deployment, roles, stage
from localcloud.home import ROOT, STAGE
from tests.infra.test_roles import estate
from tests.infra.test_stage import ACCOUNT, OUTPUTS, REGION

MACHINES = list(deployment.definitions().values())
ALARMS = {alarm.name: alarm for alarm in alarms.alarms(estate(), MACHINES)}
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call"


def template(*actions: str) -> dict[str, Any]:
    return alarms.template(estate(), MACHINES, actions)


def of_app() -> set[str]:
    """Name the functions of app.py as Chalice registers them, and the API's."""
    app = halftone_app.app
    names = [source.name for source in app.event_sources] + [function.name for function in app.pure_lambda_functions]
    return {*names, "api_handler"}


def watched(handler: str) -> set[str]:
    return {alarm.metric[1] for alarm in ALARMS.values() if alarm.of == {"FunctionName": estate().function(handler)}}


def test_every_function_of_the_app_has_role_log_and_alarms() -> None:
    """What it gives up on is in the queue, or fails its machine, or is a 5xx of the API."""
    default = roles.Estate(STAGE, REGION, ACCOUNT, "aws", stage.environment(OUTPUTS, {}), loading.load("default"))
    assert set(default.handlers) == of_app()
    assert sorted(handler for kind in roles.policies(default) for handler in roles.KINDS[kind]) == sorted(of_app())
    synchronous = alarms.called_by(MACHINES)
    assert synchronous == {"resize_task", "chain_resize", "chain_store", "chain_notify"}
    for handler in of_app() - synchronous - {"api_handler"}:
        assert watched(handler) >= {"AsyncEventsDropped", "DestinationDeliveryFailures"}
    assert ALARMS["given-up"].of == {"QueueName": f"halftone-{STAGE}-failed"}
    assert ALARMS["request-errors"].of == {"ApiName": f"halftone-{STAGE}"}
    machines = {OUTPUTS["WorkflowArn"], OUTPUTS["ChainArn"]}
    for metric in ("ExecutionsFailed", "ExecutionsTimedOut"):
        assert {alarm.of["StateMachineArn"] for alarm in ALARMS.values() if alarm.metric[1] == metric} == machines


def test_alarms_are_of_what_there_is_and_say_what_to_do() -> None:
    functions = {estate().function(handler) for handler in estate().handlers}
    known: dict[str, set[str]] = {
        "FunctionName": functions,
        "QueueName": {stage.failed_queue(STAGE)},
        "TopicName": {OUTPUTS["CompletionsTopicArn"].rpartition(":")[2]},
        "StateMachineArn": {OUTPUTS["WorkflowArn"], OUTPUTS["ChainArn"]},
        "ApiName": {f"halftone-{STAGE}"},
        "service": {OUTPUTS["PowertoolsServiceName"]},
    }
    for alarm in ALARMS.values():
        ((dimension, value),) = alarm.of.items()
        assert value in known[dimension]
        assert alarm.bad <= alarm.looks
        assert alarm.says.count(".") >= 1


def test_each_alarm_has_a_line_in_the_handbook() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    assert [name for name in ALARMS if f"`{general(name)}`" not in text] == []


def general(name: str) -> str:
    """Name an alarm as the handbook does, where each function or machine has one of its kind."""
    for one in (*estate().handlers, *alarms.MACHINES):
        name = name.replace(f"{one}-", "<name>-") if name.startswith(f"{one}-") else name
    return name


def test_a_duration_is_alarming_shortly_before_the_time_is_up() -> None:
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    durations = {"upload-duration": "on_upload", "request-duration": "api_handler"}
    assert {name for name, alarm in ALARMS.items() if alarm.metric[1] == "Duration"} == set(durations)
    for name, handler in durations.items():
        alarm, seconds = ALARMS[name], stage.setting(config, STAGE, handler, "lambda_timeout")
        assert 800 * seconds <= alarm.most < 1000 * seconds
        assert f"({seconds} s)" in alarm.says


def test_the_template_is_valid_and_small_enough() -> None:
    text = stage.compact(template(TOPIC))
    assert len(text.encode()) <= 51_200
    assert lint(text, regions=[REGION]) == []
    names = [one["Properties"].get("AlarmName") for one in template()["Resources"].values()]
    assert len(set(names)) == len(ALARMS) + 1, "and the dashboard has none"


def test_who_is_on_call_hears_of_the_beginning_and_of_the_end() -> None:
    for actions in ([], [TOPIC]):
        for one in template(*actions)["Resources"].values():
            if one["Type"] == "AWS::CloudWatch::Alarm":
                found = one["Properties"]
                assert found.get("AlarmActions", []) == found.get("OKActions", []) == actions
                assert found["TreatMissingData"] == "notBreaching"


def test_an_alarm_goes_off_over_its_threshold() -> None:
    found = template()["Resources"]["UploadErrorsAlarm"]["Properties"]
    assert (found["Threshold"], found["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert (found["DatapointsToAlarm"], found["EvaluationPeriods"]) == (2, 3)
    assert found["Dimensions"] == [{"Name": "FunctionName", "Value": f"halftone-{STAGE}-on_upload"}]


def test_the_dashboard_shows_what_there_is() -> None:
    text = template()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
    widgets = json.loads(text)["widgets"]
    shown = {cell for widget in widgets for line in widget["properties"].get("metrics", []) for cell in line[1:]}
    functions = {estate().function(handler) for handler in estate().handlers}
    others = {f"halftone-{STAGE}", f"halftone-{STAGE}-failed", f"halftone-{STAGE}-completions"}
    assert {name for name in shown if str(name).startswith("halftone-")} <= functions | others
    arns = [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:halftone-{STAGE}-{name}" for name in ALARMS]
    assert widgets[0]["properties"]["alarms"] == arns
    for metric in ("Images", "Failures", "ProcessingTime", "BytesIn", "BytesOut"):
        assert f'MetricName=\\"{metric}\\"' in text
    for metric in ("5XXError", "NumberOfNotificationsFailed", "ExecutionsAborted", "AsyncEventsDropped"):
        assert metric in text
