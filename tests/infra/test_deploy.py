"""A stage comes and goes, on the session's cloud."""

import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra import deploy, roles
from localcloud import cloud as clouds
from localcloud import venvs
from localcloud.home import ROOT, Home
from tests.cloud import Client, Deployed, eventually
from tests.conftest import picture

pytestmark = pytest.mark.e2e


@pytest.fixture
def project(deployed: Deployed, home: Home, tmp_path: Path) -> Path:
    """Copy the deployed project with the layer that is built already, but nothing of its stage."""
    assert deployed.api
    copy = tmp_path / "project"
    shutil.copytree(home.app, copy, ignore=shutil.ignore_patterns("deployed"))
    return copy


def run(home: Home, client: Client, project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(venvs.python(venvs.APP)), "-m", "infra.deploy", *arguments, "--stage", "gone", "--project", str(project)],
        cwd=ROOT,
        env=clouds.client_environment(home, client.cloud),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def events_under_way(client: Client) -> int:
    with urllib.request.urlopen(f"{client.cloud.url}/_halftone/events") as answer:
        return json.load(answer)


def leftovers(client: Client) -> list[str]:
    """Names of everything on the cloud that belongs to the stage."""
    found = [bucket["Name"] for bucket in client.of("s3").list_buckets()["Buckets"]]
    found += client.of("dynamodb").list_tables()["TableNames"]
    found += [topic["TopicArn"] for topic in client.of("sns").list_topics()["Topics"]]
    found += [topic["SubscriptionArn"] for topic in client.of("sns").list_subscriptions()["Subscriptions"]]
    found += [stack["StackName"] for stack in client.of("cloudformation").describe_stacks()["Stacks"]]
    found += [url.rpartition("/")[2] for url in client.of("sqs").list_queues().get("QueueUrls", [])]
    found += [function["FunctionName"] for function in client.of("lambda").list_functions()["Functions"]]
    found += [machine["name"] for machine in client.of("stepfunctions").list_state_machines()["stateMachines"]]
    found += [layer["LayerName"] for layer in client.of("lambda").list_layers()["Layers"]]
    found += [role["RoleName"] for role in client.of("iam").list_roles()["Roles"]]
    found += [group["logGroupName"] for group in client.of("logs").describe_log_groups()["logGroups"]]
    found += [alarm["AlarmName"] for alarm in client.of("cloudwatch").describe_alarms()["MetricAlarms"]]
    found += [rule["Name"] for rule in client.of("events").list_rules()["Rules"]]
    found += [board["DashboardName"] for board in client.of("cloudwatch").list_dashboards()["DashboardEntries"]]
    return [name for name in found if "halftone-gone" in name]


EVERY_STAGE, THIS_STAGE = (), ("stages", "gone")
QUEUE = "arn:aws:sqs:us-east-1:000000000000:theirs"


def notify(project: Path, where: tuple[str, ...], *entries: str) -> None:
    """Name subscriptions in the settings, of this stage or of every one."""
    path = project / ".chalice" / "config.json"
    place = config = json.loads(path.read_text())
    for name in where:
        place = place.setdefault(name, {})
    place.setdefault("deployment", {})["NOTIFY"] = ", ".join(entries)
    path.write_text(json.dumps(config))


def subscribers(client: Client, topic: str) -> dict[str, dict[str, str]]:
    """Return the subscriptions of a topic with their attributes, by address."""
    sns = client.of("sns")
    found = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    return {
        one["Endpoint"]: {"arn": one["SubscriptionArn"]}
        | sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])["Attributes"]
        for one in found
    }


def assert_each_role_has_its_policy(client: Client, project: Path) -> None:
    """See every function have a role of its own, which allows what its file says."""
    iam = client.of("iam")
    present = {name for name in leftovers(client) if name.startswith("halftone-gone-")}
    files = roles.policy_files("gone")
    handlers = [handler for handler in files if handler != "on_destination"]  # another pipeline has it
    assert {f"halftone-gone-{handler}" for handler in handlers} <= present
    for handler in handlers:
        role = f"halftone-gone-{handler}"
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
        (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        expected = json.loads((project / ".chalice" / files[handler]).read_text())
        assert iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"] == expected
        function = "halftone-gone" if handler == "api_handler" else role
        found = client.of("lambda").get_function_configuration(FunctionName=function)["Role"]
        assert found.rpartition("/")[2] == role


def assert_the_sweep_is_scheduled(client: Client) -> None:
    events = client.of("events")
    (rule,) = events.list_rules(NamePrefix="halftone-gone-")["Rules"]
    assert (rule["Name"], rule["ScheduleExpression"]) == ("halftone-gone-sweep-event", "rate(5 minutes)")
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert target["Arn"].endswith(":function:halftone-gone-sweep")


def assert_subscriptions_follow(home: Home, client: Client, project: Path, topic: str) -> None:
    """See who was subscribed, name others, deploy again, and see who is subscribed then."""
    client.of("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="hand@example.com")
    before = subscribers(client, topic)
    own = "arn:aws:lambda:us-east-1:000000000000:function:halftone-gone-on_completion"
    assert set(before) == {own, "hand@example.com", "ops@example.com", "+4915112345678", QUEUE}
    assert json.loads(before["ops@example.com"]["FilterPolicy"]) == {
        "event": ["image.ready", "image.failed", "image.deleted"]
    }
    assert json.loads(before[QUEUE]["FilterPolicy"]) == {"event": ["image.failed", "order.failed"]}
    assert before[QUEUE]["RawMessageDelivery"] == "true"

    notify(project, THIS_STAGE, "ops", "new@example.com always")
    refused = run(home, client, project, "deploy")
    assert refused.returncode != 0
    assert "NOTIFY: number 1: expected an e-mail address" in refused.stdout
    assert "NOTIFY: number 2: expected nothing or `failures`" in refused.stdout
    assert "Traceback" not in refused.stdout
    assert subscribers(client, topic) == before

    notify(project, THIS_STAGE, "ops@example.com failures", QUEUE, "new@example.com")
    done = run(home, client, project, "deploy")
    assert done.returncode == 0, done.stdout
    after = subscribers(client, topic)
    assert set(after) == {own, "hand@example.com", "ops@example.com", "new@example.com", QUEUE}
    kept = ("hand@example.com", "ops@example.com", QUEUE)
    assert [after[address]["arn"] for address in kept] == [before[address]["arn"] for address in kept]
    assert json.loads(after["ops@example.com"]["FilterPolicy"]) == {"event": ["image.failed"]}
    assert after[QUEUE]["FilterPolicy"] == ""


def test_a_stage_comes_and_goes(home: Home, client: Client, project: Path) -> None:
    notify(project, EVERY_STAGE, "ops@example.com", "+4915112345678", f"{QUEUE} failures")
    done = run(home, client, project, "deploy", "--pipeline", "default")
    assert done.returncode == 0, done.stdout
    assert "stack halftone-gone: CREATE_COMPLETE" in done.stdout
    config = json.loads((project / ".chalice" / "config.json").read_text())
    variables = config["stages"]["gone"]["environment_variables"]
    assert variables["SOURCE_BUCKET"] == "halftone-gone-source-000000000000"
    assert "local" in config["stages"]
    apis = len(client.of("apigateway").get_rest_apis()["items"])
    functions = [name for name in leftovers(client) if name.startswith(("halftone-gone-on_", "halftone-gone-resize_"))]
    functions.append("halftone-gone-sweep")
    assert {"halftone-gone-on_upload", "halftone-gone-resize_later"} <= set(functions)
    assert {"halftone-gone-workflow", "halftone-gone-chain"} <= set(leftovers(client))
    assert_the_sweep_is_scheduled(client)
    for function in functions:
        kept = client.of("lambda").get_function_event_invoke_config(FunctionName=function)
        assert kept["MaximumRetryAttempts"] == 2
        assert kept["DestinationConfig"]["OnFailure"]["Destination"].endswith(":halftone-gone-failed")

    assert_each_role_has_its_policy(client, project)
    assert_subscriptions_follow(home, client, project, variables["COMPLETIONS_TOPIC_ARN"])
    client.of("s3").put_object(Bucket=variables["SOURCE_BUCKET"], Key="kept.txt", Body=picture(10, 10))
    client.of("lambda").invoke(FunctionName="halftone-gone", Payload=b"{}")  # so that there is a log
    eventually(lambda: not events_under_way(client))  # a call in flight would write its log after all are deleted
    client.of("logs").create_log_group(logGroupName="/aws/lambda/halftone-gone-on_destination")  # of another pipeline

    refused = run(home, client, project, "destroy")
    assert refused.returncode != 0
    assert "halftone-gone-source-000000000000" in refused.stdout
    assert "EMPTY_BUCKETS=yes" in refused.stdout
    assert len(leftovers(client)) > 10

    done = run(home, client, project, "destroy", "--empty-buckets")
    assert done.returncode == 0, done.stdout
    assert leftovers(client) == []
    assert len(client.of("apigateway").get_rest_apis()["items"]) == apis - 1

    again = run(home, client, project, "destroy")
    assert again.returncode == 0, "nothing to destroy is no error"


def test_only_unfinished_images_are_in_the_index_of_the_table(deployed: Deployed) -> None:
    """It answers with bucket and key, the earliest due first; a finished image has neither of its two attributes."""
    marks: dict[str, dict[str, Any]] = {"f-late": {"due": 30}, "f-early": {"due": 10}, "0-other": {"due": 10}, "f": {}}
    for image_id, mark in marks.items():
        partition = {"unfinished": image_id[0]} if mark else {}
        deployed.table.put_item(
            Item={"image_id": image_id, "bucket": "b", "key": f"{image_id}.jpg", "status": "any"} | mark | partition
        )
    try:
        found = deployed.table.query(
            IndexName="unfinished",
            KeyConditionExpression="unfinished = :partition AND due < :now",
            ExpressionAttributeValues={":partition": "f", ":now": 20},
        )["Items"]
        everything = deployed.table.scan(IndexName="unfinished")["Items"]
    finally:
        for image_id in marks:
            deployed.table.delete_item(Key={"image_id": image_id})
    assert found == [{"image_id": "f-early", "bucket": "b", "key": "f-early.jpg", "unfinished": "f", "due": 10}]
    assert {item["image_id"] for item in everything} == {"f-late", "f-early", "0-other"}


def test_a_pipeline_of_ones_own_is_among_what_is_packaged(tmp_path: Path) -> None:
    assert deploy.packaged(tmp_path, "thumbnails") == "thumbnails"
    assert deploy.packaged(tmp_path, "chalicelib/mine/a.toml") == str(tmp_path / "chalicelib/mine/a.toml")
    for elsewhere in ("mine.toml", "vendor/a.toml", "chalicelib/../a.toml", str(tmp_path / "chalicelib/a.toml")):
        with pytest.raises(deploy.DeployError, match="expected a path under chalicelib/"):
            deploy.packaged(tmp_path, elsewhere)


def test_a_dependency_that_chalice_only_mentions_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chalice = tmp_path / "bin" / "chalice"
    chalice.parent.mkdir()
    chalice.write_text("#!/bin/sh\necho 'Could not install dependencies:'\necho 'Pillow==13.0.0'\n")
    chalice.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(chalice.with_name("python")))
    with pytest.raises(deploy.DeployError, match="no wheel"):
        deploy.chalice(tmp_path, "deploy", "any")


class RestingStack:
    """CloudFormation with a stack that is as the template says."""

    def __init__(self, status: str, refusal: str) -> None:
        self.status, self.refusal = status, refusal

    def describe_stacks(self, **_) -> dict[str, Any]:
        return {"Stacks": [{"StackStatus": self.status, "Outputs": [{"OutputKey": "A", "OutputValue": "1"}]}]}

    def update_stack(self, **_) -> None:
        raise ClientError({"Error": {"Code": "ValidationError", "Message": self.refusal}}, "UpdateStack")


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_stack_without_changes_is_fine_also_after_an_update_that_was_rolled_back(status: str) -> None:
    resting = RestingStack(status, "No updates are to be performed.")
    assert deploy.apply_stack(resting, "any", "halftone-any", "{}", {}) == {"A": "1"}
    busy = RestingStack(status, "Stack halftone-any is in UPDATE_IN_PROGRESS state and can not be updated.")
    with pytest.raises(ClientError, match="can not be updated"):
        deploy.apply_stack(busy, "any", "halftone-any", "{}", {})


def test_policies_of_another_pipeline_are_read_and_then_gone(tmp_path: Path) -> None:
    folder = tmp_path / "policy-any"
    assert deploy.read_policies(folder) == {}
    deploy.write_policies(folder, {"images": {"a": 1}, "restore": {"b": 2}})
    assert deploy.read_policies(folder) == {"images": {"a": 1}, "restore": {"b": 2}}
    deploy.write_policies(folder, {"images": {"a": 3}})
    assert deploy.read_policies(folder) == {"images": {"a": 3}}


class SlowIam:
    """Lambda, as it refuses a destination until a role's new policy has spread."""

    class Refused(Exception): ...

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.configured: list[dict[str, Any]] = []
        self.exceptions = SimpleNamespace(InvalidParameterValueException=self.Refused)

    def put_function_event_invoke_config(self, **request) -> None:
        if self.refusals:
            self.refusals -= 1
            raise self.Refused
        self.configured.append(request)


def test_a_policy_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "POLL", 0)
    slow = SlowIam(refusals=2)
    deploy.keep_what_fails(slow, ["one", "two"], "arn:queue")
    assert [request["FunctionName"] for request in slow.configured] == ["one", "two"]
    assert slow.configured[0]["DestinationConfig"] == {"OnFailure": {"Destination": "arn:queue"}}
    monkeypatch.setattr(deploy, "PROPAGATION", -1)
    with pytest.raises(SlowIam.Refused):
        deploy.keep_what_fails(SlowIam(refusals=1), ["one"], "arn:queue")
