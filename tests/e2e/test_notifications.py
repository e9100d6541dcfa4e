"""Who hears of what: subscriptions with filters, kept by the local cloud's SNS."""

import json
from collections.abc import Iterator

import pytest

from infra import deployment, subscriptions
from localcloud.home import STAGE
from tests.cloud import Client, Deployed, eventually, make_queue
from tests.conftest import picture

pytestmark = pytest.mark.e2e


@pytest.fixture
def failures(deployed: Deployed, client: Client) -> Iterator[str]:
    """A queue that NOTIFY would name with `failures` after it."""
    url, arn = make_queue(deployed.sqs, "failures")
    cloudformation = client.of("cloudformation")
    deployment.subscribe(cloudformation, STAGE, deployed.topic, [subscriptions.parse(f"{arn} failures")], {})
    yield url
    deployment.subscribe(cloudformation, STAGE, deployed.topic, [], {})
    left = client.of("sns").list_subscriptions_by_topic(TopicArn=deployed.topic)["Subscriptions"]
    assert left, "those that others made"
    assert arn not in [subscription["Endpoint"] for subscription in left]


@pytest.fixture
def one_bucket(deployed: Deployed, client: Client) -> Iterator[str]:
    """A queue that somebody has subscribed for one bucket."""
    url, arn = make_queue(deployed.sqs, "one-bucket")
    attributes = {"FilterPolicy": json.dumps({"bucket": [deployed.dest]}), "RawMessageDelivery": "true"}
    sns = client.of("sns")
    made = sns.subscribe(TopicArn=deployed.topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    yield url
    sns.unsubscribe(SubscriptionArn=made["SubscriptionArn"])


def heard(deployed: Deployed, queue: str) -> list[tuple[str, str]]:
    """Receive what came into a queue: the key, and the event as the message attribute has it."""
    answer = deployed.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    return [
        (json.loads(message["Body"])["key"], message["MessageAttributes"]["event"]["StringValue"])
        for message in answer.get("Messages", [])
    ]


def test_each_hears_what_it_asked_for_and_nothing_else(deployed: Deployed, failures: str, one_bucket: str) -> None:
    deployed.s3.put_object(Bucket=deployed.dest, Key="heard/elsewhere.jpg", Body=picture())
    status, _, elsewhere = deployed.request("/resize", {"bucket": deployed.dest, "key": "heard/elsewhere.jpg"})
    assert status == 200
    good = deployed.upload("heard/good.jpg", picture())
    broken = deployed.upload("heard/broken.jpg", b"no picture")
    deployed.completion(elsewhere["image_id"], "image.ready")
    deployed.completion(good, "image.ready")
    deployed.completion(broken, "image.failed")

    assert eventually(lambda: heard(deployed, failures)) == [("heard/broken.jpg", "image.failed")]
    assert eventually(lambda: heard(deployed, one_bucket)) == [("heard/elsewhere.jpg", "image.ready")]
    assert heard(deployed, failures) == []
    assert heard(deployed, one_bucket) == []


def test_a_name_with_everything_in_it_is_announced(deployed: Deployed) -> None:
    image_id = deployed.upload("heard/été 写真 📷 \u202egpj.jpg", picture())
    deployed.completion(image_id, "image.ready")
    envelope = next(envelope for envelope in deployed.envelopes if image_id in envelope["Message"])
    assert envelope["Subject"] == r"Halftone: été 写真 📷 \u202egpj.jpg is ready, 3 variants"
