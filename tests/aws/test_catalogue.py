from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest

from chalicelib.aws.catalogue import DynamoCatalogue
from chalicelib.errors import CatalogueUnavailable
from chalicelib.model import Failure, OriginalInfo, Placeholder, Record, Status
from tests.test_notices import SMALL

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
RECORD = Record(
    image_id="id",
    status=Status.PROCESSING,
    bucket="originals",
    key="photo.jpg",
    etag="abc",
    version_id=None,
    pipeline="default",
    created_at=MOMENT,
    updated_at=MOMENT,
)
READY = replace(
    RECORD,
    status=Status.READY,
    processing_ms=12,
    original=OriginalInfo(
        format="jpeg",
        width=4,
        height=3,
        bytes=9,
        frames=1,
        mode="RGB",
        has_alpha=False,
        orientation=6,
        exif={"make": "x"},
    ),
    placeholder=Placeholder(thumbhash="aGk=", dominant_color="#aabbcc"),
    perceptual_hash="00ff",
    variants=(SMALL,),
)


@pytest.fixture
def catalogue(stage):  # noqa: ARG001 - the table
    return DynamoCatalogue("images")


def test_a_record_comes_back_as_it_was_saved(catalogue):
    assert catalogue.save(READY, "01")
    assert catalogue.get("id") == READY
    assert catalogue.save(replace(READY, status=Status.FAILED, error=Failure(code="c", message="m")), "01")
    assert catalogue.get("id").error == Failure(code="c", message="m")


def test_the_item_has_the_names_and_forms_of_the_design(catalogue):
    catalogue.save(READY, "0aF")
    item = boto3.resource("dynamodb").Table("images").get_item(Key={"image_id": "id"})["Item"]
    assert item.pop("sequencer") == "0AF".rjust(64, "0")
    assert set(item) == set(Record.__dataclass_fields__)
    assert (item["status"], item["created_at"], item["processing_ms"]) == ("ready", "2026-01-02T03:04:05.678000Z", 12)
    assert item["error"] is None
    assert item["variants"][0]["content_type"] == "image/jpeg"


def test_what_is_not_there_is_none(catalogue):
    assert catalogue.get("nothing") is None


def test_a_claim_keeps_when_it_began_and_what_is_in_the_buckets(catalogue):
    catalogue.save(READY, "01")
    later = replace(RECORD, etag="new", created_at=MOMENT.replace(year=2027), updated_at=MOMENT.replace(year=2027))
    claimed = catalogue.claim(later, "02")
    assert claimed == replace(later, created_at=MOMENT, variants=(SMALL,))
    assert catalogue.get("id") == claimed


@pytest.mark.parametrize(
    ("stored", "status", "sequencer", "claimed"),
    [
        ("0A", Status.READY, "0B", True),
        ("0A", Status.READY, "0A", False),
        ("0A", Status.FAILED, "0A", False),
        ("0A", Status.PROCESSING, "0A", True),
        ("0A", Status.READY, "09", False),
        ("FF", Status.READY, "100", True),
        ("100", Status.READY, "FF", False),
        ("0a", Status.READY, "0B", True),
        ("0A", Status.READY, None, True),
        (None, Status.READY, "01", True),
    ],
)
def test_who_may_claim(catalogue, stored, status, sequencer, claimed):
    catalogue.save(replace(READY, status=status), stored)
    assert (catalogue.claim(RECORD, sequencer) is not None) is claimed


@pytest.mark.parametrize(("sequencer", "saved"), [("01", False), ("02", True), ("03", True), (None, True)])
def test_who_may_save(catalogue, sequencer, saved):
    catalogue.claim(RECORD, "02")
    assert catalogue.save(READY, sequencer) is saved
    assert (catalogue.get("id").status is Status.READY) is saved


def test_a_save_without_sequencer_leaves_the_order_alone(catalogue):
    catalogue.claim(RECORD, "02")
    catalogue.save(READY, None)
    assert not catalogue.save(READY, "01")


@pytest.mark.usefixtures("stage")
def test_a_table_that_is_not_there_is_a_fault():
    with pytest.raises(CatalogueUnavailable, match="ResourceNotFoundException"):
        DynamoCatalogue("nowhere").get("id")
