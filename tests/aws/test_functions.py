import json

import pytest
from botocore.stub import Stubber

from chalicelib import events, orders, wiring
from chalicelib.aws.clients import client
from chalicelib.aws.functions import LambdaFunction
from chalicelib.errors import CompletionsUnavailable, WorkflowsUnavailable
from chalicelib.model.completion import Handover
from chalicelib.model.storage import StorageChange
from chalicelib.usecases.entry import Image
from tests.test_notices import completion

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
HANDOVER = Handover(target="eventbridge", completion=completion(), callback_url="https://hooks.example.com/")


@pytest.fixture
def functions(stage):  # noqa: ARG001 - the environment of the client
    with Stubber(client("lambda")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def sent(functions):
    """What the next invocation is called with."""
    parameters = {}

    def keep(params, **_):
        parameters.update(params)

    functions.client.meta.events.register_first("before-parameter-build.lambda.Invoke", keep)
    yield parameters
    functions.client.meta.events.unregister("before-parameter-build.lambda.Invoke", keep)


@pytest.mark.parametrize(("work", "read"), [(ORDER, events.deferred_order), (HANDOVER, events.handover)])
def test_work_is_handed_over_without_waiting_for_it_and_read_back_as_it_was(functions, sent, work, read):
    functions.add_response("invoke", {"StatusCode": 202})
    LambdaFunction("halftone-prod-later", WorkflowsUnavailable).hand_over(work)
    assert (sent["FunctionName"], sent["InvocationType"]) == ("halftone-prod-later", "Event")
    document = json.loads(sent["Payload"])
    assert read(document) == work
    assert read(document | {events.REDRIVEN: "delivery"}) == work, "handed in again by make redrive"


def test_an_image_that_is_due_is_handed_over_as_an_event_of_the_sweep(functions, sent):
    functions.add_response("invoke", {"StatusCode": 202})
    LambdaFunction("halftone-prod-on_upload", WorkflowsUnavailable).look_at(Image("originals", "a b+é.jpg"))
    assert (sent["FunctionName"], sent["InvocationType"]) == ("halftone-prod-on_upload", "Event")
    (change,) = events.storage_changes(json.loads(sent["Payload"]))
    assert change == StorageChange(kind="sweep", bucket="originals", key="a b+é.jpg")


@pytest.mark.parametrize(
    ("runs", "hand_over", "expected"),
    [
        (
            "halftone-prod-on_completion",
            lambda: wiring.outlets().hand_over(HANDOVER),
            ("halftone-prod-redeliver", CompletionsUnavailable),
        ),
        (
            "halftone-prod",
            lambda: wiring.deferral().hand_over(ORDER),
            ("halftone-prod-resize_later", WorkflowsUnavailable),
        ),
        (
            "halftone-prod-sweep",
            lambda: wiring.uploads().look_at(Image("originals", "a.jpg")),
            ("halftone-prod-on_upload", WorkflowsUnavailable),
        ),
    ],
)
def test_a_function_that_is_not_there_is_a_fault_of_its_kind(functions, sent, monkeypatch, runs, hand_over, expected):
    function, error = expected
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", runs)
    wiring.deferral.cache_clear()
    wiring.uploads.cache_clear()
    functions.add_client_error("invoke", "ResourceNotFoundException")
    with pytest.raises(error, match="ResourceNotFoundException"):
        hand_over()
    assert sent["FunctionName"] == function
    wiring.deferral.cache_clear()
    wiring.uploads.cache_clear()
