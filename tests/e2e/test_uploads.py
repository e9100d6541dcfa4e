"""From an upload to variants, record and completion, by the app as Chalice packaged it."""

import io
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from PIL import Image

from chalicelib.model.picture import Size
from tests.cloud import Client, Deployed, eventually, make_queue
from tests.conftest import picture

pytestmark = pytest.mark.e2e

LONG_KEY = f"{'deep/' * 100}{'x' * 396}.jpg"  # 900 bytes


def sizes(record: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {variant["name"]: (int(variant["width"]), int(variant["height"])) for variant in record["variants"]}


def test_an_upload_gives_variants_record_and_completion(deployed: Deployed) -> None:
    data = picture(1600, 1200)
    image_id = deployed.upload("albums/first.jpg", data, ContentType="image/jpeg")
    completion = deployed.completion(image_id, "image.ready")

    status, _, record = deployed.request(f"/images/{image_id}")
    assert status == 200
    assert (record["status"], record["error"], record["pipeline"]) == ("ready", None, "default")
    assert (record["bucket"], record["key"]) == (deployed.source, "albums/first.jpg")
    assert (record["original"]["format"], record["original"]["bytes"]) == ("jpeg", len(data))
    assert sizes(record) == {"thumbnail": (128, 96), "medium": (640, 480), "large": (1280, 960)}
    assert datetime.fromisoformat(record["updated_at"]) >= datetime.fromisoformat(record["created_at"])

    for variant in record["variants"]:
        assert variant["key"] == f"{variant['name']}/albums/first.jpg"
        stored = deployed.s3.get_object(Bucket=deployed.dest, Key=variant["key"])
        assert stored["ContentType"] == "image/jpeg"
        assert stored["Metadata"] == {"resized": "true"}
        body = stored["Body"].read()
        assert len(body) == variant["bytes"]
        assert Image.open(io.BytesIO(body)).size == Size(variant["width"], variant["height"])

    assert completion["schema_version"] == 1
    assert completion["status"] == "ready"
    assert {variant["key"] for variant in completion["variants"]} <= deployed.variant_keys()
    assert len(deployed.completions(image_id)) == 1


def test_subscribers_can_filter(deployed: Deployed) -> None:
    image_id = deployed.upload("filtered.jpg", picture())
    deployed.completion(image_id, "image.ready")
    envelope = next(envelope for envelope in deployed.envelopes if image_id in envelope["Message"])
    attributes = {name: attribute["Value"] for name, attribute in envelope["MessageAttributes"].items()}
    assert attributes == {"event": "image.ready", "status": "ready", "bucket": deployed.source, "pipeline": "default"}


def test_a_completion_reaches_the_event_bus(deployed: Deployed, client: Client) -> None:
    queue, arn = make_queue(deployed.sqs, "bus")
    bus = client.of("events")
    bus.put_rule(Name="halftone", EventPattern=json.dumps({"source": ["halftone"]}))
    bus.put_targets(Rule="halftone", Targets=[{"Id": "queue", "Arn": arn}])
    image_id = deployed.upload("bus.jpg", picture())

    def received() -> dict[str, Any] | None:
        messages = deployed.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        events = [json.loads(message["Body"]) for message in messages]
        return next((event for event in events if event["detail"]["image_id"] == image_id), None)

    assert eventually(received)["detail-type"] == "image.ready"


@pytest.mark.parametrize(
    "key",
    [
        "with space.jpg",
        "a+b.jpg",
        "100%25.jpg",
        "caf\u00e9/\u00fcber stra\u00dfe.jpg",
        "\U0001f98a/\u6771\u4eac.jpg",
        "q?&=#[]'\".jpg",
        "UPPER.JPG",
        LONG_KEY,
    ],
    ids=["space", "plus", "percent", "accents", "emoji", "punctuation", "upper", "900 bytes"],
)
def test_odd_keys(deployed: Deployed, key: str) -> None:
    image_id = deployed.upload(key, picture(100, 80))
    record = deployed.record(image_id, "ready")
    assert record["key"] == key
    assert f"thumbnail/{key}" in deployed.variant_keys()
    assert deployed.completion(image_id, "image.ready")["key"] == key


@pytest.mark.parametrize(
    ("form", "mode", "format_"),
    [
        ("PNG", "RGBA", "png"),
        ("WEBP", "RGB", "webp"),
        ("GIF", "L", "gif"),
        ("AVIF", "RGB", "avif"),
        ("BMP", "RGB", "png"),
    ],
)
def test_formats_as_packaged(deployed: Deployed, form: str, mode: str, format_: str) -> None:
    image_id = deployed.upload(f"formats/{form}.{form.lower()}", picture(300, 200, form=form, mode=mode))
    record = deployed.record(image_id, "ready")
    assert {variant["format"] for variant in record["variants"]} == {format_}
    stored = deployed.s3.get_object(Bucket=deployed.dest, Key=record["variants"][0]["key"])
    assert stored["ContentType"] == f"image/{format_}"
    assert Image.open(io.BytesIO(stored["Body"].read())).format == format_.upper()


def test_bad_files_fail_once(deployed: Deployed, client: Client) -> None:
    bad = {
        "no-image.jpg": (b"hello, I am text", "unsupported_format"),
        "empty.jpg": (b"", "empty_object"),
        "truncated.jpg": (picture(800, 600)[:2000], "corrupt_image"),
    }
    ids = {key: deployed.upload(key, data) for key, (data, _) in bad.items()}
    for key, (_, code) in bad.items():
        record = deployed.record(ids[key], "failed")
        assert record["error"]["code"] == code
        assert record["error"]["message"]
        assert record["variants"] == []
        assert deployed.completion(ids[key], "image.failed")["error"]["code"] == code

    time.sleep(2)  # the first retry would come after one second
    pages = (
        client.of("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName="/aws/lambda/halftone-local-on_upload")
    )
    said = [event["message"] for page in pages for event in page["events"]]
    for image_id in ids.values():
        assert sum("cannot be processed" in line and image_id in line for line in said) == 1
        assert len(deployed.completions(image_id)) == 1


def test_what_is_no_original_is_told_with_its_reason_and_not_announced(deployed: Deployed) -> None:
    notes = deployed.upload("notes.txt", b"hello")
    copied = deployed.upload("copied.jpg", picture(), Metadata={"resized": "true"})
    for image_id, reason in ((notes, "its key does not end in one of .jpg"), (copied, "it is a variant")):
        error = deployed.record(image_id, "failed")["error"]
        assert error["code"] == "not_an_original"
        assert error["message"].startswith(reason)
    deployed.record(deployed.upload("marker.jpg", picture()), "ready")
    assert deployed.completions(notes) == deployed.completions(copied) == []


def test_an_overwrite_keeps_the_record_and_a_delete_takes_the_variants(deployed: Deployed) -> None:
    image_id = deployed.upload("changing.jpg", picture(400, 300))
    first = deployed.record(image_id, "ready")
    deployed.upload("changing.jpg", picture(300, 400))
    second = eventually(lambda: (item := deployed.record(image_id, "ready"))["original"]["height"] == 400 and item)
    assert second["created_at"] == first["created_at"]
    assert second["etag"] != first["etag"]

    deployed.s3.delete_object(Bucket=deployed.source, Key="changing.jpg")
    deployed.completion(image_id, "image.deleted")
    assert deployed.record(image_id, "deleted")["variants"] == []
    assert not any(key.endswith("/changing.jpg") for key in deployed.variant_keys())


def test_a_burst_of_200_loses_nothing(deployed: Deployed) -> None:
    photos = {f"burst/{number:03}.jpg": picture(150 + number, 120) for number in range(200)}
    assert len(set(photos.values())) == 200
    with ThreadPoolExecutor(max_workers=16) as pool:
        ids = list(pool.map(lambda item: deployed.upload(*item), photos.items()))

    def completed() -> Counter[str]:
        deployed.completions("")
        messages = (json.loads(envelope["Message"]) for envelope in deployed.envelopes)
        return Counter(message["image_id"] for message in messages if message["key"].startswith("burst/"))

    eventually(lambda: len(completed()) == 200)
    assert completed() == Counter(ids), "one completion each"
    assert {deployed.item(image_id)["status"] for image_id in ids} == {"ready"}
    assert sum("/burst/" in key for key in deployed.variant_keys()) == 600
