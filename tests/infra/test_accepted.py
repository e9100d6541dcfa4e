"""`make acceptance` passes on the local cloud, which counts signatures and policies as AWS does."""

import json
import logging
import os
import re
import shutil
import subprocess
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from infra import artefacts
from infra.acceptance import clones, traces
from infra.acceptance.parts import deployed as deployed_parts
from infra.inventory import take
from infra.places import Place
from localcloud import cloud as clouds
from localcloud import venvs
from localcloud.home import ROOT, Home
from tests.cloud import Client, Deployed, make_queue, notification

pytestmark = pytest.mark.e2e
log = logging.getLogger(__name__)

SAME = "same"  # the stage that is compared
PHOTOS, SMALL = "photos-of-years", "small-photos-of-years"
OBJECTS = 50_000
QUEUE = "arn:aws:sqs:us-east-1:000000000000:invoices"
THEIRS = notification(QUEUE)
EXISTING = ("--pipeline", "metadata_sized", "--source-bucket", PHOTOS, "--dest-bucket", SMALL)
"""The pipeline has a prefix, so that its notification overlaps with none; and it restores: it has all functions."""

STEP = int(os.environ.get("HALFTONE_BREAK_EVERY", "0"))
"""After how many changes more each deployment of a test is broken off; 0 is one deployment, somewhere in its middle."""

MIDDLE = 40


@pytest.fixture(scope="module")
def photos(client: Client) -> str:
    """Have a bucket with many objects that notifies somebody else, until the session's cloud ends."""
    s3 = client.of("s3")
    make_queue(client.of("sqs"), QUEUE.rpartition(":")[2])
    for bucket in (PHOTOS, SMALL):
        s3.create_bucket(Bucket=bucket)
    client.turn("crowd", {PHOTOS: OBJECTS})
    s3.put_bucket_notification_configuration(Bucket=PHOTOS, NotificationConfiguration=THEIRS)
    return PHOTOS


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
        stage = f"tried-{changes}"  # events of a stage that is gone would fail in the next one of its name
        broken = deploy_at_most(changes, home, client, clones.fresh(tmp_path), stage)
        if broken.returncode == 0:
            destroy(home, client, clones.fresh(tmp_path), stage)
            break
        assert broken.stdout.splitlines()[-1].startswith(f"deploy of stage {stage}: "), broken.stdout
        assert run(home, client, ROOT, "infra.deploy", "unlock", "--stage", stage).returncode == 0
        done = run(home, client, ROOT, "infra.acceptance", "--stage", stage, "--yes", *EXISTING)
        assert done.returncode == 0, f"broken off after {changes} changes: {done.stdout}"
        log.info("broken off after %d changes, then %s", changes, done.stdout.splitlines()[-1])
    assert objects(client, photos) == before
    assert objects(client, SMALL) == set()
    assert notified(client, photos) == THEIRS


def deploy_at_most(
    changes: int, home: Home, client: Client, clone: Path, stage: str
) -> subprocess.CompletedProcess[str]:
    """Deploy, and break off after so many calls that change something."""
    client.turn("allowance", [changes])
    try:
        return deploy(home, client, clone, stage)
    finally:
        client.turn("allowance", [])


def deploy(home: Home, client: Client, clone: Path, stage: str) -> subprocess.CompletedProcess[str]:
    return run(home, client, clone, "infra.deploy", "deploy", "--stage", stage, "--no-canary", *EXISTING)


def destroy(home: Home, client: Client, clone: Path, stage: str) -> None:
    """Delete the stage, and see that nothing is left."""
    done = run(home, client, clone, "infra.deploy", "destroy", "--stage", stage, "--yes")
    assert done.returncode == 0, done.stdout
    assert traces.left(place(client), stage) == []
    assert notified(client, PHOTOS) == THEIRS


def test_a_deployment_that_broke_off_is_carried_on_to_what_one_makes_that_did_not(
    home: Home, client: Client, photos: str, tmp_path: Path
) -> None:
    """So what is accepted after the one is accepted after the other."""
    assert notified(client, photos) == THEIRS
    artefacts.build(ROOT)
    whole = deploy(home, client, clones.fresh(tmp_path), SAME)
    assert whole.returncode == 0, whole.stdout
    expected = estate(client)
    destroy(home, client, clones.fresh(tmp_path), SAME)
    for changes in count(STEP, STEP) if STEP else [MIDDLE // 2]:
        broken = deploy_at_most(changes, home, client, clones.fresh(tmp_path), SAME)
        if broken.returncode == 0:
            destroy(home, client, clones.fresh(tmp_path), SAME)
            break
        assert run(home, client, ROOT, "infra.deploy", "unlock", "--stage", SAME).returncode == 0
        done = deploy(home, client, clones.fresh(tmp_path), SAME)
        assert done.returncode == 0, f"broken off after {changes} changes: {done.stdout}"
        assert estate(client) == expected, f"broken off after {changes} changes"
        destroy(home, client, clones.fresh(tmp_path), SAME)
        log.info("broken off after %d changes, then carried on, the same, and destroyed", changes)
        for clone in tmp_path.iterdir():
            shutil.rmtree(clone)


RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|managed-layer:[0-9]+")
VOLATILE = {"LastModified", "RevisionId", "ResponseMetadata", "Sid", "Id", "CreateDate", "RoleId", "LastUpdateStatus"}
"""What differs between two deployments of the same."""


def estate(client: Client) -> dict[str, Any]:
    """Describe the stage as it is deployed, without what is different each time."""
    found = take(place(client), SAME)
    lambdas, iam, events, gateway = (client.of(name) for name in ("lambda", "iam", "events", "apigateway"))
    (api,) = found.apis
    described = {
        "functions": {
            name: [
                lambdas.get_function_configuration(FunctionName=arn),
                lambdas.get_function_event_invoke_config(FunctionName=arn),
                allowed_by(lambdas, arn),
            ]
            for name, arn in found.functions.items()
        },
        "roles": {name: allowed_to(lambdas, iam, arn) for name, arn in found.functions.items()},
        "rules": {
            rule: [events.describe_rule(Name=rule), events.list_targets_by_rule(Rule=rule)["Targets"]]
            for rule in found.rules.values()
        },
        "subscriptions": found.subscriptions,
        "sources": found.sources,
        "buckets": [notified(client, bucket) for bucket in (PHOTOS, SMALL)],
        "layers": len(found.layers),
        "routes": sorted(deployed_parts(place(client), found).words()),
        "stages": [stage["stageName"] for stage in gateway.get_stages(restApiId=api)["item"]],
        "names": sorted(one for one in traces.left(place(client), SAME) if "LogGroup" not in one),  # the sweep may run
    }
    text = json.dumps(without_volatile(described), sort_keys=True, default=str).replace(api, "API")
    return json.loads(RANDOM.sub("RANDOM", text))


def allowed_by(lambdas: Any, function: str) -> list[Any]:
    """Return who may call a function: doubled statements differ by their names alone."""
    try:
        statements = json.loads(lambdas.get_policy(FunctionName=function)["Policy"])["Statement"]
    except lambdas.exceptions.ResourceNotFoundException:
        return []
    return sorted((without_volatile(one) for one in statements), key=json.dumps)


def allowed_to(lambdas: Any, iam: Any, function: str) -> list[Any]:
    """Return what a function may do."""
    role = lambdas.get_function_configuration(FunctionName=function)["Role"].rpartition("/")[2]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return [iam.get_role_policy(RoleName=role, PolicyName=name) for name in names]


def without_volatile(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: without_volatile(value) for name, value in document.items() if name not in VOLATILE}
    return [without_volatile(value) for value in document] if isinstance(document, list | tuple) else document


def notified(client: Client, bucket: str) -> dict[str, Any]:
    found = client.of("s3").get_bucket_notification_configuration(Bucket=bucket)
    return {name: value for name, value in found.items() if name != "ResponseMetadata"}


def place(client: Client) -> Place:
    arn = "arn:aws:iam::000000000000:root"
    return Place(Session(client), clouds.REGION, "000000000000", "aws", arn)


class Session:
    """A session of boto3 whose clients lead to the cloud of the tests."""

    def __init__(self, client: Client) -> None:
        self.client = client.of


def test_a_stage_that_is_in_use_is_not_tried(home: Home, client: Client, deployed: Deployed) -> None:
    """It would be deleted."""
    deployed.table.put_item(Item={"image_id": "in-use", "status": "ready"})
    try:
        refused = run(home, client, ROOT, "infra.acceptance", "--stage", "local", "--yes")
    finally:
        deployed.table.delete_item(Key={"image_id": "in-use"})
    assert refused.returncode == 1
    assert "halftone-local-images), and would be deleted in the end: name a new one" in refused.stdout
    assert "make destroy" not in refused.stdout, "nobody should follow that advice here"


def test_nobody_is_there_to_be_asked(home: Home, client: Client) -> None:
    refused = run(home, client, ROOT, "infra.acceptance", "--stage", "unasked")
    assert refused.returncode == 1
    assert "to go on without a question: YES=yes" in refused.stdout
