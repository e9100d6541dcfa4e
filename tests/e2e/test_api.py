"""The REST API and the task function, over the wire."""

import json
import uuid
from typing import Any

import pytest

from tests.cloud import Client, Deployed
from tests.conftest import picture

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def photo(deployed: Deployed) -> dict[str, str]:
    deployed.record(deployed.upload("api/photo.jpg", picture(1000, 800)), "ready")
    return {"bucket": deployed.source, "key": "api/photo.jpg"}


def named(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {variant["name"]: variant for variant in record["variants"]}


def test_health(deployed: Deployed) -> None:
    assert deployed.request("/health") == (200, "application/json", {"status": "ok", "pipeline": "default"})


def test_all_variants(deployed: Deployed, photo: dict[str, str]) -> None:
    status, media_type, record = deployed.request("/resize", photo)
    assert (status, media_type) == (200, "application/json")
    assert record["image_id"] == deployed.image_id(photo["key"])
    assert record["status"] == "ready"
    assert set(named(record)) >= {"thumbnail", "medium", "large"}


def test_some_variants(deployed: Deployed) -> None:
    deployed.s3.put_object(Bucket=deployed.dest, Key="handmade/one.jpg", Body=picture(500, 500))
    order = {"bucket": deployed.dest, "key": "handmade/one.jpg", "variants": ["thumbnail"]}
    status, _, record = deployed.request("/resize", order)
    assert status == 200, record
    assert set(named(record)) == {"thumbnail", "medium", "large"}, (
        "what nobody knew is taken in first, as its upload is"
    )
    deployed.s3.delete_object(Bucket=deployed.dest, Key=named(record)["thumbnail"]["key"])
    _, _, again = deployed.request("/resize", order)
    thumbnail = named(again)["thumbnail"]
    assert set(named(again)) == set(named(record))
    assert deployed.s3.head_object(Bucket=deployed.dest, Key=thumbnail["key"])["ETag"] == f'"{thumbnail["etag"]}"'


def test_an_ad_hoc_variant_joins_the_record(deployed: Deployed, photo: dict[str, str]) -> None:
    shape = {"width": 300, "height": 300, "fit": "cover", "format": "webp", "quality": 70}
    status, _, record = deployed.request("/resize", {**photo, **shape})
    assert status == 200, record
    (variant,) = [variant for variant in record["variants"] if variant["format"] == "webp"]
    assert (variant["width"], variant["height"]) == (300, 300)
    head = deployed.s3.head_object(Bucket=deployed.dest, Key=variant["key"])
    assert (head["ContentType"], head["Metadata"]["resized"]) == ("image/webp", "true")
    _, _, looked_up = deployed.request(f"/images/{record['image_id']}")
    assert named(looked_up)[variant["name"]] == variant


def test_a_place_of_ones_own(deployed: Deployed, photo: dict[str, str]) -> None:
    status, _, record = deployed.request(
        "/resize", {**photo, "width": 64, "dest_bucket": deployed.dest, "dest_key": "mine/small.jpg"}
    )
    assert status == 200, record
    assert "mine/small.jpg" in deployed.variant_keys()


@pytest.mark.parametrize(
    ("change", "status", "code", "detail"),
    [
        ({"bucket": "somebody-elses"}, 403, "forbidden_bucket", "somebody-elses"),
        ({"key": "api/missing.jpg"}, 404, "not_found", "api/missing.jpg"),
        ({"width": 0}, 400, "invalid_request", "width"),
        ({"height": -5}, 400, "invalid_request", "height"),
        ({"width": 1_000_000}, 400, "invalid_request", "width"),
        ({"width": "wide"}, 400, "invalid_request", "width"),
        ({"wdith": 10}, 400, "invalid_request", "wdith"),
        ({"variants": ["poster"]}, 400, "unknown_variant", "poster"),
    ],
)
def test_refusals(
    deployed: Deployed, photo: dict[str, str], change: dict[str, Any], status: int, code: str, detail: str
) -> None:
    answer, media_type, problem = deployed.request("/resize", {**photo, **change})
    assert (answer, media_type) == (status, "application/problem+json")
    assert (problem["status"], problem["code"]) == (status, code)
    assert detail in problem["detail"]
    assert problem["request_id"]


def test_a_body_that_is_no_json(deployed: Deployed) -> None:
    status, media_type, problem = deployed.request("/resize", b'{"bucket": ')
    assert (status, media_type, problem["code"]) == (400, "application/problem+json", "invalid_request")


def test_an_unknown_image(deployed: Deployed) -> None:
    status, media_type, problem = deployed.request(f"/images/{uuid.uuid4()}")
    assert (status, media_type, problem["code"]) == (404, "application/problem+json", "not_found")


def test_the_task(client: Client, photo: dict[str, str], deployed: Deployed) -> None:
    def run(event: dict[str, Any]) -> dict[str, Any]:
        answer = client.of("lambda").invoke(FunctionName="halftone-local-resize_task", Payload=json.dumps(event))
        return json.loads(answer["Payload"].read())

    result = run({**photo, "dest_bucket": deployed.dest, "width": 128, "height": 128})
    assert result["status"] == "SUCCESS"
    assert (result["width"], result["height"]) == (128, 102)
    assert result["dest_key"] in deployed.variant_keys()
    assert run({**photo, "key": "api/missing.jpg"})["errorType"] == "NotFound"
