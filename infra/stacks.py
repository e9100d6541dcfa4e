"""CloudFormation stacks: made, updated, followed and deleted, with the reasons when one fails."""

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.errors import DeployError

POLL = 1.0  # seconds between two looks at a stack
NO_STACK = "does not exist"  # CloudFormation has one code for every refusal; these words tell them apart
NO_CHANGE = "No updates are to be performed"
STUCK = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS"}
"""How a stack ends up that can only be deleted."""

Stack = Mapping[str, Any]


def apply(
    cloudformation: Any, name: str, template: str, parameters: Mapping[str, str], tags: Mapping[str, str]
) -> dict[str, str]:
    """Create or update a stack, and return its outputs; it hands its tags on to what is in it.

    Where there is nothing to update, it is as it has to be, also after another update was rolled back.
    """
    request = {
        "StackName": name,
        "TemplateBody": template,
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
    existing = _rested(cloudformation, name)
    if existing is None:
        stack_id = cloudformation.create_stack(**request, OnFailure="DELETE")["StackId"]
    elif existing["StackStatus"] in STUCK:
        raise DeployError(f"stack {name} is {existing['StackStatus']}; delete it first, by make destroy")
    else:
        try:
            stack_id = cloudformation.update_stack(**request)["StackId"]
        except ClientError as error:
            if NO_CHANGE not in str(error):
                raise
            print(f"stack {name}: {existing['StackStatus']}, no change", flush=True)
            return outputs(existing)
    stack = _settled(cloudformation, name, stack_id)
    if stack["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        raise DeployError(f"stack {name} failed: {_reasons(cloudformation, stack_id)}")
    return outputs(stack)


def delete(cloudformation: Any, name: str) -> bool:
    """Delete a stack with all that is in it; False when there is none."""
    stack = find(cloudformation, name)
    if stack is None:
        return False
    cloudformation.delete_stack(StackName=name)
    left = _settled(cloudformation, name, stack["StackId"])
    if left["StackStatus"] != "DELETE_COMPLETE":
        raise DeployError(f"stack {name} is still there: {_reasons(cloudformation, stack['StackId'])}")
    return True


def protect(cloudformation: Any, name: str, *, protected: bool) -> None:
    """Have CloudFormation refuse to delete a stack, or allow it."""
    cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=protected)


def find(cloudformation: Any, name: str) -> Stack | None:
    """Describe a stack by its name, or by its id, by which it can be found after its end, too."""
    try:
        stack: Stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if NO_STACK not in str(error):
            raise
        return None
    return stack


def outputs(stack: Stack | None) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in (stack or {}).get("Outputs", [])}


def parameters(stack: Stack | None) -> dict[str, str]:
    return {found["ParameterKey"]: found["ParameterValue"] for found in (stack or {}).get("Parameters", [])}


def buckets(cloudformation: Any, name: str) -> list[str]:
    """Name the buckets that a stack has made; there may be no such stack."""
    if find(cloudformation, name) is None:
        return []
    resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    return [
        found["PhysicalResourceId"]
        for found in resources
        if found["ResourceType"] == "AWS::S3::Bucket" and found["ResourceStatus"] != "DELETE_COMPLETE"
        if found.get("PhysicalResourceId")
    ]


def _rested(cloudformation: Any, name: str) -> Stack | None:
    """Find a stack, after what another deployment has left it at has come to its end; None where there is none."""
    stack = find(cloudformation, name)
    if stack and stack["StackStatus"].endswith("_IN_PROGRESS") and stack["StackStatus"] not in STUCK:
        stack = _settled(cloudformation, name, stack["StackId"])
    return None if stack and stack["StackStatus"] == "DELETE_COMPLETE" else stack


def _settled(cloudformation: Any, name: str, stack_id: str) -> Stack:
    """Follow the stack until it rests, a line for each change.

    It is followed by its id: by its name it cannot be found once it is deleted, nor can what it failed with.
    """
    shown = None
    while True:
        stack: Stack = cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
        status: str = stack["StackStatus"]
        if status != shown:
            print(f"stack {name}: {status}", flush=True)
            shown = status
        if not status.endswith("_IN_PROGRESS"):
            return stack
        time.sleep(POLL)


def _reasons(cloudformation: Any, stack_id: str) -> str:
    """Repeat what CloudFormation says about the resources that failed, the first one first.

    The others were cancelled because of it.
    """
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    failed = [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '?')}"
        for page in pages
        for event in page["StackEvents"]
        if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in event.get("ResourceStatusReason", "")
    ]
    return "; ".join(reversed(failed))
