"""`make acceptance` passes on the local cloud, which counts signatures and policies as AWS does."""

import json
import logging
import os
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from infra import artefacts
from infra.acceptance import clones
from localcloud import cloud as clouds
from localcloud import venvs
from localcloud.home import ROOT, Home
from tests.cloud import Client, Deployed

pytestmark = pytest.mark.e2e
log = logging.getLogger(__name__)

STAGE = "tried"
PHOTOS, SMALL = "photos-of-years", "small-photos-of-years"
OBJECTS = 50_000
QUEUE = "arn:aws:sqs:us-east-1:000000000000:invoices"
THEIRS: dict[str, Any] = {
    "EventBridgeConfiguration": {},
    "QueueConfigurations": [
        {
            "Id": "theirs",
            "QueueArn": QUEUE,
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "invoices/"}]}},
        }
    ],
}
EXISTING = ("--pipeline", "metadata_sized", "--source-bucket", PHOTOS, "--dest-bucket", SMALL)
"""The pipeline has a prefix, so that its notification overlaps with none; and it restores: it has all functions."""

STEP = int(os.environ.get("HALFTONE_BREAK_EVERY", "0"))
"""After how many changes more each deployment of the test is broken off; 0 is one deployment, in its middle."""

MIDDLE = 40


@pytest.fixture
def photos(client: Client) -> Iterator[str]:
    """Have a bucket with many objects that notifies somebody else."""
    s3, sqs = client.of("s3"), client.of("sqs")
    url = sqs.create_queue(QueueName=QUEUE.rpartition(":")[2])["QueueUrl"]
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": QUEUE}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    for bucket in (PHOTOS, SMALL):
        s3.create_bucket(Bucket=bucket)
    client.turn("crowd", {PHOTOS: OBJECTS})
    s3.put_bucket_notification_configuration(Bucket=PHOTOS, NotificationConfiguration=THEIRS)
    yield PHOTOS
    sqs.delete_queue(QueueUrl=url)


def run(home: Home, client: Client, cwd: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(venvs.python(venvs.APP)), "-m", module, *arguments],
        cwd=cwd,
        env=clouds.client_environment(home, client.cloud),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def objects(client: Client, bucket: str) -> set[tuple[Any, ...]]:
    pages = client.of("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {(one["Key"], one["ETag"], one["LastModified"]) for page in pages for one in page.get("Contents", [])}


def test_a_stage_is_accepted_on_buckets_that_exist_after_a_deployment_broke_off(
    home: Home, client: Client, photos: str, tmp_path: Path
) -> None:
    """Acceptance itself sees that the notification of others stays, and that nothing else does."""
    artefacts.build(ROOT)
    before = objects(client, photos)
    assert len(before) == OBJECTS
    for changes in count(STEP, STEP) if STEP else [MIDDLE]:
        clone = clones.fresh(tmp_path)
        broken = deploy_at_most(changes, home, client, clone)
        if broken.returncode == 0:
            break
        assert broken.stdout.splitlines()[-1].startswith(f"deploy of stage {STAGE}: "), broken.stdout
        assert run(home, client, ROOT, "infra.deploy", "unlock", "--stage", STAGE).returncode == 0
        done = run(home, client, ROOT, "infra.acceptance", "--stage", STAGE, "--yes", *EXISTING)
        assert done.returncode == 0, f"broken off after {changes} changes: {done.stdout}"
        log.info("broken off after %d changes, then %s", changes, done.stdout.splitlines()[-1])
    assert objects(client, photos) == before
    assert objects(client, SMALL) == set()
    found = client.of("s3").get_bucket_notification_configuration(Bucket=photos)
    assert {name: value for name, value in found.items() if name != "ResponseMetadata"} == THEIRS


def deploy_at_most(changes: int, home: Home, client: Client, clone: Path) -> subprocess.CompletedProcess[str]:
    """Deploy, and break off after so many calls that change something."""
    client.turn("allowance", [changes])
    try:
        return run(home, client, clone, "infra.deploy", "deploy", "--stage", STAGE, "--no-canary", *EXISTING)
    finally:
        client.turn("allowance", [])


def test_a_stage_that_is_in_use_is_not_tried(home: Home, client: Client, deployed: Deployed) -> None:
    """It would be deleted."""
    deployed.table.put_item(Item={"image_id": "in-use", "status": "ready"})
    try:
        refused = run(home, client, ROOT, "infra.acceptance", "--stage", "local", "--yes")
    finally:
        deployed.table.delete_item(Key={"image_id": "in-use"})
    assert refused.returncode == 1
    assert "halftone-local-images), and would be deleted in the end: name a new one" in refused.stdout


def test_nobody_is_there_to_be_asked(home: Home, client: Client) -> None:
    refused = run(home, client, ROOT, "infra.acceptance", "--stage", STAGE)
    assert refused.returncode == 1
    assert "to go on without a question: YES=yes" in refused.stdout
