from typing import Any

import pytest

from chalicelib.settings import SettingsError
from chalicelib.subscriptions import Subscription
from infra import choices

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:thumbnails"


def chosen(stage: dict[str, Any], every: dict[str, Any] | None = None) -> choices.Choices:
    return choices.read({"deployment": every or {}, "stages": {"prod": {"deployment": stage}}}, "prod")


def test_who_hears_of_completions_is_read_in_order() -> None:
    found = chosen({"NOTIFY": f"ops@example.com failures, +4915112345678,\n{QUEUE},"})
    assert found.subscriptions == (
        Subscription(protocol="email", endpoint="ops@example.com", failures_only=True),
        Subscription(protocol="sms", endpoint="+4915112345678"),
        Subscription(protocol="sqs", endpoint=QUEUE),
    )
    assert choices.read({}, "prod") == choices.Choices()


def test_keys_are_read_in_order() -> None:
    assert chosen({"KMS_KEY_ARNS": "one, two,"}).kms_keys == ("one", "two")


def test_a_stage_chooses_before_all_stages() -> None:
    every = {"NOTIFY": "ops@example.com"}
    assert chosen({}, every).subscriptions == (Subscription(protocol="email", endpoint="ops@example.com"),)
    assert chosen({"NOTIFY": ""}, every).subscriptions == ()


def test_every_problem_is_reported() -> None:
    with pytest.raises(SettingsError) as caught:
        chosen({"NOTIFI": "x", "NOTIFY": "ops, a@example.com, +4915112345678 always, a@example.com failures"})
    lines = str(caught.value).splitlines()[1:]
    assert [line.partition(": expected")[0] for line in lines] == [
        "NOTIFI: there is no such setting of a deployment",
        "NOTIFY: number 1",
        "NOTIFY: number 3",
        "NOTIFY: number 4",
    ]
    assert "each address once, got a@example.com again" in lines[3]


def test_a_boundary_is_a_policy_and_logs_are_kept_as_cloudwatch_can() -> None:
    boundary = "arn:aws-cn:iam::123456789012:policy/team/developers"
    found = chosen({"PERMISSIONS_BOUNDARY": boundary, "LOG_RETENTION_DAYS": 90})
    assert (found.permissions_boundary, found.log_retention_days) == (boundary, 90)
    assert (chosen({}).permissions_boundary, chosen({}).log_retention_days) == ("", 30)
    with pytest.raises(SettingsError) as caught:
        chosen({"PERMISSIONS_BOUNDARY": "developers", "LOG_RETENTION_DAYS": 31})
    lines = str(caught.value).splitlines()[1:]
    assert lines[0] == "PERMISSIONS_BOUNDARY: expected the ARN of a policy, got 'developers'"
    assert lines[1].startswith("LOG_RETENTION_DAYS: expected one of 1, 3, 5, 7, 14, 30,")
    assert lines[1].endswith("got 31")
