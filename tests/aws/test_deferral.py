import json

import pytest
from botocore.stub import Stubber

from chalicelib import events, orders
from chalicelib.aws.clients import client
from chalicelib.aws.deferral import LambdaDeferral
from chalicelib.errors import WorkflowsUnavailable

ORDER = orders.parse(
    {
        "bucket": "originals",
        "key": "a b.jpg",
        "width": 10,
        "format": "webp",
        "dest_key": "mine.webp",
        "callback_url": "https://hooks.example.com/",
    }
)


@pytest.fixture
def functions(stage):  # noqa: ARG001 - the environment of the client
    with Stubber(client("lambda")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_an_order_is_handed_over_without_waiting_for_it_and_read_back_as_it_was(functions):
    sent = {}
    functions.add_response("invoke", {"StatusCode": 202})
    client("lambda").meta.events.register_first(
        "before-parameter-build.lambda.Invoke", lambda params, **_: sent.update(params)
    )
    LambdaDeferral("halftone-prod-resize_later").hand_over(ORDER)
    assert (sent["FunctionName"], sent["InvocationType"]) == ("halftone-prod-resize_later", "Event")
    document = json.loads(sent["Payload"])
    assert events.deferred_order(document) == ORDER
    assert events.deferred_order(document | {events.REDRIVEN: "delivery"}) == ORDER


def test_a_function_that_is_not_there_is_a_fault(functions):
    functions.add_client_error("invoke", "ResourceNotFoundException")
    with pytest.raises(WorkflowsUnavailable, match="ResourceNotFoundException"):
        LambdaDeferral("nowhere").hand_over(ORDER)
