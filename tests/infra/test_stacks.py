from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra import stacks
from infra.errors import DeployError

ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/halftone-any/1"


def refusal(message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "any")


class RestingStack:
    """CloudFormation with a stack that is as the template says."""

    def __init__(self, status: str, refusal: str) -> None:
        self.status, self.refusal = status, refusal

    def describe_stacks(self, **_) -> dict[str, Any]:
        return {"Stacks": [{"StackStatus": self.status, "Outputs": [{"OutputKey": "A", "OutputValue": "1"}]}]}

    def update_stack(self, **_) -> None:
        raise refusal(self.refusal)


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_stack_without_changes_is_fine_also_after_an_update_that_was_rolled_back(status: str) -> None:
    resting = RestingStack(status, "No updates are to be performed.")
    assert stacks.apply(resting, "halftone-any", "{}", {}, {}) == {"A": "1"}
    busy = RestingStack(status, "Stack halftone-any is in UPDATE_IN_PROGRESS state and can not be updated.")
    with pytest.raises(ClientError, match="can not be updated"):
        stacks.apply(busy, "halftone-any", "{}", {}, {})


class MovingStack:
    """CloudFormation with a stack that goes through states; when it is gone, only its id leads to it."""

    def __init__(self, *statuses: str) -> None:
        self.statuses = list(statuses)
        self.created = False

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - as in boto3
        if StackName != ID and (not self.statuses or self.statuses[0] == "DELETE_COMPLETE"):
            raise refusal(f"Stack with id {StackName} does not exist")
        status = self.statuses[0] if len(self.statuses) == 1 else self.statuses.pop(0)
        return {"Stacks": [{"StackId": ID, "StackStatus": status}]}

    def create_stack(self, **_) -> dict[str, str]:
        self.created = True
        self.statuses = ["CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
        return {"StackId": ID}

    def get_paginator(self, _operation: str) -> "MovingStack":
        return self

    def paginate(self, StackName: str) -> list[dict[str, Any]]:  # noqa: N803 - as in boto3
        assert StackName == ID, "by its name there is no such stack any more"
        told = [("Stack", "DELETE_COMPLETE", ""), ("Topic", "CREATE_FAILED", "Resource creation cancelled")]
        told += [("Bucket", "CREATE_FAILED", "the name is taken"), ("Table", "CREATE_COMPLETE", "")]
        keys = ("LogicalResourceId", "ResourceStatus", "ResourceStatusReason")
        return [{"StackEvents": [dict(zip(keys, event, strict=True)) for event in told]}]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "POLL", 0)


def test_a_first_stack_that_fails_says_why_although_it_is_deleted() -> None:
    with pytest.raises(DeployError, match=r"failed: Bucket: the name is taken$"):
        stacks.apply(MovingStack(), "halftone-any", "{}", {}, {})


def test_what_another_deployment_has_left_a_stack_at_is_waited_for() -> None:
    deleting = MovingStack("DELETE_IN_PROGRESS", "DELETE_IN_PROGRESS", "DELETE_COMPLETE")
    with pytest.raises(DeployError, match="the name is taken"):
        stacks.apply(deleting, "halftone-any", "{}", {}, {})
    assert deleting.created
    with pytest.raises(DeployError, match="ROLLBACK_COMPLETE; delete it first"):
        stacks.apply(MovingStack("ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"), "halftone-any", "{}", {}, {})
