import pytest

from chalicelib import orders
from chalicelib.errors import CorruptImage, ForbiddenBucket, InvalidRequest, NotFound, UnknownVariant
from chalicelib.identity import image_id
from chalicelib.model import Format, Status, StorageChange
from chalicelib.usecases.ingest import ingest
from chalicelib.usecases.resize import resize
from tests.conftest import picture

PHOTO = image_id("originals", "photo.jpg")


def ordered(stage, **request):
    return resize(orders.parse({"bucket": "originals", "key": "photo.jpg"} | request), stage.halftone, lambda: None)


def names(record):
    return [variant.name for variant in record.variants]


@pytest.fixture
def photo(stage):
    stage.upload("photo.jpg", picture(800, 600))
    return ingest(
        StorageChange(kind="created", bucket="originals", key="photo.jpg", sequencer="05"), stage.halftone, lambda: None
    )


def test_without_more_the_whole_pipeline_is_made(stage):
    stage.upload("photo.jpg", picture(800, 600))
    record = ordered(stage)
    assert names(record) == ["thumbnail", "medium", "large"]
    assert stage.halftone.catalogue.get(PHOTO) == record
    assert [completion.status for completion in stage.completions()] == [Status.READY]


def test_named_variants_alone_are_made(stage):
    stage.upload("photo.jpg", picture(800, 600))
    assert names(ordered(stage, variants=["medium", "medium"])) == ["medium"]
    assert stage.keys("variants") == {"medium/photo.jpg"}


def test_an_adhoc_variant_joins_the_record(stage, photo):
    record = ordered(stage, width=100, height=100, fit="cover", format="webp", quality=60)
    assert names(record) == [*names(photo), "w100-h100-fit-cover-webp-q60"]
    made = record.variants[-1]
    assert (made.format, made.width, made.height) == (Format.WEBP, 100, 100)
    assert made.key == "w100-h100-fit-cover-webp-q60/photo.jpg.webp"
    assert stage.image(made.bucket, made.key).format == "WEBP"
    assert (record.created_at, record.original) == (photo.created_at, photo.original)
    assert stage.halftone.catalogue.get(PHOTO) == record


def test_the_same_again_replaces_and_does_not_double(stage, photo):
    ordered(stage, width=100)
    assert names(ordered(stage, width=100)) == [*names(photo), "w100"]


def test_variants_of_an_older_version_go(stage, photo):
    stage.upload("photo.jpg", picture(600, 800))
    record = ordered(stage, variants=["thumbnail"])
    assert names(record) == ["thumbnail"]
    assert stage.keys("variants") == {"thumbnail/photo.jpg"}
    assert record.etag != photo.etag


def test_a_variant_that_moves_leaves_nothing_behind(stage, photo):
    ordered(stage, width=100, dest_key="here.jpg")
    record = ordered(stage, width=100, dest_bucket="extra", dest_key="there.jpg")
    assert "here.jpg" not in stage.keys("variants")
    assert stage.keys("extra") == {"there.jpg"}
    assert (record.variants[-1].bucket, record.variants[-1].key) == ("extra", "there.jpg")
    assert names(record) == [*names(photo), "w100"]


@pytest.mark.usefixtures("photo")
def test_an_order_does_not_hold_up_the_events_of_the_image(stage):
    ordered(stage, width=100)
    stage.upload("photo.jpg", picture(640, 480))
    record = ingest(
        StorageChange(kind="created", bucket="originals", key="photo.jpg", sequencer="06"), stage.halftone, lambda: None
    )
    assert names(record) == ["thumbnail", "medium", "large"]
    assert "w100/photo.jpg" not in stage.keys("variants")


@pytest.mark.parametrize("request_", [{"bucket": "secrets"}, {"width": 10, "dest_bucket": "secrets"}])
def test_other_buckets_are_forbidden(stage, request_):
    with pytest.raises(ForbiddenBucket, match="secrets"):
        ordered(stage, **request_)


def test_unknown_variants_are_named(stage):
    with pytest.raises(UnknownVariant, match="'huge'") as caught:
        ordered(stage, variants=["thumbnail", "huge"])
    assert "thumbnail, medium, large" in str(caught.value)


def test_an_object_that_is_not_there(stage):
    with pytest.raises(NotFound, match=r"photo\.jpg"):
        ordered(stage)


def test_an_original_that_is_broken_leaves_the_record_alone(stage, photo):
    stage.upload("broken.jpg", picture(800, 600)[:2000])
    with pytest.raises(CorruptImage):
        ordered(stage, key="broken.jpg")
    assert stage.halftone.catalogue.get(image_id("originals", "broken.jpg")) is None
    assert stage.halftone.catalogue.get(PHOTO) == photo


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    "place",
    [
        {"dest_bucket": "originals", "dest_key": "photo.jpg"},
        {"dest_bucket": "originals", "dest_key": "other.jpg"},
        {"dest_bucket": "originals"},
    ],
)
def test_nothing_is_written_where_originals_are(stage, place):
    with pytest.raises(InvalidRequest, match="choose another place"):
        ordered(stage, width=100, **place)
    assert stage.keys("originals") == {"photo.jpg"}


def test_an_original_elsewhere_is_not_overwritten(stage):
    stage.upload("photo.jpg", picture(), bucket="extra")
    with pytest.raises(InvalidRequest, match="choose another place"):
        ordered(stage, bucket="extra", width=100, dest_bucket="extra", dest_key="photo.jpg")
