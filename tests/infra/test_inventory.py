import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra import inventory
from infra.inventory import Inventory


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("halftone-prod", "api_handler"),
        ("halftone-prod-on_upload", "on_upload"),
        ("halftone-prod-eu-on_upload", None),
        ("halftone-production", None),
        ("halftone-prod-WorkflowRole-1A2B", None),
        ("payroll", None),
    ],
)
def test_names_tell_the_handler(name: str, called: str | None) -> None:
    assert inventory.handler("prod", name) == called


class Lambda:
    """Lambda with functions of two stages, one of which begins like the other."""

    tags = {  # noqa: RUF012 - a fixture
        "halftone-prod": "prod",
        "halftone-prod-sweep": "prod",
        "halftone-prod-eu": "prod-eu",
        "halftone-prod-eu-sweep": "prod-eu",
        "halftone-prod-mine": "",
    }

    def get_paginator(self, _operation: str) -> "Lambda":
        return self

    def paginate(self) -> list[dict[str, Any]]:
        names = [*self.tags, "payroll"]
        return [{"Functions": [{"FunctionName": name, "FunctionArn": f"arn:{name}"}]} for name in names]

    def list_tags(self, Resource: str) -> dict[str, Any]:  # noqa: N803 - as in boto3
        stage = self.tags[Resource.removeprefix("arn:")]
        return {"Tags": {"aws-chalice": f"version=1.34.0:stage={stage}:app=halftone"} if stage else {}}


def test_a_function_is_the_stages_by_name_and_tag() -> None:
    own, others = inventory.functions(Lambda(), "prod")
    assert own == {"api_handler": "arn:halftone-prod", "sweep": "arn:halftone-prod-sweep"}
    assert others == {"halftone-prod-eu", "halftone-prod-mine"}
    own, others = inventory.functions(Lambda(), "prod-eu")
    assert own == {"api_handler": "arn:halftone-prod-eu", "sweep": "arn:halftone-prod-eu-sweep"}
    assert not others


LAMBDA, EVERYBODY, ANOTHER = {"Service": "lambda.amazonaws.com"}, "*", {"Service": "states.amazonaws.com"}


@pytest.fixture
def iam(environment: None) -> Iterator[Any]:  # noqa: ARG001 - it only has to be set
    with mock_aws():
        yield boto3.client("iam")


def test_only_roles_that_chalice_made_for_functions_of_the_stage_are_its_own(iam: Any) -> None:
    made = {
        "halftone-prod-sweep": LAMBDA,
        "halftone-prod-api_handler": LAMBDA,
        "halftone-prod": LAMBDA,
        "halftone-prod-eu-sweep": LAMBDA,
        "halftone-prod-audit": ANOTHER,
        "halftone-prod-open": EVERYBODY,
    }
    for name, principal in made.items():
        statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    assert set(dict(inventory.roles(iam, "prod"))) == {"sweep", "api_handler"}


def test_chalice_is_told_of_one_api_and_one_layer_and_of_events_after_functions() -> None:
    found = Inventory(
        functions={"on_upload": "arn:f"},
        roles={"on_upload": "arn:aws:iam::1:role/halftone-prod-on_upload"},
        rules={},
        subscriptions=[{"Endpoint": "arn:other", "TopicArn": "arn:t", "SubscriptionArn": "arn:s"}],
        sources=[],
        buckets={"on_upload": ["photos"]},
        apis=["first", "second"],
        layers=["arn:layer:2", "arn:layer:1"],
        logs=[],
    )
    deployed = inventory.deployed(found)
    assert (deployed["schema_version"], deployed["backend"]) == ("2.0", "api")
    assert deployed["resources"] == [
        {"name": "managed-layer", "resource_type": "lambda_layer", "layer_version_arn": "arn:layer:2"},
        {
            "name": "on_upload_role",
            "resource_type": "iam_role",
            "role_arn": "arn:aws:iam::1:role/halftone-prod-on_upload",
            "role_name": "halftone-prod-on_upload",
        },
        {"name": "on_upload", "resource_type": "lambda_function", "lambda_arn": "arn:f"},
        {"name": "on_upload-s3event", "resource_type": "s3_event", "bucket": "photos", "lambda_arn": "arn:f"},
        {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": "first"},
    ]
