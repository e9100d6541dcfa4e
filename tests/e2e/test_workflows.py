"""The state machines, the routes to them, and orders that nobody waits for, on what Chalice and the stack deployed."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.identity import image_id
from localcloud.home import STAGE
from tests.cloud import ENDED, Client, Deployed, eventually
from tests.conftest import picture

pytestmark = pytest.mark.e2e

ACCOUNT = "000000000000"


class Machines:
    """The stage's state machines."""

    def __init__(self, client: Client) -> None:
        self.states = client.of("stepfunctions")

    def start(self, name: str, task: dict[str, Any]) -> str:
        machine = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:halftone-{STAGE}-{name}"
        return self.states.start_execution(stateMachineArn=machine, input=json.dumps(task))["executionArn"]

    def end(self, execution: str) -> dict[str, Any]:
        """Wait for an execution to end, and describe it."""

        def look() -> dict[str, Any] | None:
            found = self.states.describe_execution(executionArn=execution)
            return found if found["status"] in ENDED else None

        return eventually(look)

    def run(self, name: str, task: dict[str, Any]) -> dict[str, Any]:
        return self.end(self.start(name, task))

    def history(self, execution: str) -> list[dict[str, Any]]:
        return self.states.get_execution_history(executionArn=execution)["events"]

    def steps(self, execution: str) -> list[str]:
        """Name the states that an execution entered."""
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in self.history(execution)
            if "stateEnteredEventDetails" in event
        ]

    def failures(self, execution: str) -> list[str]:
        """Name the errors that its tasks ended with."""
        events = self.history(execution)
        return [event["taskFailedEventDetails"]["error"] for event in events if "taskFailedEventDetails" in event]


@pytest.fixture(scope="module")
def machines(client: Client, deployed: Deployed) -> Machines:
    assert deployed.api
    return Machines(client)


@pytest.fixture
def faults(deployed: Deployed) -> Iterator[Deployed]:
    yield deployed
    deployed.refuse()


def upload(deployed: Deployed, key: str, data: bytes) -> dict[str, str]:
    """Put an original where no event tells of it, so that nobody but the test asks for it."""
    deployed.s3.put_object(Bucket=deployed.dest, Key=key, Body=data)
    return {"bucket": deployed.dest, "key": key}


def test_a_workflow_succeeds(deployed: Deployed, machines: Machines) -> None:
    task = {**upload(deployed, "flow/one.jpg", picture(400, 300)), "dest_bucket": deployed.dest}
    ended = machines.run("workflow", {**task, "width": 128, "height": 128})
    assert ended["status"] == "SUCCEEDED", ended
    output = json.loads(ended["output"])
    assert (output["status"], output["width"], output["height"]) == ("SUCCESS", 128, 96)
    assert (output["source_bucket"], output["source_key"]) == (task["bucket"], task["key"])
    assert output["dest_key"] in deployed.variant_keys()
    assert machines.steps(ended["executionArn"]) == ["Resize", "Successful?", "Succeeded"]


def test_a_chain_succeeds(deployed: Deployed, machines: Machines) -> None:
    original = upload(deployed, "chain/one.jpg", picture(400, 300))
    ended = machines.run("chain", original)
    assert ended["status"] == "SUCCEEDED", ended
    output = json.loads(ended["output"])
    assert output["status"] == "SUCCESS"
    assert len(output["variants"]) == 3
    assert deployed.item(output["image_id"])["status"] == "ready"
    assert "lease" not in deployed.item(output["image_id"])
    assert len(deployed.completion(output["image_id"], "image.ready")["variants"]) == 3
    assert machines.steps(ended["executionArn"]) == [
        "Resize", "Store", "Stored?", "Notify", "Successful?", "Succeeded",
    ]  # fmt: skip


@pytest.mark.parametrize("machine", ["workflow", "chain"])
def test_what_is_missing_or_corrupt_fails_with_its_code(deployed: Deployed, machines: Machines, machine: str) -> None:
    corrupt = upload(deployed, f"{machine}/corrupt.jpg", picture(800, 600)[:2000])
    missing = {"bucket": deployed.dest, "key": f"{machine}/missing.jpg"}
    expected = {"CorruptImage": (corrupt, "corrupt_image"), "NotFound": (missing, "not_found")}
    started = {error: machines.start(machine, task) for error, (task, _) in expected.items()}
    for error, (_, code) in expected.items():
        ended = machines.end(started[error])
        assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", error, code)
        assert machines.steps(started[error])[-1] == "Failed"
        assert len(machines.failures(started[error])) <= 1, "nothing is tried again"
    corrupted = image_id(**corrupt)
    assert deployed.item(corrupted)["error"]["code"] == "corrupt_image"
    assert deployed.completion(corrupted, "image.failed")["error"]["code"] == "corrupt_image"
    assert deployed.item(image_id(**missing)) == {}


def test_a_fault_of_aws_is_tried_again(faults: Deployed, machines: Machines) -> None:
    tasks = {machine: upload(faults, f"{machine}/unlucky.jpg", picture()) for machine in ("workflow", "chain")}
    faults.refuse("s3:PutObject", "sns:Publish")
    executions = {machine: machines.start(machine, task) for machine, task in tasks.items()}
    eventually(lambda: all(map(machines.failures, executions.values())))
    faults.refuse("sns:Publish")
    eventually(lambda: all("CompletionsUnavailable" in machines.failures(one) for one in executions.values()))
    faults.refuse()
    for machine, execution in executions.items():
        ended = machines.end(execution)
        assert ended["status"] == "SUCCEEDED", ended
        assert set(machines.failures(execution)) == {"StorageUnavailable", "CompletionsUnavailable"}
        record = faults.item(image_id(**tasks[machine]))
        assert (record["status"], len(record["variants"])) == ("ready", 3)
        assert len(faults.completions(record["image_id"])) == 1


def test_a_workflow_over_http(deployed: Deployed) -> None:
    task = {**upload(deployed, "http/one.jpg", picture(400, 300)), "width": 100}
    found = deployed.run(task)
    assert (found["status"], found["input"], found["error"]) == ("SUCCEEDED", task, None)
    assert (found["output"]["status"], found["output"]["width"]) == ("SUCCESS", 100)
    assert found["started_at"] <= found["stopped_at"]
    assert found["started_at"].endswith("Z")

    failed = deployed.run(task | {"key": "http/missing.jpg"})
    assert (failed["status"], failed["output"]) == ("FAILED", None)
    assert failed["error"] == {
        "code": "not_found",
        "message": f"there is no object http/missing.jpg in bucket {deployed.dest}",
    }


def test_what_is_wrong_with_a_workflow_is_said_at_once(deployed: Deployed, machines: Machines) -> None:
    task = {"bucket": deployed.dest, "key": "http/any.jpg"}
    assert deployed.request("/workflows", task | {"width": 0})[0] == 400
    assert deployed.request("/workflows", task | {"mode": "async"})[0] == 400
    assert deployed.request("/workflows", task | {"bucket": "elsewhere"})[0] == 403
    others = machines.start("chain", task).rpartition(":")[2]
    for unknown in ("nothing", "a%3Ab", others):
        status, media_type, problem = deployed.request(f"/workflows/{unknown}")
        assert (status, media_type, problem["code"]) == (404, "application/problem+json", "not_found")


def test_an_order_that_nobody_waits_for(deployed: Deployed) -> None:
    order = {**upload(deployed, "later/one.jpg", picture(400, 300)), "width": 50, "mode": "async"}
    status, _, accepted = deployed.request("/resize", order)
    assert (status, set(accepted)) == (202, {"image_id"})
    record = eventually(
        lambda: (
            (item := deployed.item(accepted["image_id"])).get("status") == "ready"
            and len(item["variants"]) == 4
            and item
        )
    )
    assert "w50" in {variant["name"] for variant in record["variants"]}

    status, _, accepted = deployed.request("/resize", {**order, "key": "later/missing.jpg"})
    assert status == 202
    failed = deployed.completion(accepted["image_id"], "order.failed")
    assert (failed["error"]["code"], failed["key"]) == ("not_found", "later/missing.jpg")
    assert deployed.item(accepted["image_id"]) == {}
    assert deployed.request("/resize", {**order, "bucket": "elsewhere"})[0] == 403
    time.sleep(1.5)  # the first retry would come after one second
    assert len(deployed.completions(accepted["image_id"])) == 1
