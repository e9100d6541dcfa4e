"""What has to be so before, while and after a stage is tried."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from infra import buckets, destroy, inventory, notifications, redrive, stacks
from infra import stage as stages
from infra.acceptance import parts, traces
from infra.acceptance.ground import expect, until_none
from infra.errors import DeployError
from infra.inventory import Inventory
from infra.places import Place


def check_unused(place: Place, stage: str) -> None:
    """Raise DeployError for a stage with pictures or records; one without may be what a deployment has left."""
    cloudformation, name = place.client("cloudformation"), stages.stack(stage)
    used = [bucket for bucket in stacks.buckets(cloudformation, name) if buckets.holds_pictures(place, bucket)]
    table = stacks.outputs(stacks.find(cloudformation, name)).get("ImagesTable")
    if table and place.client("dynamodb").scan(TableName=table, Limit=1)["Count"]:
        used.append(table)
    if used:
        raise DeployError(f"the stage is in use ({', '.join(used)}), and would be deleted in the end: name a new one")


def check_updated(place: Place, before: Inventory, after: Inventory, hashes: Mapping[str, str]) -> None:
    expect("what a second deployment has doubled or replaced", [], parts.doubled(before, after))
    same = [handler for handler, found in parts.hashes(place, after).items() if hashes[handler] == found]
    expect("functions that have the code of before", [], same)


def check_failed(place: Place, stage: str) -> None:
    """See that nothing is in the queue of what Lambda gives up on; what is there shows again after a while."""
    sqs = place.client("sqs")
    queue = sqs.get_queue_url(QueueName=stages.failed_queue(stage))["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])
    failed = [redrive.parsed(message["Body"]) for message in messages]
    expect("events that failed", [], [f"{one.function}: {one.error}: {json.dumps(one.payload)}" for one in failed])


def check_left(place: Place, stage: str) -> None:
    """See that neither the inventory nor a search by name finds anything; lists of AWS lag behind."""
    until_none(
        "nothing to be left",
        lambda: [*destroy.left(place, stage, inventory.take(place, stage)), *traces.left(place, stage)],
    )


def theirs(place: Place, names: Iterable[str], found: Inventory) -> dict[str, dict[str, Any]]:
    """Return what buckets of others notify besides the stage."""
    s3, own = place.client("s3"), set(found.functions.values())
    configured = {name: s3.get_bucket_notification_configuration(Bucket=name) for name in names}
    return {
        name: {kind: value for kind, value in notifications.without(one, own).items() if value != []}
        for name, one in configured.items()
    }
