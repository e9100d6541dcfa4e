from hashlib import sha256

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError, ReadTimeoutError

from chalicelib.aws.clients import client, raising
from chalicelib.errors import StorageUnavailable
from chalicelib.usecases.fan_out import PATIENCE

THROTTLED = ClientError({"Error": {"Code": "SlowDown", "Message": "secret words"}}, "GetObject")


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (THROTTLED, "S3 failed: SlowDown"),
        (EndpointConnectionError(endpoint_url="http://x"), "S3 failed: EndpointConnectionError"),
        (ReadTimeoutError(endpoint_url="http://x"), "S3 failed: ReadTimeoutError"),
    ],
)
def test_what_aws_raises_becomes_a_fault_that_says_little(cause, said):
    with pytest.raises(StorageUnavailable) as caught, raising(StorageUnavailable, "S3 failed"):
        raise cause
    assert str(caught.value) == said
    assert caught.value.__cause__ is cause


def test_a_mistake_of_ours_stays_one():
    with pytest.raises(KeyError), raising(StorageUnavailable, "S3 failed"):
        raise KeyError("ours")


@pytest.mark.usefixtures("stage")
def test_each_client_is_made_once():
    assert client("s3") is client("s3")
    assert client("s3") is not client("sns")


@pytest.mark.usefixtures("stage")
def test_an_empty_key_is_no_request_to_the_bucket():
    with pytest.raises(ParamValidationError):
        client("s3").get_object(Bucket="originals", Key="")


@pytest.mark.usefixtures("stage")
def test_what_is_put_is_guarded_by_the_signature():
    sent = []
    client("s3").meta.events.register_first("before-send.s3.PutObject", lambda request, **_: sent.append(request))
    client("s3").put_object(Bucket="variants", Key="a.jpg", Body=b"picture")
    assert sent[0].url.startswith("https://")
    assert sent[0].headers["X-Amz-Content-SHA256"] == sha256(b"picture").hexdigest().encode()


@pytest.mark.usefixtures("stage")
def test_times_are_left_as_aws_writes_them():
    client("s3").put_object(Bucket="variants", Key="a.jpg", Body=b"picture")
    assert isinstance(client("s3").head_object(Bucket="variants", Key="a.jpg")["LastModified"], str)


@pytest.mark.parametrize("service", ["events", "lambda", "ssm"])
@pytest.mark.usefixtures("environment")
def test_what_completions_are_handed_to_answers_within_the_time_that_is_left(service):
    config = client(service).meta.config
    longest = config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout)
    assert longest < 30 - PATIENCE
    assert client("s3").meta.config.read_timeout == 20
