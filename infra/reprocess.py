"""`python -m infra.reprocess --stage X`: have every original of a stage looked at again, after its pipeline changed.

What today's pipeline has made already stays as it is. The functions do the work, in their own time.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote_plus

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra import stage as stages
from infra.progress import Progress

THREADS = 8  # events on their way to Lambda at a time


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.reprocess", description=__doc__)
    parser.add_argument("--stage", required=True, help="whose originals: dev, prod, ...")
    options = parser.parse_args()
    try:
        count = reprocess(boto3.Session(), options.stage)
    except (ClientError, BotoCoreError) as error:
        sys.exit(f"reprocess of stage {options.stage}: {error}")
    print(f"{count:,} originals are being looked at; what fails can be redriven: make redrive STAGE={options.stage}")


def reprocess(session: Any, stage: str) -> int:
    """Send an event for every object of the source bucket, and return how many there were.

    The bucket is listed twice, so that the bar knows where it ends: a call for each thousand objects.
    """
    s3, functions = session.client("s3"), session.client("lambda", config=Config(max_pool_connections=THREADS))
    function = f"{stages.APP}-{stage}-on_upload"
    variables = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    bucket = variables["SOURCE_BUCKET"]

    def send(key: str) -> str:
        functions.invoke(FunctionName=function, InvocationType="Event", Payload=event(bucket, key))
        return key

    count = 0
    total = sum(len(keys) for keys in _pages(s3, bucket))
    with Progress(total) as progress, ThreadPoolExecutor(THREADS) as pool:
        for keys in _pages(s3, bucket):
            for key in pool.map(send, keys):
                progress.advance(key)
                count += 1
    return count


def event(bucket: str, key: str) -> bytes:
    """Return S3's event for an upload, but without a sequencer: the app looks at the object as it is now."""
    item = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}}
    return json.dumps({"Records": [{"eventName": "ObjectCreated:Reprocess", "s3": item}]}).encode()


def _pages(s3: Any, bucket: str) -> Iterator[list[str]]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield [item["Key"] for item in page.get("Contents", [])]


if __name__ == "__main__":
    main()
