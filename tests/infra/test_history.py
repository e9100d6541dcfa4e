from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra import history
from infra.errors import DeployError
from infra.history import Deployment, History


@pytest.fixture
def ssm(environment: None) -> Iterator[Any]:  # noqa: ARG001 - it only has to be set
    with mock_aws():
        yield boto3.client("ssm")


def deploy(ssm: Any, commit: str, pipeline: str = "default") -> None:
    history.begin(ssm, "prod", commit, pipeline, "anne")
    history.finish(ssm, "prod")


def commits(past: History) -> list[str | None]:
    return [one.commit for one in past.complete]


def test_a_deployment_counts_when_it_is_complete(ssm: Any) -> None:
    deploy(ssm, "a")
    history.begin(ssm, "prod", "b", "fancy", "arn:aws:iam::1:user/ben")
    past = history.read(ssm, "prod")
    assert commits(past) == ["a"]
    assert past.begun
    assert (past.begun.commit, past.begun.pipeline, past.begun.by) == ("b", "fancy", "arn:aws:iam::1:user/ben")
    history.finish(ssm, "prod")
    past = history.read(ssm, "prod")
    assert (commits(past), past.begun) == (["a", "b"], None)
    assert history.read(ssm, "dev") == History(), "another stage's"


def test_one_that_broke_off_gives_way_to_the_next(ssm: Any) -> None:
    deploy(ssm, "a")
    history.begin(ssm, "prod", "broken", "default", "anne")
    deploy(ssm, "b")
    assert commits(history.read(ssm, "prod")) == ["a", "b"]


def test_the_same_once_more_is_no_other_deployment(ssm: Any) -> None:
    for commit, pipeline in (("a", "default"), ("a", "default"), ("a", "fancy"), ("b", "fancy"), ("a", "fancy")):
        deploy(ssm, commit, pipeline)
    past = history.read(ssm, "prod")
    assert [(one.commit, one.pipeline) for one in past.complete] == [
        ("a", "default"),
        ("a", "fancy"),
        ("b", "fancy"),
        ("a", "fancy"),
    ]


def test_a_rollback_goes_back_one_by_one(ssm: Any) -> None:
    for commit in "abc":
        deploy(ssm, commit)
    gone_to = []
    while len((past := history.read(ssm, "prod")).complete) > 1:
        history.write(ssm, "prod", past.back())
        assert history.read(ssm, "prod").back() == past.back(), "one that broke off is repeated"
        deploy(ssm, past.back().complete[-1].commit or "")
        gone_to += commits(history.read(ssm, "prod"))[-1:]
    assert gone_to == ["b", "a"]
    with pytest.raises(DeployError, match="no deployment before this one"):
        past.back()


def test_after_a_deployment_that_broke_off_it_goes_to_the_last_complete_one(ssm: Any) -> None:
    deploy(ssm, "a")
    deploy(ssm, "b")
    history.begin(ssm, "prod", "c", "default", "anne")
    assert commits(history.read(ssm, "prod").back()) == ["a", "b"]


def test_there_is_room_for_a_dozen_and_the_oldest_go(ssm: Any) -> None:
    caller = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Administrators_0123456789abcdef/anne@example.com"
    for number in range(30):
        history.begin(ssm, "prod", f"{number:040}", "chalicelib/pipelines/default.toml", caller)
        history.finish(ssm, "prod")
    kept = commits(history.read(ssm, "prod"))
    assert len(kept) >= 12
    assert kept == [f"{number:040}" for number in range(30)][-len(kept) :]


def test_it_is_found_and_deleted(ssm: Any) -> None:
    assert (history.names(ssm, "prod"), history.forget(ssm, "prod")) == ([], [])
    deploy(ssm, "a")
    assert history.names(ssm, "prod") == ["/halftone/prod/deployments"]
    assert history.forget(ssm, "prod") == ["/halftone/prod/deployments"]
    assert history.read(ssm, "prod") == History()


def test_a_deployment_is_one_line() -> None:
    one = Deployment(commit="a", pipeline="default", at="2026-11-21T12:00:00.123456+00:00", by="anne")
    assert str(one) == "2026-11-21T12:00:00 UTC  a  pipeline default  by anne"
