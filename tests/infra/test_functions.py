import json
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import WaiterError
from moto import mock_aws

from infra import functions
from infra.errors import DeployError


class SlowLambda:
    """Lambda, as it refuses a destination until a role's new policy has spread, or while it updates the function."""

    class Forbidden(Exception): ...

    class Updating(Exception): ...

    def __init__(self, *refusals: type[Exception]) -> None:
        self.refusals = list(refusals)
        self.configured: list[dict[str, Any]] = []
        self.exceptions = SimpleNamespace(
            InvalidParameterValueException=self.Forbidden, ResourceConflictException=self.Updating
        )

    def put_function_event_invoke_config(self, **request) -> None:
        if self.refusals:
            raise self.refusals.pop()
        self.configured.append(request)


@pytest.mark.parametrize("refusal", [SlowLambda.Forbidden, SlowLambda.Updating])
def test_lambda_may_take_its_time_with_each_function(refusal: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "POLL", 0)
    slow = SlowLambda(refusal, refusal)
    functions.keep_what_fails(slow, ["one", "two"], "arn:queue")
    assert [request["FunctionName"] for request in slow.configured] == ["one", "two"]
    assert slow.configured[0]["DestinationConfig"] == {"OnFailure": {"Destination": "arn:queue"}}
    monkeypatch.setattr(functions, "PROPAGATION", -1)
    with pytest.raises(refusal):
        functions.keep_what_fails(SlowLambda(refusal), ["one"], "arn:queue")


class Waiting:
    """Lambda's waiters, of which that for `stuck` gives up."""

    def __init__(self, stuck: str) -> None:
        self.stuck = stuck
        self.waited: list[tuple[str, str]] = []

    def get_waiter(self, name: str) -> Any:
        def wait(FunctionName: str) -> None:  # noqa: N803 - as in boto3
            self.waited.append((name, FunctionName))
            if FunctionName == self.stuck:
                raise WaiterError(name, "encountered a terminal failure state", {})

        return SimpleNamespace(wait=wait)


def test_functions_settle_before_they_are_touched_and_one_that_does_not_is_named() -> None:
    waiting = Waiting("three")
    functions.settle(waiting, ["one", "two"])
    assert {name for _, name in waiting.waited} == {"one", "two"}
    assert {waiter for waiter, _ in waiting.waited} == {"function_active_v2", "function_updated_v2"}
    with pytest.raises(DeployError, match="function three does not settle"):
        functions.settle(waiting, ["three"])


def test_the_policies_of_a_function_are_those_of_its_role(environment: None) -> None:  # noqa: ARG001 - only to be set
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"]}],
    }
    lambdas = SimpleNamespace(get_function_configuration=lambda **_: {"Role": "arn:aws:iam::1:role/path/any"})
    with mock_aws():
        iam = boto3.client("iam")
        assert functions.policies(lambdas, iam, "one") == [], "there is no such role any more"
        iam.create_role(RoleName="any", AssumeRolePolicyDocument=json.dumps(document))
        iam.put_role_policy(RoleName="any", PolicyName="first", PolicyDocument=json.dumps(document))
        assert functions.policies(lambdas, iam, "one") == [document]


class Account:
    """Lambda in an account with a quota, where `one` has 50 reserved and others 100."""

    def __init__(self, quota: int) -> None:
        self.quota = quota

    def get_account_settings(self) -> dict[str, Any]:
        limits = {"ConcurrentExecutions": self.quota, "UnreservedConcurrentExecutions": self.quota - 150}
        return {"AccountLimit": limits}

    def get_function_concurrency(self, FunctionName: str) -> dict[str, int]:  # noqa: N803 - as in boto3
        return {"ReservedConcurrentExecutions": 50} if FunctionName == "arn:one" else {}


def test_no_more_is_reserved_than_leaves_100_to_other_functions() -> None:
    stage = {"one": "arn:one", "two": "arn:two"}
    functions.check_reserved(Account(1000), stage, {"one": 300, "two": 500})
    with pytest.raises(
        DeployError, match=r"expected 800 at most, got 801 \(one 300, two 501\): the account may have 1000"
    ):
        functions.check_reserved(Account(1000), stage, {"one": 300, "two": 501})
    with pytest.raises(DeployError, match="expected 0 at most, got 1"):
        functions.check_reserved(Account(10), stage, {"two": 1})
    functions.check_reserved(None, stage, {})
