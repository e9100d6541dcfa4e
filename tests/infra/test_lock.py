from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra import lock
from infra.errors import DeployError


@pytest.fixture
def ssm(environment: None) -> Iterator[Any]:  # noqa: ARG001 - it only has to be set
    with mock_aws():
        yield boto3.client("ssm")


def locks(ssm: Any) -> list[str]:
    return [found["Name"] for found in ssm.describe_parameters()["Parameters"]]


def test_two_deployments_of_a_stage_exclude_each_other_and_say_who_has_it(ssm: Any) -> None:
    with lock.held(ssm, "prod", "arn:aws:iam::1:user/anne"):
        with (
            pytest.raises(DeployError, match=r"user/anne on .*since 20.*make unlock STAGE=prod"),
            lock.held(ssm, "prod", "arn:aws:iam::1:user/ben"),
        ):
            pytest.fail("both have it")
        with lock.held(ssm, "dev", "arn:aws:iam::1:user/ben"):
            assert len(locks(ssm)) == 2
    assert locks(ssm) == []


def test_what_breaks_off_gives_the_stage_back(ssm: Any) -> None:
    with pytest.raises(KeyboardInterrupt), lock.held(ssm, "prod", "anne"):
        raise KeyboardInterrupt
    assert locks(ssm) == []


def test_a_lock_that_died_is_told_and_broken_by_hand_only(ssm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "EXPIRES", -lock.EXPIRES)
    dead = lock.held(ssm, "prod", "anne")
    dead.__enter__()
    with pytest.raises(DeployError, match="too long to be true"), lock.held(ssm, "prod", "ben"):
        pytest.fail("it broke the lock by itself")
    assert lock.break_open(ssm, "prod").startswith("anne on ")
    assert lock.break_open(ssm, "prod") == ""


def test_a_lock_that_was_broken_and_taken_by_another_stays_with_them(ssm: Any) -> None:
    first = lock.held(ssm, "prod", "anne")
    first.__enter__()
    lock.break_open(ssm, "prod")
    with lock.held(ssm, "prod", "ben"):
        first.__exit__(None, None, None)
        assert locks(ssm) == [lock.parameter("prod")]


def test_what_went_wrong_is_not_hidden_by_a_lock_that_cannot_be_given_back(
    ssm: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DeleteParameter")

    monkeypatch.setattr(ssm, "delete_parameter", refuse)
    with pytest.raises(DeployError, match="the cause"), lock.held(ssm, "prod", "anne"):
        raise DeployError("the cause")
    assert "make unlock STAGE=prod" in capsys.readouterr().out
