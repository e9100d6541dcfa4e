from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from infra import choices, logs

KEY = "arn:aws:kms:eu-west-1:123456789012:key/mine"


@pytest.fixture
def client(environment: None) -> Iterator[Any]:  # noqa: ARG001 - it only has to be set
    with mock_aws():
        yield boto3.client("logs")


def test_groups_are_made_and_those_that_lambda_has_made_are_kept_as_long(client: Any) -> None:
    client.create_log_group(logGroupName="/aws/lambda/old")
    logs.keep(client, ["/aws/lambda/old", "/aws/lambda/new"], 90, "")
    found = client.describe_log_groups()["logGroups"]
    assert {one["logGroupName"]: one["retentionInDays"] for one in found} == {
        "/aws/lambda/old": 90,
        "/aws/lambda/new": 90,
    }


def test_cloudwatch_knows_the_days_that_can_be_chosen(client: Any) -> None:
    documentation = (
        client.meta.service_model.shape_for("PutRetentionPolicyRequest").members["retentionInDays"].documentation
    )
    for days in choices.RETENTION:
        assert f"{days}," in documentation or f"{days}." in documentation


@pytest.mark.parametrize(
    ("wanted", "present", "call"),
    [
        (KEY, None, ("create_log_group", {"kmsKeyId": KEY})),
        (KEY, "", ("associate_kms_key", {"kmsKeyId": KEY})),
        (KEY, KEY, None),
        ("", KEY, ("disassociate_kms_key", {})),
        ("", "", None),
    ],
)
def test_a_key_is_used_from_the_next_deployment_on_and_given_up_again(
    environment: None,  # noqa: ARG001 - it only has to be set
    wanted: str,
    present: str | None,
    call: tuple[str, dict[str, str]] | None,
) -> None:
    client, group = boto3.client("logs"), {"logGroupName": "/aws/lambda/any"}
    found = [] if present is None else [group | ({"kmsKeyId": present} if present else {})]
    with Stubber(client) as stub:
        asked = {"logGroupNamePrefix": "/aws/lambda/any", "limit": 1}
        stub.add_response("describe_log_groups", {"logGroups": found}, asked)
        if call:
            stub.add_response(call[0], {}, group | call[1])
        stub.add_response("put_retention_policy", {}, group | {"retentionInDays": 30})
        logs.keep(client, ["/aws/lambda/any"], 30, wanted)
        stub.assert_no_pending_responses()
