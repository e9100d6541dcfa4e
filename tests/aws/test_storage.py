import pytest

from chalicelib.aws.storage import S3Storage
from chalicelib.errors import NotFound, StorageUnavailable


@pytest.mark.usefixtures("stage")
def test_what_is_put_can_be_opened_and_is_marked_as_ours():
    etag = S3Storage().put("variants", "a b+é.jpg", b"bytes", content_type="image/jpeg")
    with S3Storage().open("variants", "a b+é.jpg") as found:
        assert (found.etag, found.size, found.version_id) == (etag, 5, None)
        assert found.metadata == {"resized": "true"}
        assert found.read() == b"bytes"


def test_a_versioned_bucket_says_which_version(stage):
    stage.s3.put_bucket_versioning(Bucket="originals", VersioningConfiguration={"Status": "Enabled"})
    version = stage.s3.put_object(Bucket="originals", Key="a", Body=b"1")["VersionId"]
    with S3Storage().open("originals", "a") as found:
        assert found.version_id == version


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize(("bucket", "key"), [("originals", "gone"), ("nowhere", "a")])
def test_what_is_not_there_is_not_found(bucket, key):
    with pytest.raises(NotFound), S3Storage().open(bucket, key):
        pass


@pytest.mark.usefixtures("stage")
def test_a_bucket_that_is_not_there_takes_nothing():
    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        S3Storage().put("nowhere", "a", b"", content_type="image/png")


def test_removing_takes_many_and_minds_nothing_that_is_gone(stage):
    for bucket in ("variants", "extra"):
        stage.upload("a", b"1", bucket=bucket)
    S3Storage().remove({("variants", "a"), ("variants", "gone"), ("extra", "a")})
    assert stage.keys("variants") | stage.keys("extra") == set()
    S3Storage().remove(())


def test_a_copy_keeps_bytes_type_and_metadata(stage):
    stage.upload("a b+é.jpg", b"1", ContentType="image/jpeg", Metadata={"width": "640"}, Tagging="a=b")
    S3Storage().copy(("originals", "a b+é.jpg"), ("extra", "copy of a"))
    copy = stage.s3.get_object(Bucket="extra", Key="copy of a")
    assert (copy["Body"].read(), copy["ContentType"], copy["Metadata"]) == (b"1", "image/jpeg", {"width": "640"})
    assert stage.s3.get_object_tagging(Bucket="extra", Key="copy of a")["TagSet"] == []


@pytest.mark.usefixtures("stage")
def test_what_is_not_there_is_not_copied():
    with pytest.raises(NotFound):
        S3Storage().copy(("originals", "gone"), ("extra", "copy"))


def test_a_copy_that_s3_refuses_is_a_fault(stage):
    stage.upload("a", b"1")
    with pytest.raises(StorageUnavailable):
        S3Storage().copy(("originals", "a"), ("nowhere", "a"))
