"""One test for each patch: it fails without it. An upgrade of ministack tells here which patches may go."""

import json
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from localcloud import venvs
from localcloud.home import Home
from tests.cloud import Client, eventually
from tests.localcloud.conftest import SILENT, Function

pytestmark = pytest.mark.e2e

MakeFunction = Callable[..., Function]


def swagger(path: str, arn: str) -> str:
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    cors = {"method.response.header.Access-Control-Allow-Origin": "'*'"}
    mock = {
        "type": "mock",
        "requestTemplates": {"application/json": '{"statusCode": 200}'},
        "responses": {"default": {"statusCode": "200", "responseParameters": cors}},
    }
    document = {
        "swagger": "2.0",
        "info": {"version": "1.0", "title": "imported"},
        "x-amazon-apigateway-binary-media-types": ["image/webp"],
        "paths": {
            path: {
                "get": {
                    "x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST", "uri": uri},
                },
                "options": {"responses": {"200": {}}, "x-amazon-apigateway-integration": mock},
            }
        },
    }
    return json.dumps(document)


def test_rest_api_import(client: Client, function: MakeFunction) -> None:
    gateway = client.of("apigateway")
    arn = function("imported", 'def handler(event, context): return {"statusCode": 200, "body": event["path"]}').arn

    api = gateway.import_rest_api(body=swagger("/first", arn))
    assert api["binaryMediaTypes"] == ["image/webp"]
    gateway.create_deployment(restApiId=api["id"], stageName="api")
    url = f"{client.cloud.url}/restapis/{api['id']}/api/_user_request_"
    with urllib.request.urlopen(f"{url}/first") as answer:
        assert answer.read() == b"/first"
    preflight = urllib.request.Request(f"{url}/first", method="OPTIONS")
    with urllib.request.urlopen(preflight) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"

    gateway.put_rest_api(restApiId=api["id"], mode="overwrite", body=swagger("/second", arn))
    paths = {resource["path"] for resource in gateway.get_resources(restApiId=api["id"])["items"]}
    assert paths == {"/", "/second"}
    gateway.create_deployment(restApiId=api["id"], stageName="api")
    with urllib.request.urlopen(f"{url}/second") as answer:
        assert answer.read() == b"/second"


def test_rest_api_import_by_a_stack(client: Client, function: MakeFunction) -> None:
    arn = function("stacked", 'def handler(event, context): return {"statusCode": 200, "body": event["path"]}').arn
    regional = {"Types": ["REGIONAL"]}
    api = {"Body": json.loads(swagger("/first", arn)), "EndpointConfiguration": regional}
    resources = {"Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": api}}
    cloudformation, gateway = client.of("cloudformation"), client.of("apigateway")
    cloudformation.create_stack(StackName="api", TemplateBody=json.dumps({"Resources": resources}))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="api", WaiterConfig={"Delay": 1})
    detail = cloudformation.describe_stack_resource(StackName="api", LogicalResourceId="Api")["StackResourceDetail"]
    made = gateway.get_rest_api(restApiId=detail["PhysicalResourceId"])
    assert made["binaryMediaTypes"] == ["image/webp"]
    assert made["endpointConfiguration"]["types"] == ["REGIONAL"]
    gateway.create_deployment(restApiId=made["id"], stageName="api")
    preflight = urllib.request.Request(
        f"{client.cloud.url}/restapis/{made['id']}/api/_user_request_/first", method="OPTIONS"
    )
    with urllib.request.urlopen(preflight) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_compression_unset(client: Client) -> None:
    gateway = client.of("apigateway")
    api = gateway.create_rest_api(name="compressed")["id"]
    unset = {"op": "replace", "path": "/minimumCompressionSize", "value": ""}
    gateway.update_rest_api(restApiId=api, patchOperations=[unset])
    assert "minimumCompressionSize" not in gateway.get_rest_api(restApiId=api)


def test_sns_to_lambda(client: Client, function: MakeFunction) -> None:
    notified = function("notified", "def handler(event, context):\n  report(event)\n  raise ValueError('again')")
    sns = client.of("sns")
    topic = sns.create_topic(Name="bare")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=notified.arn)
    sns.publish(TopicArn=topic, Message="hello")

    reports = notified.wait_for(3)
    assert len(reports) == 3, "an invocation and two retries"
    notification = reports[0]["Records"][0]["Sns"]
    assert notification["Message"] == "hello"
    assert notification["Subject"] is None
    assert notification["MessageAttributes"] == {}


def test_events_to_lambda(client: Client, function: MakeFunction) -> None:
    """A rule's event is retried as any other. So is a schedule's, for which a test would have to wait a minute."""
    told = function("told", "def handler(event, context):\n  report(event)\n  raise ValueError('again')")
    events = client.of("events")
    events.put_rule(Name="told", EventPattern=json.dumps({"source": ["test"]}))
    events.put_targets(Rule="told", Targets=[{"Id": "1", "Arn": told.arn}])
    events.put_events(Entries=[{"Source": "test", "DetailType": "any", "Detail": '{"a": 1}'}])

    reports = told.wait_for(3)
    assert len(reports) == 3, "an invocation and two retries"
    assert (reports[0]["source"], reports[0]["detail"]) == ("test", {"a": 1})


@pytest.mark.parametrize(
    ("name", "ending", "error"),
    [
        ("raising", "raise KeyError('once more')", {"errorType": "KeyError", "errorMessage": "'once more'"}),
        ("dying", "os.kill(os.getpid(), 9)", {"errorMessage": "Worker process died"}),
    ],
)
def test_event_identity(client: Client, function: MakeFunction, name: str, ending: str, error: dict[str, str]) -> None:
    """However an attempt ends: all have one id, and after the last the event is in the queue, under that id."""
    failing = function(name, f"def handler(event, context):\n  report(context.aws_request_id)\n  {ending}")
    sqs = client.of("sqs")
    queue = sqs.create_queue(QueueName=f"failed-{name}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    failing.lambda_.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=2, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    failing.invoke({"n": 1}, asynchronously=True)
    failing.invoke({"n": 2}, asynchronously=True)

    attempts = Counter(failing.wait_for(6))
    assert sorted(attempts.values()) == [3, 3]
    messages = [message for _ in range(2) for message in received(sqs, queue)]
    records = [json.loads(message["Body"]) for message in messages]
    assert {record["requestContext"]["requestId"] for record in records} == set(attempts)
    assert sorted(record["requestPayload"]["n"] for record in records) == [1, 2]
    for record in records:
        assert record["version"] == "1.0"
        assert record["requestContext"]["functionArn"] == f"{failing.arn}:$LATEST"
        assert record["requestContext"]["condition"] == "RetriesExhausted"
        assert record["requestContext"]["approximateInvokeCount"] == 3
        assert error.items() <= record["responsePayload"].items()
        assert datetime.fromisoformat(record["timestamp"]).tzinfo


def received(sqs: Any, queue: str) -> list[dict[str, Any]]:
    """Wait for a message, and receive it."""
    return eventually(lambda: sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1).get("Messages"))


def test_failed_start(function: MakeFunction) -> None:
    body = (
        "import pathlib\n"
        "fuse = pathlib.Path(os.environ['TMPDIR'], 'fuse')\n"
        "if fuse.exists():\n  os._exit(1)\n"
        "def handler(event, context):\n  fuse.touch()\n  time.sleep(3)\n  fuse.unlink()\n  return 'unharmed'"
    )
    starting = function("starting", body)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(starting.invoke, {})
        time.sleep(1.5)
        second = pool.submit(starting.invoke, {})
        assert second.result()["errorType"] == "Runtime.ExitError"
        assert first.result() == "unharmed"


def test_event_queue_is_narrow(function: MakeFunction) -> None:
    body = "def handler(event, context):\n  s = time.time()\n  time.sleep(0.3)\n  report([s, time.time()])"
    slow = function("slow", body)
    for _ in range(12):
        slow.invoke({}, asynchronously=True)
    spans = slow.wait_for(12)
    assert len(spans) == 12
    assert max(sum(start <= moment < end for start, end in spans) for moment, _ in spans) <= 4


def test_event_queue_outlasts_throttles(function: MakeFunction) -> None:
    busy = function("busy", "def handler(event, context):\n  time.sleep(0.5)\n  report(event)")
    busy.lambda_.put_function_concurrency(FunctionName="busy", ReservedConcurrentExecutions=1)
    for number in range(6):
        busy.invoke(number, asynchronously=True)
    assert sorted(busy.wait_for(6)) == list(range(6))


def test_calls_in_flight_finish_on_the_old_code(function: MakeFunction, home: Home) -> None:
    """A call is at work, and a worker idle, when new code comes: the call ends as it began, both workers go."""
    body = "def handler(event, context):\n  report(os.getpid())\n  time.sleep(event)\n  return 'old'"
    updated = function("updated", body)
    with ThreadPoolExecutor() as pool:
        list(pool.map(updated.invoke, [1, 1]))
        slow = pool.submit(updated.invoke, 4)
        old = workers(home, "updated")
        assert len(old) == 2
        updated.wait_for(3)
        updated.update("def handler(event, context): return 'new'")
        assert updated.invoke(0) == "new"
        assert len(old & workers(home, "updated")) == 1, "the idle one is gone, and the other at work"
        assert not slow.done()
        assert slow.result() == "old"
    eventually(lambda: not old & workers(home, "updated"))
    assert updated.invoke(0) == "new"


def test_events_that_waited_run_on_the_new_code(function: MakeFunction) -> None:
    body = "def handler(event, context):\n  report('begun')\n  time.sleep(2)\n  report('old')"
    waiting = function("waiting", body)
    for _ in range(6):
        waiting.invoke({}, asynchronously=True)
    waiting.wait_for(4)
    waiting.update("def handler(event, context):\n  report('new')")
    assert Counter(waiting.wait_for(10)) == {"begun": 4, "old": 4, "new": 2}


def workers(home: Home, function: str) -> set[int]:
    """Return the process ids of a function's workers."""
    mark = f"{home.scratch}/ministack-lambda-{function}-"
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True)
    return {int(line.split()[0]) for line in listed.stdout.splitlines() if mark in line}


on_linux = pytest.mark.skipif(not Path("/proc").exists(), reason="what descends from a process is read in /proc")

CHILD = "import subprocess, sys\ndef child(program): return subprocess.Popen([sys.executable, '-c', program])\n"


@on_linux
def test_whole_environments(function: MakeFunction) -> None:
    """What a function started ends with it, when its time is over."""
    body = "def handler(event, context):\n  report(child('import time; time.sleep(600)').pid)\n  time.sleep(600)"
    endless = function("endless", CHILD + body)
    endless.lambda_.update_function_configuration(FunctionName="endless", Timeout=2)
    error = endless.invoke({})
    assert error == {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 2.00 seconds"}
    (pid,) = endless.wait_for(1)
    eventually(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that has ended may still be listed until somebody asks how."""
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


@on_linux
@pytest.mark.parametrize("where", ["here", "child"])
def test_memory_limits(client: Client, function: MakeFunction, where: str) -> None:
    """A function of 128 MB, which takes 200 of them itself or in a process that it starts."""
    take = "taken = bytearray(200 << 20); import time; time.sleep(600)"
    body = (
        f"def handler(event, context):\n  if event == 'small': return 'done'\n  report(event)\n"
        f"  if event == 'here': exec({take!r})\n  child({take!r}).wait()\n"
    )
    greedy = function(f"greedy-{where}", CHILD + body)
    error = greedy.invoke(where)
    assert error["errorType"] == "Runtime.OutOfMemory"
    assert error["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    assert greedy.invoke("small") == "done"
    greedy.invoke(where, asynchronously=True)
    assert greedy.wait_for(4) == [where] * 4, "an invocation, and one with two retries"

    pages = client.of("logs").filter_log_events(logGroupName=f"/aws/lambda/{greedy.name}", filterPattern="REPORT")
    peaks = [int(event["message"].rpartition("Max Memory Used: ")[2].split()[0]) for event in pages["events"]]
    assert Counter(peak == 128 for peak in peaks) == {True: 4, False: 1}
    assert all(20 < peak <= 128 for peak in peaks)


@pytest.mark.parametrize("name", ["ValueError", "Permanent"])
def test_error_types(function: MakeFunction, name: str) -> None:
    body = f"class Permanent(Exception): pass\ndef handler(event, context): raise {name}('no: such\\nthing')"
    error: dict[str, Any] = function(f"failing-{name}", body).invoke({})
    assert error["errorType"] == name
    assert error["errorMessage"] == "no: such\nthing"


def test_log_groups(client: Client, function: MakeFunction) -> None:
    """A log group is made for a function whose role allows it; another function writes to one that there is."""
    logs, body = client.of("logs"), "def handler(event, context): print('said', event)"

    def said(name: str) -> list[str]:
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="said")["events"]
        return [event["message"].strip() for event in found]

    function("allowed", body).invoke(1)
    assert said("allowed") == ["said 1"]
    silent = function("silenced", body, SILENT)
    silent.invoke(1)
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        said("silenced")
    logs.create_log_group(logGroupName="/aws/lambda/silenced")
    silent.invoke(2)
    assert said("silenced") == ["said 2"]


def test_role_boundaries(client: Client) -> None:
    """A stack gives its role a boundary, another one, and none."""
    iam, cloudformation, change = (
        client.of("iam"),
        client.of("cloudformation"),
        client.of("cloudformation").create_stack,
    )
    for wanted in ("first", "second", None):
        boundary = {"PermissionsBoundary": f"arn:aws:iam::000000000000:policy/{wanted}"} if wanted else {}
        properties = {"RoleName": "bounded", "AssumeRolePolicyDocument": {"Statement": []}, **boundary}
        template = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}
        change(StackName="bounded", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"])
        eventually(lambda: not is_changing(cloudformation, "bounded"))
        found = iam.get_role(RoleName="bounded")["Role"].get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        assert found == boundary.get("PermissionsBoundary")
        change = cloudformation.update_stack


def is_changing(cloudformation: Any, stack: str) -> bool:
    return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"].endswith("_IN_PROGRESS")


ASKED = """
import json
from localcloud.patches import iam_names
iam_names.apply()
from ministack.core.iam_actions import extract_iam_action, extract_resource_arn
def resource(service, path, **body):
    return extract_resource_arn(service, "POST", path, {}, json.dumps(body).encode(), {}, "us-east-1", "000000000000")
def action(method, path, **query):
    return extract_iam_action("lambda", method, path, {}, b"", query)
print(resource("lambda", "/2015-03-31/functions", FunctionName="one"))
print(resource("events", "/", Name="one"))
print(resource("events", "/", Rule="one"))
print(resource("events", "/", ResourceARN="arn:aws:events:us-east-1:000000000000:rule/one"))
print(resource("ssm", "/", Names=["/a/one", "/a/two"]))
print(action("PUT", "/2019-09-25/functions/one/event-invoke-config"))
print(action("GET", "/2018-10-31/layers/one/versions"))
print(action("GET", "/2018-10-31/layers", find=["LayerVersion"], Arn=["any"]))
print(action("POST", "/2015-03-31/functions/one/invocations"))
"""


def test_iam_names() -> None:
    done = subprocess.run([venvs.python(venvs.CLOUD), "-c", ASKED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        "arn:aws:lambda:us-east-1:000000000000:function:one",
        "arn:aws:events:us-east-1:000000000000:rule/one",
        "arn:aws:events:us-east-1:000000000000:rule/one",
        "arn:aws:events:us-east-1:000000000000:rule/one",
        "arn:aws:ssm:us-east-1:000000000000:parameter/a/one",
        "lambda:PutFunctionEventInvokeConfig",
        "lambda:ListLayerVersions",
        "lambda:GetLayerVersion",
        "lambda:InvokeFunction",
    ]
