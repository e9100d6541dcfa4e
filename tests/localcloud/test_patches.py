"""One test for each patch: it fails without it. An upgrade of ministack tells here which patches may go."""

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from tests.cloud import Client, eventually
from tests.localcloud.conftest import Function

pytestmark = pytest.mark.e2e

MakeFunction = Callable[[str, str], Function]


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


@pytest.mark.parametrize("name", ["ValueError", "Permanent"])
def test_error_types(function: MakeFunction, name: str) -> None:
    body = f"class Permanent(Exception): pass\ndef handler(event, context): raise {name}('no: such\\nthing')"
    error: dict[str, Any] = function(f"failing-{name}", body).invoke({})
    assert error["errorType"] == name
    assert error["errorMessage"] == "no: such\nthing"
