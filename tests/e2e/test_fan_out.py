"""What stands behind the completions topic, in functions with the rights that the stage gives them."""

import base64
import hashlib
from collections.abc import Callable, Iterator

import pytest

from tests.cloud import Deployed, eventually
from tests.conftest import picture

pytestmark = pytest.mark.e2e

NOWHERE = {
    "WEBHOOK_URLS": "https://hooks.invalid/",
    "WEBHOOK_SECRET": "whsec_" + base64.b64encode(b"s" * 32).decode(),
}


def logged(deployed: Deployed, function: str, words: str) -> list[str]:
    """Return the lines that a function logged with these words."""
    logs = deployed.client.of("logs")
    group = f"/aws/lambda/halftone-local-{function}"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        return []
    events = logs.filter_log_events(logGroupName=group)["events"]
    return [event["message"] for event in events if words in event["message"]]


@pytest.fixture(scope="module")
def unreachable(deployed: Deployed) -> Iterator[None]:
    """A stage with a webhook whose host does not exist."""
    functions = [f"halftone-local{name}" for name in ("", "-resize_later", "-on_completion", "-redeliver")]
    client = deployed.client.of("lambda")
    before = {name: client.get_function_configuration(FunctionName=name)["Environment"] for name in functions}

    def configure(change: Callable[[dict[str, str]], dict[str, str]]) -> None:
        for name in functions:
            variables = change(before[name]["Variables"])
            client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})

    configure(lambda variables: variables | NOWHERE)
    yield
    configure(lambda variables: variables)


@pytest.mark.usefixtures("unreachable")
def test_a_target_that_fails_is_tried_again_by_its_own_function(deployed: Deployed) -> None:
    image_id = deployed.upload("told-to-nobody.jpg", picture())
    deployed.completion(image_id, "image.ready")

    assert eventually(lambda: logged(deployed, "redeliver", "hooks.invalid did not answer"))
    lines = logged(deployed, "on_completion", image_id)
    assert [line for line in lines if "Not delivered, to be tried again" in line]
    assert len([line for line in lines if '"Images"' in line]) == 1, "the others heard once"


@pytest.mark.usefixtures("unreachable")
def test_who_does_not_wait_for_an_order_is_called_back(deployed: Deployed) -> None:
    order = {"bucket": deployed.source, "key": "gone.jpg", "mode": "async"}
    status, _, accepted = deployed.request("/resize", order | {"callback_url": "https://hooks.invalid/mine"})
    assert status == 202, accepted
    deployed.completion(accepted["image_id"], "order.failed")
    envelope = next(found for found in deployed.envelopes if accepted["image_id"] in found["Message"])
    assert envelope["MessageAttributes"]["callback_url"]["Value"] == "https://hooks.invalid/mine"
    named = hashlib.sha256(b"https://hooks.invalid/mine").hexdigest()[:12]
    assert eventually(lambda: logged(deployed, "on_completion", f"webhook-{named}"))
    assert deployed.request("/resize", order | {"callback_url": "https://hooks.example.com/"})[0] == 400
