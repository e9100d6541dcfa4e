import sys
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from infra import deploy, places
from infra.errors import DeployError


class Sts:
    """A session in a region, whose `get_caller_identity` answers with an ARN or fails."""

    def __init__(self, answer: str | Exception, region: str | None = "eu-west-1") -> None:
        self.answer, self.region_name = answer, region

    def client(self, _service: str) -> "Sts":
        return self

    def get_caller_identity(self) -> dict[str, str]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"Account": "123456789012", "Arn": self.answer}


EXPIRED = ClientError({"Error": {"Code": "ExpiredToken", "Message": "The token has expired"}}, "GetCallerIdentity")


@pytest.mark.parametrize(
    ("session", "said"),
    [
        (Sts("arn:aws:iam::1:user/anne", region=None), "no region; set AWS_DEFAULT_REGION"),
        (Sts(NoCredentialsError()), "no AWS credentials; set AWS_PROFILE"),
        (Sts(EXPIRED), "AWS refuses the credentials: The token has expired"),
        (Sts(EndpointConnectionError(endpoint_url="https://")), "no answer from AWS in region eu-west-1"),
    ],
)
def test_what_is_missing_is_said_in_one_line_before_anything_else(
    session: Sts, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boto3.Session", lambda: session)
    monkeypatch.setattr(sys, "argv", ["infra.deploy", "deploy", "--stage", "prod"])
    with pytest.raises(SystemExit) as ended:
        deploy.main()
    assert str(ended.value).startswith(f"deploy of stage prod: {said}")
    assert "\n" not in str(ended.value)


def test_a_python_that_lambda_does_not_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "sys", SimpleNamespace(version_info=(3, 15, 0)))
    with pytest.raises(DeployError, match=r"3\.15 is no runtime of Lambda; .*PYTHON=python3\.14"):
        places.here()


def test_the_partition_is_that_of_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    session: Any = Sts("arn:aws-cn:sts::123456789012:assumed-role/ci/1", region="cn-north-1")
    monkeypatch.setattr("boto3.Session", lambda: session)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    place = places.here()
    assert place.arn("sqs", "failed") == "arn:aws-cn:sqs:cn-north-1:123456789012:failed"
    assert str(place) == "AWS account 123456789012 in cn-north-1"
