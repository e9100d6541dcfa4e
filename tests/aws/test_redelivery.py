import json

import msgspec
import pytest
from botocore.stub import Stubber

from chalicelib import events
from chalicelib.aws.clients import client
from chalicelib.aws.redelivery import LambdaRedelivery
from chalicelib.errors import CompletionsUnavailable
from chalicelib.model import Handover
from tests.test_notices import completion

HANDOVER = Handover(target="eventbridge", completion=completion(), callback_url="https://hooks.example.com/")


@pytest.fixture
def functions(stage):  # noqa: ARG001 - the environment of the client
    with Stubber(client("lambda")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_a_target_is_handed_over_without_waiting_for_it(functions):
    expected = {
        "FunctionName": "halftone-prod-redeliver",
        "InvocationType": "Event",
        "Payload": msgspec.json.encode(HANDOVER),
    }
    functions.add_response("invoke", {"StatusCode": 202}, expected)
    LambdaRedelivery("halftone-prod-redeliver").hand_over(HANDOVER)


def test_what_is_handed_over_is_what_the_function_reads():
    document = json.loads(msgspec.json.encode(HANDOVER))
    assert set(document) == {"target", "completion", "callback_url"}
    assert events.handover(document) == HANDOVER


def test_a_function_that_is_not_there_is_a_fault(functions):
    functions.add_client_error("invoke", "ResourceNotFoundException")
    with pytest.raises(CompletionsUnavailable, match="ResourceNotFoundException"):
        LambdaRedelivery("nowhere").hand_over(HANDOVER)
