from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra import choices, logs


@pytest.fixture
def client(environment: None) -> Iterator[Any]:  # noqa: ARG001 - it only has to be set
    with mock_aws():
        yield boto3.client("logs")


def test_groups_are_made_and_those_that_lambda_has_made_are_kept_as_long(client: Any) -> None:
    client.create_log_group(logGroupName="/aws/lambda/old")
    logs.keep(client, ["/aws/lambda/old", "/aws/lambda/new"], 90)
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
