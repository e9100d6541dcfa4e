import io
from itertools import chain, repeat

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from chalicelib.aws.clients import client
from chalicelib.aws.storage import S3Storage
from chalicelib.errors import AccessDenied, NotFound, StorageUnavailable
from chalicelib.usecases.ports import Stat, Taken

OWNER = "23ca64c9-73aa-5a50-bb8e-8aa3bb22b8fa"
PLACE = ("variants", "a b+é.jpg")


def put_instead(instead_of=None, data=b"bytes", owner=OWNER):
    return S3Storage().put_instead(PLACE, data, content_type="image/jpeg", owner=owner, instead_of=instead_of)


@pytest.mark.usefixtures("stage")
def test_what_is_put_can_be_opened_and_is_marked_as_ours():
    etag = S3Storage().put(PLACE, b"bytes", content_type="image/jpeg")
    with S3Storage().open(*PLACE) as found:
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
        S3Storage().put(("nowhere", "a"), b"", content_type="image/png")


def test_removing_takes_many_and_minds_nothing_that_is_gone(stage):
    for bucket in ("variants", "extra"):
        stage.upload("a", b"1", bucket=bucket)
    S3Storage().remove({("variants", "a"): None, ("variants", "gone"): None, ("extra", "a"): None})
    assert stage.keys("variants") | stage.keys("extra") == set()
    S3Storage().remove({})


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize("code", ["PreconditionFailed", "NoSuchKey", "ConditionalRequestConflict"])
def test_what_is_another_object_by_now_stays(code):
    changed = {("variants", "a"): "0a", ("variants", "\x01"): "0b"}
    objects = [{"Key": "a", "ETag": '"0a"'}]
    with Stubber(client("s3")) as stubber:
        stubber.add_client_error(
            "delete_object", code, "", 412, {}, {"Bucket": "variants", "Key": "\x01", "IfMatch": '"0b"'}
        )
        stubber.add_response(
            "delete_objects",
            {"Errors": [{"Key": "a", "Code": code, "Message": ""}]},
            {"Bucket": "variants", "Delete": {"Objects": objects, "Quiet": True}},
        )
        S3Storage().remove(changed)
        stubber.assert_no_pending_responses()


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


@pytest.mark.usefixtures("stage")
def test_a_stat_says_what_is_there_and_whose_it_is():
    assert S3Storage().stat(*PLACE) is None
    assert S3Storage().stat("nowhere", "a") is None
    etag = S3Storage().put(PLACE, b"bytes", content_type="image/jpeg")
    assert S3Storage().stat(*PLACE) == Stat(etag=etag, version_id=None, size=5, owner=None)
    etag = put_instead(etag, b"others")
    assert S3Storage().stat(*PLACE) == Stat(etag=etag, version_id=None, size=6, owner=OWNER)


def test_where_nothing_is_a_variant_is_put_that_names_its_owner(stage):
    etag = put_instead()
    head = stage.s3.head_object(Bucket="variants", Key=PLACE[1])
    assert (head["ETag"], head["ContentType"]) == (f'"{etag}"', "image/jpeg")
    assert head["Metadata"] == {"resized": "true", "image-id": OWNER}


@pytest.mark.parametrize("theirs", [b"bytes", b"other"])
def test_where_something_is_nothing_is_put(stage, theirs):
    etag = stage.upload(PLACE[1], theirs, bucket="variants")
    with pytest.raises(Taken):
        put_instead()
    assert S3Storage().stat(*PLACE) == Stat(etag=etag, version_id=None, size=5, owner=None)


@pytest.mark.usefixtures("stage")
def test_only_what_was_expected_is_written_over():
    first = put_instead(data=b"first")
    second = put_instead(first, b"second")
    for expected in (first, "0" * 32):
        with pytest.raises(Taken):
            put_instead(expected, b"third")
    assert S3Storage().stat(*PLACE).etag == second


@pytest.mark.usefixtures("stage")
def test_what_is_gone_is_not_written_over():
    with pytest.raises(Taken):
        put_instead("0" * 32)
    assert S3Storage().stat(*PLACE) is None


class Empty(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_):
        return iter([self.getvalue()])


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize(
    ("statuses", "in_flight"),
    [([403], False), ([503], False), ([None, 503], True), ([500, 403], True), ([None], True)],
)
@pytest.mark.parametrize(
    "work",
    [
        lambda: S3Storage().put(PLACE, b"", content_type="image/jpeg"),
        put_instead,
        lambda: S3Storage().remove({PLACE: None}),
        lambda: S3Storage().remove({("variants", "\x01"): None}),
    ],
)
def test_only_a_try_without_an_answer_leaves_something_in_flight(monkeypatch, work, statuses, in_flight):
    left = chain(statuses, repeat(statuses[-1]))

    def answer(request, **_):
        status = next(left)
        if status is None:
            raise ReadTimeoutError(endpoint_url=request.url)
        return AWSResponse(request.url, status, {}, Empty())

    monkeypatch.setattr("time.sleep", lambda _: None)
    events = client("s3").meta.events
    events.register_first("before-send.s3", answer)
    try:
        with pytest.raises((StorageUnavailable, AccessDenied)) as caught:
            work()
    finally:
        events.unregister("before-send.s3", answer)
    assert caught.value.in_flight is in_flight


@pytest.mark.usefixtures("stage")
def test_what_is_there_after_a_try_without_an_answer_may_be_our_own(monkeypatch):
    answers = iter((None, 412))

    def answer(request, **_):
        status = next(answers)
        if status is None:
            raise ReadTimeoutError(endpoint_url=request.url)
        body = Empty(b"<Error><Code>PreconditionFailed</Code></Error>")
        return AWSResponse(request.url, status, {}, body)

    monkeypatch.setattr("time.sleep", lambda _: None)
    events = client("s3").meta.events
    events.register_first("before-send.s3", answer)
    try:
        with pytest.raises(StorageUnavailable) as caught:
            put_instead()
    finally:
        events.unregister("before-send.s3", answer)
    assert caught.value.in_flight


@pytest.mark.usefixtures("stage")
def test_what_is_only_read_leaves_nothing_in_flight(monkeypatch):
    def fail(**_):
        raise ReadTimeoutError(endpoint_url="https://s3")

    monkeypatch.setattr(client("s3"), "head_object", fail)
    with pytest.raises(StorageUnavailable) as caught:
        S3Storage().stat(*PLACE)
    assert not caught.value.in_flight


def test_keys_that_have_no_words_in_xml_are_removed_one_by_one(stage, monkeypatch):
    removed = []
    monkeypatch.setattr(client("s3"), "delete_object", lambda **request: removed.append(request))
    stage.upload("plain.jpg", b"1", bucket="variants")
    S3Storage().remove(dict.fromkeys([("variants", key) for key in ("bell\x07.jpg", "plain.jpg", "not a\uffff.jpg")]))
    assert [request["Key"] for request in removed] == ["bell\x07.jpg", "not a\uffff.jpg"]
    assert stage.keys("variants") == set()


@pytest.mark.usefixtures("stage")
def test_a_bucket_of_which_one_object_stays_is_a_fault(monkeypatch):
    monkeypatch.setattr(client("s3"), "delete_objects", lambda **_: {"Errors": [{"Code": "InternalError"}]})
    with pytest.raises(StorageUnavailable, match="InternalError"):
        S3Storage().remove({PLACE: None})
