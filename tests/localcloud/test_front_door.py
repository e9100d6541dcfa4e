"""What is counted, kept and refused at the cloud's door."""

import json
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud import Client, eventually
from tests.localcloud.test_patches import MakeFunction

pytestmark = pytest.mark.e2e

BODY = """
from botocore.config import Config
bare = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
def handler(event, context):
    try:
        bare.put_object(Bucket="reports", Key="refusable", Body=b"")
        bare.head_object(Bucket="reports", Key="refusable")
    except Exception as error:
        return str(error)
"""

PUBLISH = """
from botocore.config import Config
bare = boto3.client("sns", config=Config(retries={"total_max_attempts": 1}))
def handler(event, context):
    try:
        bare.publish(**event)
    except Exception as error:
        return str(error)
"""


def door(client: Client, what: str, content: Any = None) -> Any:
    data = json.dumps(content).encode() if content is not None else None
    request = urllib.request.Request(f"{client.cloud.url}/_halftone/{what}", data, method="PUT" if data else "GET")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


IMPATIENT = """
from botocore.config import Config
bare = boto3.client("s3", config=Config(read_timeout=1, retries={"total_max_attempts": 1}))
def handler(event, context):
    try:
        bare.put_object(Bucket="reports", Key="late", Body=b"")
    except Exception as error:
        return type(error).__name__
"""


def test_it_tells_what_a_client_has_done(client: Client) -> None:
    client.of("lambda").list_layer_versions(LayerName="none")
    assert door(client, "users")["test"]["lambda:ListLayerVersions"] == 1


def test_calls_of_functions_wait_as_long_as_they_are_told(client: Client, function: MakeFunction) -> None:
    calling = function("impatient", IMPATIENT)
    door(client, "waits", {"s3:PutObject": 60_000})
    try:
        assert calling.invoke({}) == "ReadTimeoutError"
        client.of("s3").put_object(Bucket="reports", Key="by-hand", Body=b"")
    finally:
        door(client, "waits", {})
    assert calling.invoke({}) is None


def test_only_the_calls_of_functions_are_counted(client: Client, function: MakeFunction) -> None:
    calling = function("counted", BODY)
    before = door(client, "calls")
    client.of("s3").put_object(Bucket="reports", Key="by-hand", Body=b"")
    assert door(client, "calls") == before
    assert calling.invoke({}) is None
    after = door(client, "calls")
    assert after["s3:PutObject"] - before.get("s3:PutObject", 0) == 1
    assert after["s3:HeadObject"] - before.get("s3:HeadObject", 0) == 1


def test_only_functions_are_refused_and_only_what_was_said(client: Client, function: MakeFunction) -> None:
    calling, before = function("refused", BODY), door(client, "refusals")
    door(client, "faults", ["s3:Put", "sns:"])
    client.of("s3").put_object(Bucket="reports", Key="by-hand", Body=b"")
    assert "503" in calling.invoke({})
    door(client, "faults", ["dynamodb:"])
    assert calling.invoke({}) is None
    assert door(client, "refusals") == before + 1
    door(client, "faults", [])


def test_what_functions_have_published_is_kept_as_they_wrote_it(client: Client, function: MakeFunction) -> None:
    topic = client.of("sns").create_topic(Name="noticed")["TopicArn"]
    told = {"TopicArn": topic, "Subject": "ü & more", "Message": '{"default": "a+b"}', "MessageStructure": "json"}
    publishing = function("publishing", PUBLISH)
    client.of("sns").publish(**told)
    door(client, "faults", ["sns:Publish"])
    assert "503" in publishing.invoke(told)
    door(client, "faults", [])
    assert publishing.invoke(told) is None
    (notice,) = [notice for notice in door(client, "notices") if notice["TopicArn"] == topic]
    assert notice.items() >= told.items()


def test_events_are_under_way_until_they_are_done(client: Client, function: MakeFunction) -> None:
    slow = function("unhurried", "def handler(event, context):\n  time.sleep(1)\n  report(event)")
    slow.invoke({}, asynchronously=True)
    slow.invoke({}, asynchronously=True)
    assert door(client, "events") == 2
    eventually(lambda: not door(client, "events"))
    assert len(slow.reports()) == 2


def test_callers_are_cut_off_after_so_many_changes(client: Client) -> None:
    s3, ssm, sns = client.of("s3"), client.of("ssm"), client.of("sns")
    client.turn("allowance", [2])
    try:
        s3.list_buckets()
        ssm.put_parameter(Name="allowed", Value="x", Type="String")
        ssm.describe_parameters()
        ssm.delete_parameter(Name="allowed")
        for denied in (s3.list_buckets, ssm.describe_parameters, sns.list_topics):
            with pytest.raises(ClientError, match=r"AccessDenied|403"):
                denied()
    finally:
        client.turn("allowance", [])
    s3.list_buckets()


def test_a_bucket_is_crowded_at_once(client: Client) -> None:
    s3 = client.of("s3")
    s3.create_bucket(Bucket="crowded")
    door(client, "crowd", {"crowded": 1001})
    assert s3.list_objects_v2(Bucket="crowded", StartAfter="999.jpg")["KeyCount"] == 0
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="crowded")
    assert sum(page["KeyCount"] for page in pages) == 1001
    assert s3.get_object(Bucket="crowded", Key="1000.jpg")["Body"].read() == b"an object"
    door(client, "waits", {})
    s3.delete_object(Bucket="crowded", Key="0.jpg")
    assert s3.list_objects_v2(Bucket="crowded", MaxKeys=1)["Contents"][0]["Key"] == "1.jpg", "it does not come back"
