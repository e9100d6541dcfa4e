import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from chalicelib.aws.clients import client, raising
from chalicelib.errors import StorageUnavailable

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
