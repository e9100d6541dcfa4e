"""A stage comes and goes, on the session's cloud."""

import json
import os
import secrets
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra import role_template, roles, stage
from localcloud import cloud as clouds
from localcloud import venvs
from localcloud.home import ROOT, Home
from tests import deployer
from tests.cloud import Client, Deployed, eventually, make_queue, notification
from tests.infra import platform_team
from tests.infra.test_deployer import assert_nothing_is_allowed_for_no_reason

pytestmark = pytest.mark.e2e


Clone = Callable[[], Path]


@pytest.fixture
def clone(deployed: Deployed, home: Home, tmp_path: Path) -> Clone:
    """Copy the deployed project afresh with the layer that is built already, but nothing of a stage."""
    assert deployed.api

    def fresh() -> Path:
        copy = tmp_path / secrets.token_hex(4)
        shutil.copytree(home.app, copy, ignore=shutil.ignore_patterns("deployed"))
        return copy

    return fresh


def run(home: Home, client: Client, project: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    python = str(venvs.python(venvs.APP))
    where = ["--stage", "gone", "--project", str(project)]
    return subprocess.run(
        [python, "-m", "infra.deploy", command, *where, *arguments],
        cwd=ROOT,
        env={**clouds.client_environment(home, client.cloud), **client.user},
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
    found += [parameter["Name"] for parameter in client.of("ssm").describe_parameters()["Parameters"]]
    return [name for name in found if "halftone-gone" in name or "/halftone/gone" in name]


def apis(client: Client) -> set[str]:
    return {api["id"] for api in client.of("apigateway").get_rest_apis()["items"]}


EVERY_STAGE, THIS_STAGE = (), ("stages", "gone")
QUEUE = "arn:aws:sqs:us-east-1:000000000000:theirs"
OWN = "arn:aws:lambda:us-east-1:000000000000:function:halftone-gone-on_completion"


def notify(project: Path, where: tuple[str, ...], *entries: str) -> None:
    """Name subscriptions in the settings, of this stage or of every one."""
    choose(project, where, NOTIFY=", ".join(entries))


def subscribers(client: Client, topic: str) -> dict[str, dict[str, str]]:
    """Return the subscriptions of a topic with their attributes, by address."""
    sns = client.of("sns")
    found = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    return {
        one["Endpoint"]: {"arn": one["SubscriptionArn"]}
        | sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])["Attributes"]
        for one in found
    }


HANDLERS = [handler for handlers in roles.KINDS.values() for handler in handlers if handler != "on_destination"]
"""Another pipeline has that one."""


def choose(project: Path, where: tuple[str, ...], tags: dict[str, str] | None = None, **settings: Any) -> None:
    path = project / ".chalice" / "config.json"
    place = config = json.loads(path.read_text())
    for name in where:
        place = place.setdefault(name, {})
    place.setdefault("deployment", {}).update(settings)
    place.setdefault("tags", {}).update(tags or {})
    path.write_text(json.dumps(config))


def assert_it_is_protected(home: Home, client: Client, clone: Clone) -> None:
    before = leftovers(client)
    refused = run(home, client, clone(), "destroy", "--yes")
    assert refused.returncode != 0
    assert "the stage is protected, and nothing was deleted; to delete it: set DELETION_PROTECTION" in refused.stdout
    assert leftovers(client) == before


def assert_each_function_has_its_role_and_log(client: Client, days: int = 30) -> None:
    """See every function have the role that the stack gives it, and a log group that is not kept for ever."""
    iam, logs = client.of("iam"), client.of("logs")
    template = client.of("cloudformation").get_template(StackName=stage.roles_stack("gone"))["TemplateBody"]
    assert len(template["Resources"]) == len(HANDLERS)
    for handler in HANDLERS:
        role = f"halftone-gone-{handler}.role"
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        expected = template["Resources"][role_template.logical_id(handler)]["Properties"]
        assert [{"PolicyName": name, "PolicyDocument": policy(iam, role, name)}] == expected["Policies"]
        function = "halftone-gone" if handler == "api_handler" else f"halftone-gone-{handler}"
        found = client.of("lambda").get_function_configuration(FunctionName=function)["Role"]
        assert found.rpartition("/")[2] == role
        (group,) = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{function}", limit=1)["logGroups"]
        assert (group["logGroupName"], group["retentionInDays"]) == (f"/aws/lambda/{function}", days)


def as_chalice_made_it(client: Client, handler: str) -> None:
    """Give a function the role that Chalice made in earlier deployments, and the log group that Lambda made."""
    iam, name = client.of("iam"), f"halftone-gone-{handler}"
    trust = iam.get_role(RoleName=f"{name}.role")["Role"]["AssumeRolePolicyDocument"]
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    document = policy(iam, f"{name}.role", "function")
    iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(document))
    client.of("lambda").update_function_configuration(FunctionName=name, Role=role)
    client.of("logs").delete_retention_policy(logGroupName=f"/aws/lambda/{name}")


def policy(iam: Any, role: str, name: str) -> dict[str, Any]:
    return iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]


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
    assert set(before) == {OWN, "hand@example.com", "ops@example.com", "+4915112345678", QUEUE}
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
    assert "canary" not in done.stdout, "it is the second deployment"
    after = subscribers(client, topic)
    assert set(after) == {OWN, "hand@example.com", "ops@example.com", "new@example.com", QUEUE}
    kept = ("hand@example.com", "ops@example.com", QUEUE)
    assert [after[address]["arn"] for address in kept] == [before[address]["arn"] for address in kept]
    assert json.loads(after["ops@example.com"]["FilterPolicy"]) == {"event": ["image.failed"]}
    assert after[QUEUE]["FilterPolicy"] == ""


PHOTOS, SMALL = "photos-since-2009", "small-photos"
THEIRS = notification(QUEUE)


@pytest.fixture
def photos(client: Client) -> Iterator[str]:
    """Have a bucket that is there already, with objects in it and a notification for somebody else."""
    s3, sqs = client.of("s3"), client.of("sqs")
    url, _ = make_queue(sqs, QUEUE.rpartition(":")[2])
    for bucket in (PHOTOS, SMALL):
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="invoices/1.jpg", Body=b"theirs")
    s3.put_bucket_notification_configuration(Bucket=PHOTOS, NotificationConfiguration=THEIRS)
    yield PHOTOS
    for bucket in (PHOTOS, SMALL):
        for found in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=found["Key"])
        s3.delete_bucket(Bucket=bucket)
    sqs.delete_queue(QueueUrl=url)


def notifications(client: Client) -> dict[str, Any]:
    found = client.of("s3").get_bucket_notification_configuration(Bucket=PHOTOS)
    return {name: value for name, value in found.items() if name != "ResponseMetadata"}


def uploads_only(project: Path) -> str:
    """Write a pipeline that leaves alone what is not under `new/`."""
    pipeline = project / "chalicelib" / "mine" / "new.toml"
    pipeline.parent.mkdir()
    pipeline.write_text('[source]\nprefix = "new/"\n[variants.small]\nwidth = 10\n')
    return str(pipeline.relative_to(project))


def assert_every_function_keeps_what_fails(client: Client) -> None:
    for name in functions(client):
        kept = client.of("lambda").get_function_event_invoke_config(FunctionName=name)
        assert kept["MaximumRetryAttempts"] == 2
        assert kept["DestinationConfig"]["OnFailure"]["Destination"].endswith(":halftone-gone-failed")


def functions(client: Client) -> set[str]:
    listed = client.of("lambda").list_functions()["Functions"]
    return {found["FunctionName"] for found in listed if found["FunctionName"].startswith("halftone-gone")}


def test_a_stage_comes_and_goes_on_a_bucket_that_is_there_already(
    home: Home, client: Client, clone: Clone, photos: str, translated: dict[str, Any]
) -> None:
    """Each command runs in a fresh copy of the project, which has no file about what was deployed before.

    And as a user who may do that, and nothing else.
    """
    client = replace(client, user=deployer.credentials(client.cloud.url))
    project, others = clone(), apis(client)
    notify(project, EVERY_STAGE, "ops@example.com", "+4915112345678", f"{QUEUE} failures")
    refused = run(home, client, project, "deploy", "--source-bucket", photos)
    assert refused.returncode != 0
    assert f"bucket {photos} notifies {QUEUE} (s3:ObjectCreated:* of invoices/*) already" in refused.stdout
    assert leftovers(client) == [], "refused before anything is made"

    wishes = platform_team.wishes(client)
    choose(project, THIS_STAGE, {"team": "photos"}, **wishes)
    pipeline = ("--pipeline", uploads_only(project))
    existing = ("--source-bucket", photos, "--dest-bucket", SMALL)
    done = run(home, client, project, "deploy", *existing, *pipeline)
    assert done.returncode == 0, done.stdout
    assert "stack halftone-gone: CREATE_COMPLETE" in done.stdout
    assert f"note: bucket {photos} keeps no versions" in done.stdout
    assert "canary: processed after" in done.stdout
    listed = client.of("s3").list_objects_v2(Bucket=photos)["Contents"]
    assert [found["Key"] for found in listed] == ["invoices/1.jpg"], "the canary is gone"
    assert client.of("dynamodb").scan(TableName="halftone-gone-images")["Count"] == 0, "with its record"
    variables = stage_variables(project)
    assert variables["SOURCE_BUCKET"] == photos
    assert variables["DEST_BUCKET"] == SMALL
    assert notifications(client)["QueueConfigurations"] == THEIRS["QueueConfigurations"]
    assert "EventBridgeConfiguration" in notifications(client)
    (api,) = apis(client) - others
    assert {"halftone-gone-workflow", "halftone-gone-chain"} <= set(leftovers(client))
    assert_the_sweep_is_scheduled(client)
    assert_every_function_keeps_what_fails(client)
    assert_each_function_has_its_role_and_log(client, days=90)
    platform_team.assert_content(client, api, wishes)
    assert_it_is_protected(home, client, clone)
    before = leftovers(client)
    queue = client.of("sqs").get_queue_url(QueueName="halftone-gone-failed")["QueueUrl"]
    with pytest.raises(ClientError, match="AccessDenied"):
        client.of("sqs").send_message(QueueUrl=queue, MessageBody="forged")

    as_chalice_made_it(client, "sweep")
    again = clone()
    configure_like(project, again)
    choose(again, THIS_STAGE, DELETION_PROTECTION=False, LOG_RETENTION_DAYS=30)
    assert_subscriptions_follow(home, client, again, variables["COMPLETIONS_TOPIC_ARN"])
    assert apis(client) - others == {api}, "the API keeps its URL, and there is no other"
    assert stage_variables(again)["SOURCE_BUCKET"] == photos, "without being told again"
    assert_each_function_has_its_role_and_log(client)
    once = [name for name in leftovers(client) if "completions:" not in name]  # subscriptions have changed
    assert sorted(once) == sorted(name for name in before if "completions:" not in name)

    assert_destroy_leaves_only_what_is_theirs(home, client, clone, variables)
    assert apis(client) == others
    assert_nothing_is_allowed_for_no_reason(deployer.called(client.cloud.url), translated)


def assert_destroy_leaves_only_what_is_theirs(
    home: Home, client: Client, clone: Clone, variables: dict[str, str]
) -> None:
    client.of("lambda").invoke(FunctionName="halftone-gone", Payload=b"{}")  # so that there is a log
    eventually(lambda: not events_under_way(client))  # a call in flight would write its log after all are deleted
    client.of("logs").create_log_group(logGroupName="/aws/lambda/halftone-gone-on_destination")  # of another pipeline
    client.of("logs").create_log_group(logGroupName="/aws/lambda/halftone-gone-by-others")

    done = run(home, client, clone(), "destroy", "--yes")
    assert done.returncode == 0, done.stdout
    assert f"deleted its notifications of bucket {variables['SOURCE_BUCKET']}" in done.stdout
    assert leftovers(client) == ["/aws/lambda/halftone-gone-by-others"]  # no handler is called so
    client.of("logs").delete_log_group(logGroupName="/aws/lambda/halftone-gone-by-others")
    assert notifications(client) == THEIRS
    for bucket in (PHOTOS, SMALL):
        assert client.of("s3").get_object(Bucket=bucket, Key="invoices/1.jpg")["Body"].read() == b"theirs"

    again = run(home, client, clone(), "destroy", "--yes")
    assert again.returncode == 0, "nothing to destroy is no error"
    assert "there is nothing of stage gone" in again.stdout


STEP = int(os.environ.get("HALFTONE_BREAK_EVERY", "25"))
"""How many changes more each attempt of the next test may make than the one before."""


def test_a_deployment_that_breaks_off_is_carried_on_and_can_be_destroyed(
    home: Home, client: Client, clone: Clone
) -> None:
    """It is cut off after ever more changes, until one comes through; each attempt is somebody else's, elsewhere."""
    others, allowed, broken = apis(client), 3, 0
    project = clone()
    while (done := cut_off(home, client, project, allowed)).returncode != 0:
        assert done.stdout.splitlines()[-1].startswith("deploy of stage gone: "), done.stdout
        unlocked = run(home, client, project, "unlock")
        assert unlocked.returncode == 0
        allowed, broken, last = allowed + STEP, broken + 1, project
        project = clone()
        configure_like(last, project)
    assert broken > 1
    assert len(apis(client) - others) == 1
    assert len(functions(client)) == len(HANDLERS)
    assert_every_function_keeps_what_fails(client)
    assert_each_function_has_its_role_and_log(client)
    assert list(subscribers(client, stage_variables(project)["COMPLETIONS_TOPIC_ARN"])) == [OWN]

    assert_pictures_are_kept_unless_asked_for(home, client, clone, stage_variables(project)["SOURCE_BUCKET"])
    cut_off(home, client, clone(), allowed // 2, "destroy", "--yes", "--empty-buckets")
    run(home, client, clone(), "unlock")
    done = run(home, client, clone(), "destroy", "--yes", "--empty-buckets")
    assert done.returncode == 0, done.stdout
    assert leftovers(client) == []
    assert apis(client) == others


def assert_pictures_are_kept_unless_asked_for(home: Home, client: Client, clone: Clone, bucket: str) -> None:
    assert bucket == "halftone-gone-source-000000000000-us-east-1"
    client.of("s3").put_object(Bucket=bucket, Key="kept.txt", Body=b"a picture")
    refused = run(home, client, clone(), "destroy", "--yes")
    assert refused.returncode != 0
    assert f"there are pictures in {bucket}, and nothing was deleted" in refused.stdout
    assert "EMPTY_BUCKETS=yes" in refused.stdout
    refused = run(home, client, clone(), "destroy", "--empty-buckets")
    assert "nobody is there to be asked; to delete without a question: YES=yes" in refused.stdout
    assert len(leftovers(client)) > 10


def cut_off(
    home: Home, client: Client, project: Path, allowed: int, command: str = "deploy", *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a command whose calls are denied after this many that change something."""
    client.turn("allowance", [allowed])
    try:
        return run(home, client, project, command, *(arguments or ("--no-canary",)))
    finally:
        client.turn("allowance", [])


def stage_variables(project: Path) -> dict[str, str]:
    config = json.loads((project / ".chalice" / "config.json").read_text())
    return config["stages"]["gone"]["environment_variables"]


def configure_like(project: Path, copy: Path) -> None:
    """Give a copy what one commits."""
    for name in (".chalice", "chalicelib"):
        shutil.copytree(project / name, copy / name, ignore=shutil.ignore_patterns("deployed"), dirs_exist_ok=True)


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
