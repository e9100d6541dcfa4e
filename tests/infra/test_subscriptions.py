import doctest

import pytest

from infra import subscriptions
from infra.subscriptions import Subscription, parse

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:thumbnails"


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(subscriptions) == (0, 1)


@pytest.mark.parametrize(
    ("address", "protocol"),
    [
        ("ops@example.com", "email"),
        ("first.last+halftone@Mail.Example.co.uk", "email"),
        ("+4915112345678", "sms"),
        ("+12025550123", "sms"),
        (QUEUE, "sqs"),
        ("arn:aws-us-gov:sqs:us-gov-west-1:123456789012:Thumb_nails-2", "sqs"),
    ],
)
def test_an_address_tells_its_protocol(address, protocol):
    assert parse(address) == Subscription(protocol=protocol, endpoint=address)
    assert parse(f"{address}  failures") == Subscription(protocol=protocol, endpoint=address, failures_only=True)


@pytest.mark.parametrize(
    "address",
    [
        "ops",
        "ops@localhost",
        "@example.com",
        "a@b@example.com",
        "Ops<ops@example.com>",
        "4915112345678",
        "+0015112345678",
        "+49151",
        "+49151123456789012",
        "+49151123४५६७",
        "https://example.com/",
        "arn:aws:sns:eu-west-1:123456789012:thumbnails",
        "arn:aws:sqs:eu-west-1:123456789012:thumbnails.fifo",
        "arn:aws:sqs:eu-west-1:1234:thumbnails",
        "https://sqs.eu-west-1.amazonaws.com/123456789012/thumbnails",
    ],
)
def test_anything_else_is_refused(address):
    with pytest.raises(ValueError, match="expected an e-mail address, a phone number"):
        parse(address)


@pytest.mark.parametrize("entry", ["ops@example.com only", "ops@example.com failures failures", f"{QUEUE} Failures"])
def test_only_failures_may_be_asked_for(entry):
    with pytest.raises(ValueError, match="expected nothing or `failures` after "):
        parse(entry)
