"""What the stack says where the local cloud does not look: lifecycle rules, encryption, alarms and the dashboard."""

import json
from typing import Any

import cfnlint.decode
import pytest

import app
from infra.deployment import TEMPLATE
from localcloud.home import ROOT

DOCUMENT: Any = cfnlint.decode.decode(str(TEMPLATE))[0]
RESOURCES: dict[str, Any] = DOCUMENT["Resources"]
BUCKETS = ("SourceBucket", "VariantsBucket")


def properties(kind: str) -> dict[str, Any]:
    return {name: found["Properties"] for name, found in RESOURCES.items() if found["Type"] == kind}


def test_there_are_two_buckets() -> None:
    assert set(properties("AWS::S3::Bucket")) == set(BUCKETS)


@pytest.mark.parametrize("name", BUCKETS)
def test_buckets_are_encrypted_closed_and_want_tls(name: str) -> None:
    bucket = RESOURCES[name]["Properties"]
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4
    (policy,) = [found for found in properties("AWS::S3::BucketPolicy").values() if found["Bucket"] == {"Ref": name}]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("name", BUCKETS)
def test_objects_move_to_cheaper_storage_where_they_can_be_read_at_once(name: str) -> None:
    rules = RESOURCES[name]["Properties"]["LifecycleConfiguration"]["Rules"]
    moved = [step["StorageClass"] for rule in rules for step in rule.get("Transitions", [])]
    assert moved == ["INTELLIGENT_TIERING"]
    assert not [rule for rule in rules if "ExpirationInDays" in rule], "pictures are never deleted by themselves"
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


def test_old_versions_of_originals_expire() -> None:
    rules = RESOURCES["SourceBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert [rule["NoncurrentVersionExpiration"] for rule in rules if "NoncurrentVersionExpiration" in rule] == [
        {"NoncurrentDays": 30}
    ]


def test_the_table_is_paid_per_request() -> None:
    assert RESOURCES["ImagesTable"]["Properties"]["BillingMode"] == "PAY_PER_REQUEST"


def test_unfinished_images_have_an_index_of_their_own() -> None:
    """It is sparse: an image without both attributes is not in it."""
    (index,) = RESOURCES["ImagesTable"]["Properties"]["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "unfinished"
    assert [(part["AttributeName"], part["KeyType"]) for part in index["KeySchema"]] == [
        ("unfinished", "HASH"),
        ("due", "RANGE"),
    ]
    assert index["Projection"] == {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["bucket", "key"]}


def deployed_names() -> dict[str, str]:
    """Name the app's functions as the template does, each with its handler's name in Chalice's configuration."""
    handlers = {f"halftone-${{Stage}}-{handler.name}": handler.name for handler in app.app.pure_lambda_functions}
    handlers |= {f"halftone-${{Stage}}-{source.name}": source.name for source in app.app.event_sources}
    return handlers | {"halftone-${Stage}": "api_handler"}


def test_alarms_are_of_what_there_is() -> None:
    alarms = properties("AWS::CloudWatch::Alarm")
    assert len(alarms) == 6
    for alarm in alarms.values():
        (dimension,) = alarm["Dimensions"]
        if dimension["Name"] == "FunctionName":
            assert dimension["Value"]["Fn::Sub"] in deployed_names()
        elif dimension["Name"] == "service":
            assert dimension["Value"] == DOCUMENT["Outputs"]["PowertoolsServiceName"]["Value"]
        else:
            assert dimension["Value"] == {"Fn::GetAtt": ["FailedQueue", "QueueName"]}
        assert alarm["TreatMissingData"] == "notBreaching"


def test_a_duration_is_alarming_shortly_before_the_time_is_up() -> None:
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    durations = [alarm for alarm in properties("AWS::CloudWatch::Alarm").values() if alarm["MetricName"] == "Duration"]
    assert len(durations) == 2
    for alarm in durations:
        handler = deployed_names()[alarm["Dimensions"][0]["Value"]["Fn::Sub"]]
        timeout = 1000 * config["lambda_functions"].get(handler, config)["lambda_timeout"]
        assert 0.8 * timeout <= int(alarm["Threshold"]) < timeout
        assert f"({timeout // 1000} s)" in alarm["AlarmDescription"]


def test_the_dashboard_shows_what_there_is() -> None:
    text = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(text)["widgets"]
    shown = {cell for widget in widgets for line in widget["properties"].get("metrics", []) for cell in line[1:]}
    assert {name for name in shown if str(name).startswith("halftone-")} <= deployed_names().keys()
    assert widgets[0]["properties"]["alarms"] == [f"${{{name}.Arn}}" for name in properties("AWS::CloudWatch::Alarm")]
    for metric in ("Images", "Failures", "ProcessingTime", "BytesIn", "BytesOut"):
        assert f'MetricName=\\"{metric}\\"' in text
