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

from chalicelib import pipelines

SAMPLE = Path(__file__).with_name("sample.jpg")
PATIENCE = 60.0  # seconds for the first picture: workers start cold
POLL = 0.02

NEXT = """
API      {api}
uploads  s3://{source}
variants s3://{dest}

Try next (in a shell with the exports: eval "$(make -s env)")
  aws s3 cp photo.jpg s3://$SOURCE_BUCKET/           or, without the AWS CLI:
  curl -T photo.jpg $AWS_ENDPOINT_URL/$SOURCE_BUCKET/photo.jpg
  curl $API_URL/images/{image_id}
  curl $API_URL/resize -d '{{"bucket": "{source}", "key": "{key}", "width": 300, "format": "webp"}}'
  make logs   what the functions say        make down   stop it all and forget it"""


def main() -> None:
    source, dest = os.environ["SOURCE_BUCKET"], os.environ["DEST_BUCKET"]
    key = pipelines.load(os.environ["PIPELINE"]).source.prefix + SAMPLE.name
    image_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"s3://{source}/{key}"))
    s3 = boto3.resource("s3")
    table = boto3.resource("dynamodb").Table(os.environ["IMAGES_TABLE"])
    _forget(s3, table, image_id)
    started = time.monotonic()
    s3.Bucket(source).put_object(Key=key, Body=SAMPLE.read_bytes(), ContentType="image/jpeg")
    seen = _watch([s3.Bucket(source), s3.Bucket(dest)], table, image_id, started)
    with urllib.request.urlopen(f"{os.environ['API_URL']}/images/{image_id}", timeout=PATIENCE) as response:
        record = json.load(response)
    print(_table(record, seen))
    print(NEXT.format(api=os.environ["API_URL"], source=source, dest=dest, image_id=image_id, key=key))


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


def _table(record: dict[str, Any], seen: dict[str, float]) -> str:
    original = record["original"]
    rows = [("", "size", "format", "bytes", "seen after"), _row("original", original, "")]
    rows += [
        _row(variant["name"], variant, f"{seen[variant['bucket'] + '/' + variant['key']]:.2f} s")
        for variant in record["variants"]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def _row(name: str, picture: dict[str, Any], when: str) -> tuple[str, ...]:
    return name, f"{picture['width']}x{picture['height']}", picture["format"], f"{picture['bytes']:,}", when


if __name__ == "__main__":
    main()
