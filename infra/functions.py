"""What Lambda has to be told, or waited for, beside Chalice."""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import WaiterError

from infra.errors import DeployError
from infra.stage import Json

POLL = 1.0  # seconds between two attempts
UNRESERVED = 100  # calls at once that Lambda keeps for functions that have none reserved
RETRIES = 2  # of an asynchronous event, before it goes to the queue of what failed
PROPAGATION = 60.0  # seconds that a new policy may take until all of AWS knows it, and a function until it is updated


def settle(client: Any, functions: Iterable[str]) -> None:
    """Wait until nothing is being done to the functions: a deployment that broke off may have left them updating."""
    for function in functions:
        for waiter in ("function_active_v2", "function_updated_v2"):
            try:
                client.get_waiter(waiter).wait(FunctionName=function)
            except WaiterError as error:
                raise DeployError(
                    f"function {function} does not settle; if it stays so: aws lambda delete-function "
                    f"--function-name {function}, and deploy again ({error})"
                ) from None


def keep_what_fails(client: Any, functions: Iterable[str], queue: str) -> None:
    """Have Lambda try each event three times, and then put it into the queue.

    Chalice has no setting for it. Lambda refuses a queue that the function's role may not send to, also while the
    role's policy, which is new, is still spreading; and everything while it updates the function.
    """
    for function in functions:
        deadline = time.monotonic() + PROPAGATION
        while not _keep_what_fails(client, function, queue, insist=time.monotonic() > deadline):
            time.sleep(POLL)


def _keep_what_fails(client: Any, function: str, queue: str, *, insist: bool) -> bool:
    """Ask once; False where Lambda refuses what it may take later, unless we `insist` to have its error."""
    try:
        client.put_function_event_invoke_config(
            FunctionName=function,
            MaximumRetryAttempts=RETRIES,
            DestinationConfig={"OnFailure": {"Destination": queue}},
        )
    except (client.exceptions.InvalidParameterValueException, client.exceptions.ResourceConflictException):
        if insist:
            raise
        return False
    return True


def check_reserved(client: Any, functions: Mapping[str, str], wanted: Mapping[str, int]) -> None:
    """Raise DeployError where more calls at once would be reserved than the account has to give.

    `functions` are ARNs by handler, `wanted` numbers. Lambda wants 100 of the account's to stay for functions that have
    none of their own, and refuses the function that takes the last of them: with some of the others deployed.
    """
    if not wanted:
        return
    limit = client.get_account_settings()["AccountLimit"]
    quota = limit["ConcurrentExecutions"]
    present = (client.get_function_concurrency(FunctionName=arn) for arn in functions.values())
    reserved = sum(one.get("ReservedConcurrentExecutions", 0) for one in present)
    most = max(limit["UnreservedConcurrentExecutions"] + reserved - UNRESERVED, 0)
    if (total := sum(wanted.values())) > most:
        named = ", ".join(f"{handler} {number}" for handler, number in wanted.items())
        raise DeployError(
            f"reserved_concurrency: expected {most} at most, got {total} ({named}): the account may have {quota} calls "
            f"at once, and {UNRESERVED} of them stay unreserved; reserve less, or have the quota raised"
        )


def policies(client: Any, iam: Any, function: str) -> list[Json]:
    """Return the policies of a function's role; none where somebody has deleted the role."""
    role = client.get_function_configuration(FunctionName=function)["Role"].rpartition("/")[2]
    with suppress(iam.exceptions.NoSuchEntityException):
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        return [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    return []
