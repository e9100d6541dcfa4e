"""`python -m infra.reprocess --stage X`: have every original of a stage looked at again, after its pipeline changed.

And every record whose original is gone, or is one no longer. What today's pipeline has made already stays as it is. The
functions do the work, in their own time.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.events import without_sequencer
from chalicelib.model.pipeline import Source
from chalicelib.model.record import Status
from chalicelib.pipelines import loading
from chalicelib.pipelines.keys import is_original
from infra import stage as stages
from infra.progress import Progress

THREADS = 8  # events on their way to Lambda at a time
BATCH = 1000  # events that are put in line at a time

Item = Mapping[str, Any]
"""A record's item as DynamoDB has it, of which `key`, `status` and `due` matter."""

Outcome = Counter[str]
"""How many events were sent, for what; and how many were not, and why."""

CREATED, REMOVED = "ObjectCreated:Reprocess", "ObjectRemoved:Reprocess"
"""What the events are called; S3 has no such names."""

ORIGINAL, OTHER, GONE = "of originals", "of other objects", "of records without an object"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.reprocess", description=__doc__)
    parser.add_argument("--stage", required=True, help="whose originals: dev, prod, ...")
    options = parser.parse_args()
    sent, failed = Outcome(), Outcome()
    try:
        reprocess(boto3.Session(), options.stage, sent, failed)
    except (ClientError, BotoCoreError, loading.PipelineError) as error:
        sys.exit(f"reprocess of stage {options.stage}: {error}")
    finally:
        print(told(sent, failed, options.stage))
    if failed:
        sys.exit(1)


def reprocess(session: Any, stage: str, sent: Outcome, failed: Outcome) -> None:
    """Send an event for every key that is `selected`.

    One that Lambda does not take is no reason to leave out the others. `sent` and `failed` are kept up to date, so that
    they hold when the run breaks off, too.
    """
    functions = session.client("lambda", config=Config(max_pool_connections=THREADS))
    function = f"{stages.APP}-{stage}-on_upload"
    variables = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    bucket, source = variables["SOURCE_BUCKET"], loading.load(variables["PIPELINE"]).source
    keys = selected(_listed(session, bucket), _recorded(session, variables["IMAGES_TABLE"], bucket), source)

    def send(key: str) -> str | None:
        payload = without_sequencer(bucket, key, name=REMOVED if keys[key] == GONE else CREATED)
        try:
            functions.invoke(FunctionName=function, InvocationType="Event", Payload=payload)
        except (ClientError, BotoCoreError) as error:
            return str(error)
        return None

    waiting = list(keys)
    with Progress(len(keys)) as progress, ThreadPoolExecutor(THREADS) as pool:
        for batch in (waiting[start : start + BATCH] for start in range(0, len(waiting), BATCH)):
            for key, error in zip(batch, pool.map(send, batch), strict=True):
                if error is None:
                    sent[keys[key]] += 1
                else:
                    failed[error] += 1
                progress.advance(key)


def selected(listed: Iterable[str], recorded: Iterable[Item], source: Source) -> dict[str, str]:
    """Say which keys are looked at, and as what: every object, and every record whose object is gone; each key once.

    A record that says deleted is left out, unless it is unfinished: an attempt may have left variants since.
    """
    keys = {key: ORIGINAL if is_original(source, key) else OTHER for key in listed}
    for item in recorded:
        if item["status"]["S"] != Status.DELETED or "due" in item:
            keys.setdefault(item["key"]["S"], GONE)
    return keys


def told(sent: Outcome, failed: Outcome, stage: str) -> str:
    """Put into words what a run has done."""
    lines = [f"{sent.total():,} events sent; what fails of them can be redriven: make redrive STAGE={stage}"]
    lines += [f"  {count:7,} {what}" for what, count in sent.most_common()]
    if failed:
        lines.append(f"{failed.total():,} not sent; run it again, those that are done are left alone")
        lines += [f"  {count:7,} {error}" for error, count in failed.most_common()]
    return "\n".join(lines)


def _listed(session: Any, bucket: str) -> Iterator[str]:
    for page in session.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from (item["Key"] for item in page.get("Contents", []))


def _recorded(session: Any, table: str, bucket: str) -> Iterator[Item]:
    """Read the records of the bucket."""
    pages = session.client("dynamodb").get_paginator("scan")
    request = {
        "TableName": table,
        "ProjectionExpression": "#key, #status, due",
        "FilterExpression": "#bucket = :bucket",
        "ExpressionAttributeNames": {f"#{name}": name for name in ("key", "bucket", "status")},
        "ExpressionAttributeValues": {":bucket": {"S": bucket}},
    }
    for page in pages.paginate(**request):
        yield from page["Items"]


if __name__ == "__main__":
    main()
