"""What a dead worker left is finished by the sweep."""

import json
import os
import signal
import subprocess
import threading
import time

import pytest

from chalicelib import identity
from localcloud.home import STAGE, Home
from localcloud.stage import SCHEDULED
from tests.cloud import Client, Deployed, eventually
from tests.conftest import picture

pytestmark = pytest.mark.e2e

FUNCTION = f"halftone-{STAGE}"


def kill(home: Home, function: str) -> int:
    """Kill the workers of a function, and return how many there were."""
    mark = f"/ministack-lambda-{function}-"
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True)
    found = [line.split(maxsplit=1) for line in listed.stdout.splitlines() if str(home.folder) in line and mark in line]
    own = [int(pid) for pid, args in found if args.partition(mark)[2].count("-") == 0]
    for pid in own:
        os.kill(pid, signal.SIGKILL)
    return len(own)


def test_the_work_of_a_killed_request_is_finished_by_the_sweep(home: Home, client: Client, deployed: Deployed) -> None:
    # No event tells of objects in the destination bucket, so that nobody but the request knows of this one.
    key = "killed/photo.png"
    deployed.s3.put_object(Bucket=deployed.dest, Key=key, Body=picture(8000, 6000, form="PNG"))
    order = {"bucket": deployed.dest, "key": key}

    def sweep() -> None:
        client.of("lambda").invoke(FunctionName=f"{FUNCTION}-sweep", Payload=json.dumps(SCHEDULED))

    request = threading.Thread(target=lambda: deployed.request("/resize", order), daemon=True)
    request.start()
    image_id = identity.image_id(deployed.dest, key)
    eventually(lambda: "lease" in deployed.item(image_id))
    assert kill(home, FUNCTION)
    request.join(30)
    left = deployed.item(image_id)
    assert (left["status"], left["variants"]) == ("processing", [])
    assert "due" in left

    sweep()
    time.sleep(1)
    assert "lease" in deployed.item(image_id), "its deadline is not past: it may be alive"

    # Let its time be over, without waiting for it.
    past = int(time.time()) - 1000
    deployed.table.update_item(
        Key={"image_id": image_id},
        UpdateExpression="SET lease.#until = :past, due = :past",
        ExpressionAttributeNames={"#until": "until"},
        ExpressionAttributeValues={":past": past},
    )
    sweep()
    finished = deployed.record(image_id, "ready")
    assert len(finished["variants"]) == 3
    assert "due" not in finished
    assert deployed.completion(image_id, "image.ready")["generation"] == 1
