from typing import Any

import pytest

from chalicelib.settings import SettingsError
from infra import choices
from infra.choices import Throttle
from infra.subscriptions import Subscription

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
    one, two = (f"arn:aws:kms:eu-west-1:123456789012:key/{name}" for name in ("one", "two"))
    assert chosen({"KMS_KEY_ARNS": f"{one}, {two},"}).kms_keys == (one, two)
    own = chosen({"KMS_KEY_ARNS": one, "ENCRYPTION_KEY_ARN": two})
    assert (own.kms_keys, own.encryption_key) == ((one, two), two)
    assert chosen({"KMS_KEY_ARNS": two, "ENCRYPTION_KEY_ARN": two}).kms_keys == (two,)


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


def test_what_is_set_is_taken() -> None:
    boundary, topic = (
        "arn:aws-cn:iam::123456789012:policy/team/developers",
        "arn:aws:sns:eu-west-1:123456789012:on-call",
    )
    found = chosen(
        {
            "PERMISSIONS_BOUNDARY": boundary,
            "LOG_RETENTION_DAYS": 90,
            "API_THROTTLE": {"rate": 5},
            "ALARM_ACTIONS": topic,
            "DELETION_PROTECTION": True,
        }
    )
    assert (found.permissions_boundary, found.log_retention_days) == (boundary, 90)
    assert (found.throttle, found.alarm_actions, found.is_protected) == (Throttle(5, 100), (topic,), True)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PERMISSIONS_BOUNDARY", "developers", "expected the ARN of a policy, got 'developers'"),
        ("LOG_RETENTION_DAYS", 31, "expected one of 1, 3, 5, 7, 14, 30, "),
        ("LOG_RETENTION_DAYS", "30", "expected one of 1, 3, 5, 7, 14, 30, "),
        ("KMS_KEY_ARNS", "arn:aws:kms:eu-west-1:123456789012:alias/mine", "expected the ARN of a key, no alias, got "),
        ("ENCRYPTION_KEY_ARN", "alias/mine", "expected the ARN of a key, no alias, got 'alias/mine'"),
        ("ALARM_ACTIONS", f"{QUEUE},", f"expected the ARN of an SNS topic, got '{QUEUE}'"),
        ("DELETION_PROTECTION", "no", "expected true or false, got 'no'"),
        ("API_THROTTLE", {"rate": 0}, 'expected {"rate": requests a second, "burst": requests at once}, got '),
        ("API_THROTTLE", {"rates": 1}, 'expected {"rate": requests a second, "burst": requests at once}, got '),
        ("API_THROTTLE", {"burst": "9"}, 'expected {"rate": requests a second, "burst": requests at once}, got '),
        ("API_THROTTLE", 50, 'expected {"rate": requests a second, "burst": requests at once}, got 50'),
    ],
)
def test_what_cannot_be_is_refused(name: str, value: Any, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        chosen({name: value})
    (line,) = str(caught.value).splitlines()[1:]
    assert line.startswith(f"{name}: {expected}")
