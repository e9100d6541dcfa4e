"""A picture of the deployment's own, uploaded to see that the stage works, and removed again with its record."""

import io
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from PIL import Image

from chalicelib.identity import image_id
from chalicelib.model.pipeline import Source
from chalicelib.model.record import Status
from chalicelib.pipelines.keys import is_original
from infra.errors import DeployError
from infra.places import Place

PATIENCE = 300.0  # seconds: S3 may take minutes until it tells of a new notification's first events
POLL = 1.0  # seconds between two looks
DONE = {Status.READY, Status.FAILED}


def fly(place: Place, variables: Mapping[str, str], source: Source) -> None:
    """Upload a picture, wait until it is processed, and leave nothing of it; raises DeployError when that fails.

    A first upload is what S3 tells of when it does; so the first user does not wait for it.
    """
    bucket = variables["SOURCE_BUCKET"]
    found = perch(source)
    if found is None:
        print("no canary: the pipeline takes none of the formats that it could have", flush=True)
        return
    key, data = found
    record = _Record(place, variables["IMAGES_TABLE"], image_id(bucket, key))
    print(f"canary s3://{bucket}/{key}: S3 may take some minutes until it tells of uploads, only this once", flush=True)
    started = time.monotonic()
    s3 = place.client("s3")
    put = s3.put_object(Bucket=bucket, Key=key, Body=data)
    try:
        done = _wait(lambda: record.status() in DONE)
        error = record.error()
    finally:
        version = {"VersionId": put["VersionId"]} if "VersionId" in put else {}
        s3.delete_object(Bucket=bucket, Key=key, **version)
    if not done:
        raise DeployError(
            f"the canary was not processed within {PATIENCE:.0f} s; all is deployed, but no upload seems to arrive: "
            f"see the log group /aws/lambda/{variables['POWERTOOLS_SERVICE_NAME']}-on_upload"
        )
    if _wait(lambda: record.status() == Status.DELETED):
        record.delete()
    if error:
        raise DeployError(f"the canary failed: {error}")
    print(f"canary: processed after {time.monotonic() - started:.0f} s", flush=True)


def perch(source: Source) -> tuple[str, bytes] | None:
    """Return a key that is an original's, and a picture for it; None where the pipeline takes no format of ours."""
    Image.init()
    for suffix in source.suffixes:
        key = f"{source.prefix}halftone-canary-{secrets.token_hex(8)}{suffix}"
        form = Image.registered_extensions().get(suffix.lower())
        if form in Image.SAVE and is_original(source, key):
            data = io.BytesIO()
            Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(data, form)
            return key, data.getvalue()
    return None


class _Record:
    """The canary's record, as DynamoDB has it."""

    def __init__(self, place: Place, table: str, canary: str) -> None:
        self._dynamodb = place.client("dynamodb")
        self._where: dict[str, Any] = {"TableName": table, "Key": {"image_id": {"S": canary}}}

    def status(self) -> str | None:
        status: str | None = self._item().get("status", {}).get("S")
        return status

    def error(self) -> str:
        """What the record says it failed with; empty where it did not."""
        error = self._item().get("error", {}).get("M", {})
        return str(error.get("message", error.get("code", {})).get("S", "")) if error else ""

    def delete(self) -> None:
        self._dynamodb.delete_item(**self._where)

    def _item(self) -> dict[str, Any]:
        item: dict[str, Any] = self._dynamodb.get_item(**self._where, ConsistentRead=True).get("Item", {})
        return item


def _wait(look: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True
