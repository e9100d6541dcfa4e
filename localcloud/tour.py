"""`python -m localcloud.tour`: upload the sample photo, show what became of it, and say what to try next.

It runs in the app's environment (boto3), with the exports of `.local/env` and the stage's own variables set.
"""

import json
import os
import sys
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import boto3

from chalicelib.model.pipeline import Pipeline
from chalicelib.pipelines import loading
from chalicelib.pipelines.keys import is_original
from infra.stage import APP
from localcloud.home import STAGE

SAMPLE = Path(__file__).with_name("sample.jpg")
PATIENCE = 60.0  # seconds for the first picture: workers start cold
POLL = 0.02

TASK = f"{APP}-{STAGE}-resize_task"


def main() -> None:
    source, dest = os.environ["SOURCE_BUCKET"], os.environ["DEST_BUCKET"]
    pipeline = loading.load(os.environ["PIPELINE"])
    key = pipeline.source.prefix + SAMPLE.name
    image_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"s3://{source}/{key}"))
    s3 = boto3.resource("s3")
    table = boto3.resource("dynamodb").Table(os.environ["IMAGES_TABLE"])
    _forget(s3, table, image_id)
    started = time.monotonic()
    s3.Bucket(source).put_object(Key=key, Body=SAMPLE.read_bytes(), ContentType="image/jpeg")
    if not is_original(pipeline.source, key):
        boto3.client("lambda").invoke(FunctionName=TASK, Payload=json.dumps({"bucket": source, "key": key}))
    seen = _watch([s3.Bucket(source), s3.Bucket(dest)], table, image_id, started)
    with urllib.request.urlopen(f"{os.environ['API_URL']}/images/{image_id}", timeout=PATIENCE) as response:
        record = json.load(response)
    print(_table(record, seen))
    print(f"\nAPI      {os.environ['API_URL']}\nuploads  s3://{source}")
    print("\n".join(f"variants s3://{bucket}" for bucket in dict.fromkeys(v["bucket"] for v in record["variants"])))
    print('\nTry next (in a shell with the exports: eval "$(make -s env)")')
    print("\n".join(f"  {line}" for line in suggestions(pipeline, key, image_id)))


def _forget(s3: Any, table: Any, image_id: str) -> None:
    """Remove what an earlier run left, so that this run's variants are seen to arrive."""
    item = table.get_item(Key={"image_id": image_id}).get("Item", {})
    for variant in item.get("variants", []):
        s3.Object(variant["bucket"], variant["key"]).delete()
    table.delete_item(Key={"image_id": image_id})


def _watch(buckets: list[Any], table: Any, image_id: str, started: float) -> dict[str, float]:
    """Wait for the record to be ready, and return when each object was first seen, in seconds after `started`."""
    seen: dict[str, float] = {}
    while (passed := time.monotonic() - started) < PATIENCE:
        item = table.get_item(Key={"image_id": image_id}).get("Item", {})
        for found in (found for bucket in buckets for found in bucket.objects.all()):
            seen.setdefault(f"{found.bucket_name}/{found.key}", passed)
        if item.get("status") == "ready":
            return seen
        if item.get("status") == "failed":
            sys.exit(f"the sample photo failed: {item['error']}")
        time.sleep(POLL)
    sys.exit(f"the sample photo was not ready after {PATIENCE:.0f} s; make logs tells what the functions did")


def suggestions(pipeline: Pipeline, key: str, image_id: str) -> list[str]:
    """Say what this pipeline is worth being tried with, as lines for a shell."""
    prefix, name = pipeline.source.prefix, key.removeprefix(pipeline.source.prefix)
    sample = f'"bucket": "\'$SOURCE_BUCKET\'", "key": "{key}"'
    lines = []
    if is_original(pipeline.source, key):
        cli, curl = ("--metadata width=640", "-H x-amz-meta-width:640 ") if pipeline.source.instructions else ("", "")
        lines += [
            f"aws s3 cp photo.jpg s3://$SOURCE_BUCKET/{prefix} {cli:<10}  # or, without the AWS CLI:",
            f"curl -T photo.jpg {curl}$AWS_ENDPOINT_URL/$SOURCE_BUCKET/{prefix}photo.jpg",
        ]
    else:
        task = f'{{{sample}, "dest_bucket": "\'$DEST_BUCKET\'", "width": 300, "height": 300}}'
        lines += [
            f"curl $AWS_ENDPOINT_URL/2015-03-31/functions/{TASK}/invocations -d '{task}'  # or, by the state machine:",
            f"RUN=$(curl -s $API_URL/workflows -d '{task}' | cut -d '\"' -f 4)",
            "curl $API_URL/workflows/$RUN",
        ]
    if pipeline.restore:
        lines += [
            f"curl -T photo.jpg $AWS_ENDPOINT_URL/$DEST_BUCKET/{name}  # by hand: the original is brought back, as",
            f"curl -I $AWS_ENDPOINT_URL/$SOURCE_BUCKET/{pipeline.restore.target}{name}",
        ]
    return [
        *lines,
        f"curl $API_URL/images/{image_id}",
        f'curl $API_URL/resize -d \'{{{sample}, "width": 300, "format": "webp"}}\'',
        "make logs   what the functions say        make down   stop it all and forget it",
    ]


def _table(record: dict[str, Any], seen: dict[str, float]) -> str:
    original = record["original"]
    rows = [("", "size", "format", "bytes", "seen after", "key"), _row("original", original, "", record["key"])]
    rows += [
        _row(variant["name"], variant, f"{seen[variant['bucket'] + '/' + variant['key']]:.2f} s", variant["key"])
        for variant in record["variants"]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def _row(name: str, picture: dict[str, Any], when: str, key: str) -> tuple[str, ...]:
    return name, f"{picture['width']}x{picture['height']}", picture["format"], f"{picture['bytes']:,}", when, key


if __name__ == "__main__":
    main()
