"""What Lambda gives up on is kept, and heals when it is redriven."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud import cloud as clouds
from localcloud import venvs
from localcloud.home import ROOT, STAGE, Home
from tests.cloud import Client, Deployed, eventually
from tests.conftest import picture

pytestmark = pytest.mark.e2e


@pytest.fixture
def faults(deployed: Deployed) -> Iterator[Deployed]:
    yield deployed
    deployed.refuse()


def failed(deployed: Deployed) -> dict[str, Any]:
    """Look at the event that failed, and leave it in the queue."""
    queue = deployed.sqs.get_queue_url(QueueName=f"halftone-{STAGE}-failed")["QueueUrl"]
    found = eventually(lambda: deployed.sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0).get("Messages"))
    return json.loads(found[0]["Body"])


def operate(module: str, home: Home, client: Client) -> str:
    done = subprocess.run(
        [str(venvs.python(venvs.APP)), "-m", module, "--stage", STAGE],
        cwd=ROOT,
        env=clouds.client_environment(home, client.cloud),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize(
    ("operations", "error", "status_meanwhile"),
    [
        ("s3:PutObject", "StorageUnavailable", "processing"),
        ("sns:Publish", "CompletionsUnavailable", "ready"),
    ],
)
def test_a_fault_that_lasts_is_kept_and_redriven(
    home: Home, client: Client, faults: Deployed, operations: str, error: str, status_meanwhile: str
) -> None:
    faults.refuse(operations)
    key = f"unlucky-{error}.jpg"
    image_id = faults.upload(key, picture())
    record = failed(faults)
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"]["errorType"] == error
    assert record["requestPayload"]["Records"][0]["s3"]["object"]["key"] == key
    assert faults.item(image_id)["status"] == status_meanwhile
    item, delivery = faults.item(image_id), record["requestContext"]["requestId"]
    assert (item["lease"]["delivery"] if "lease" in item else item["settled_by"]) == delivery, (
        "three attempts, one delivery"
    )
    assert faults.completions(image_id) == []

    faults.refuse()
    said = operate("infra.redrive", home, client)
    assert "1 redriven" in said
    assert f"1 to halftone-{STAGE}-on_upload" in said
    assert f"1 had failed with {error}" in said
    faults.completion(image_id, "image.ready")
    assert len(faults.record(image_id, "ready")["variants"]) == 3
    assert len(faults.completions(image_id)) == 1
    assert faults.item(image_id)["settled_by"] == delivery, "and redriven, still the same"
    assert operate("infra.redrive", home, client) == "nothing redriven\n"


def test_reprocessing_makes_what_is_missing_and_leaves_the_rest(home: Home, client: Client, deployed: Deployed) -> None:
    deployed.record(deployed.upload("known.jpg", picture()), "ready")
    settled = deployed.record(deployed.image_id("known.jpg"), "ready")
    forgotten = deployed.upload("forgotten.jpg", picture())
    deployed.record(forgotten, "ready")
    deployed.table.delete_item(Key={"image_id": forgotten})

    assert "of originals" in operate("infra.reprocess", home, client)
    deployed.record(forgotten, "ready")
    known = deployed.item(deployed.image_id("known.jpg"))
    assert (known["generation"], known["updated_at"]) == (settled["generation"], settled["updated_at"])
