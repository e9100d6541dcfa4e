from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from infra import buckets
from infra.buckets import Bucket
from infra.errors import DeployError
from infra.notifications import UPLOADS, Filter
from infra.places import Place

OURS = [Filter("on_upload", UPLOADS, "in/")]


class Session:
    """A session that hands out one client of S3."""

    def __init__(self, s3: Any) -> None:
        self.s3 = s3

    def client(self, _service: str) -> Any:
        return self.s3


def place(session: Any = None, region: str = "eu-west-1") -> Place:
    return Place(session, region, "123456789012", "aws", "arn:aws:iam::123456789012:user/anne")


@pytest.fixture
def aws(environment: None) -> Iterator[Place]:  # noqa: ARG001 - it only has to be set
    with mock_aws():
        here = place(boto3.Session())
        here.client("s3").create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield here


@pytest.fixture
def stub(environment: None) -> Iterator[tuple[Place, Stubber]]:  # noqa: ARG001 - it only has to be set
    s3 = boto3.client("s3")
    with Stubber(s3) as stubber:
        yield place(Session(s3)), stubber


def names(chosen: dict[str, Bucket]) -> list[tuple[str, bool]]:
    return [(bucket.name, bucket.own) for bucket in chosen.values()]


def test_a_new_stage_has_buckets_of_its_own_with_the_region_in_their_names() -> None:
    written = {"SOURCE_BUCKET": "halftone-prod-source-999", "DEST_BUCKET": "halftone-prod-variants-999-x"}
    for settings in ({}, written):
        assert names(buckets.chosen("prod", place(), None, {}, settings)) == [
            ("halftone-prod-source-123456789012-eu-west-1", True),
            ("halftone-prod-variants-123456789012-eu-west-1", True),
        ]


def test_a_new_stage_is_attached_to_the_buckets_that_are_named() -> None:
    assert names(buckets.chosen("prod", place(), None, {"source": "photos"}, {"DEST_BUCKET": "small"})) == [
        ("photos", False),
        ("small", False),
    ]


def stack(is_own: str | None, source: str = "photos") -> dict[str, Any]:
    outputs = [("SourceBucket", source), ("DestBucket", "halftone-prod-variants-123456789012")]
    known = [("SourceBucketIs", is_own), ("DestBucketIs", "own")] if is_own else []
    return {
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs],
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in known],
    }


def test_a_stage_keeps_the_buckets_it_has() -> None:
    """Also under their former names, and without being told again."""
    for named, settings in (({}, {}), ({"source": "photos"}, {}), ({}, {"SOURCE_BUCKET": "photos"})):
        assert names(buckets.chosen("prod", place(), stack("foreign"), named, settings)) == [
            ("photos", False),
            ("halftone-prod-variants-123456789012", True),
        ]
    before = stack(None, source="halftone-prod-source-123456789012")
    assert all(bucket.own for bucket in buckets.chosen("prod", place(), before, {}, {}).values())
    for named, settings in (({"source": "other"}, {}), ({}, {"SOURCE_BUCKET": "other"})):
        with pytest.raises(DeployError, match="SOURCE_BUCKET: the stage has bucket photos, and cannot change to other"):
            buckets.chosen("prod", place(), stack("foreign"), named, settings)


def test_a_bucket_name_that_is_too_long_is_refused_with_the_room_there_is() -> None:
    with pytest.raises(DeployError, match="at most 17 characters in ap-southeast-1"):
        buckets.chosen("a" * 18, place(region="ap-southeast-1"), None, {}, {})
    for chosen in buckets.chosen("a" * 17, place(region="ap-southeast-1"), None, {}, {}).values():
        assert len(chosen.name) <= buckets.LONGEST


def test_a_bucket_that_is_missing_or_elsewhere_is_one_line(aws: Place, stub: tuple[Place, Stubber]) -> None:
    with pytest.raises(DeployError, match=r"^bucket missing does not exist$"):
        buckets.check_foreign(aws, "missing", OURS, set())
    here, stubber = stub
    stubber.add_client_error("head_bucket", "403", http_status_code=403)
    with pytest.raises(DeployError, match=r"^bucket theirs: no access, or it belongs to another account$"):
        buckets.check_foreign(here, "theirs", OURS, set())
    stubber.add_response("head_bucket", {})
    stubber.add_client_error("head_bucket", "403", http_status_code=403)
    with pytest.raises(DeployError, match=r"^bucket shared belongs to another account than 123456789012$"):
        buckets.check_foreign(here, "shared", OURS, set())
    headers = {"ResponseMetadata": {"HTTPHeaders": {"x-amz-bucket-region": "us-east-1"}}}
    stubber.add_response("head_bucket", {})
    stubber.add_response("head_bucket", headers, {"Bucket": "far", "ExpectedBucketOwner": "123456789012"})
    with pytest.raises(DeployError, match=r"^bucket far is in us-east-1; .*not in eu-west-1$"):
        buckets.check_foreign(here, "far", OURS, set())


def test_filters_that_overlap_with_others_are_refused_and_ones_own_are_not(stub: tuple[Place, Stubber]) -> None:
    here, stubber = stub
    present = {
        "LambdaFunctionConfigurations": [{"LambdaFunctionArn": "ours", "Events": list(UPLOADS)}],
        "QueueConfigurations": [{"QueueArn": "arn:queue", "Events": ["s3:ObjectCreated:Put"]}],
    }
    for own in ({"ours"}, set()):
        present["QueueConfigurations"] *= bool(own)
        for _ in range(2):
            stubber.add_response("head_bucket", {"ResponseMetadata": {"HTTPHeaders": {}}})
        stubber.add_response("get_bucket_notification_configuration", present)
        said = r"^bucket photos notifies (arn:queue|ours) .* already, which overlaps with on_upload .*of in/\*"
        with pytest.raises(DeployError, match=said):
            buckets.check_foreign(here, "photos", OURS, own)
    for _ in range(2):
        stubber.add_response("head_bucket", {"ResponseMetadata": {"HTTPHeaders": {}}})
    stubber.add_response("get_bucket_notification_configuration", present)
    buckets.check_foreign(here, "photos", OURS, {"ours"})


def test_what_would_help_is_said_and_not_done(aws: Place) -> None:
    assert [line.partition(":")[0] for line in buckets.advice(aws, "source", "photos")] == [
        "bucket photos keeps no versions",
        "bucket photos has no lifecycle rules",
    ]
    assert len(buckets.advice(aws, "dest", "photos")) == 1
    assert "Status" not in aws.client("s3").get_bucket_versioning(Bucket="photos")
    aws.client("s3").put_bucket_versioning(Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
    assert len(buckets.advice(aws, "source", "photos")) == 1


def test_a_bucket_that_is_gone_has_nothing_to_detach_from(aws: Place) -> None:
    assert not buckets.detach(aws.client("s3"), "missing", {"ours"})
    assert not buckets.detach(aws.client("s3"), "photos", {"ours"})


def test_every_version_of_every_picture_is_deleted(aws: Place) -> None:
    s3 = aws.client("s3")
    s3.put_bucket_versioning(Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        s3.put_object(Bucket="photos", Key="a", Body=body)
    s3.delete_object(Bucket="photos", Key="a")
    assert buckets.holds_pictures(aws, "photos")
    buckets.empty(aws, "photos")
    assert not buckets.holds_pictures(aws, "photos")


def test_a_picture_that_stays_is_told(monkeypatch: pytest.MonkeyPatch, aws: Place) -> None:
    class Locked:
        def delete(self) -> list[dict[str, Any]]:
            return [{"Errors": [{"Key": "a.jpg", "Code": "AccessDenied", "Message": "it is locked"}]}]

    class Bucket:
        object_versions = Locked()

    monkeypatch.setattr(aws.session, "resource", lambda _service: type("S3", (), {"Bucket": lambda _, __: Bucket()})())
    with pytest.raises(DeployError, match=r"s3://photos/a\.jpg cannot be deleted: it is locked"):
        buckets.empty(aws, "photos")
