"""What stands behind the completions topic, in functions with the rights that the stage gives them."""

import hashlib
import json
from collections.abc import Callable, Iterator

import pytest

from infra.secrets import keep
from localcloud.home import Home
from tests.cloud import Deployed, eventually
from tests.conftest import picture

pytestmark = pytest.mark.e2e

HOSTS = {"WEBHOOK_HOSTS": "hooks.invalid"}
URL = "https://hooks.invalid/token"


def logged(deployed: Deployed, function: str, words: str) -> list[str]:
    """Return the lines that a function logged with these words."""
    logs = deployed.client.of("logs")
    group = "-".join(filter(None, ["/aws/lambda/halftone-local", function]))
    if group not in {found["logGroupName"] for found in logs.describe_log_groups()["logGroups"]}:
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

    keep(deployed.client.of("ssm"), "local", URL, new_secret=True)
    configure(lambda variables: variables | HOSTS)
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
def test_secrets_are_in_no_environment_no_log_and_no_file_of_the_stage(deployed: Deployed, home: Home) -> None:
    image_id = deployed.upload("told-to-nobody-either.jpg", picture())
    deployed.completion(image_id, "image.ready")
    assert eventually(lambda: [line for line in logged(deployed, "on_completion", image_id) if "Not delivered" in line])
    assert eventually(lambda: logged(deployed, "redeliver", "hooks.invalid did not answer"))

    names = ["/halftone-local/webhook-secret", "/halftone-local/webhook-urls"]
    found = deployed.client.of("ssm").get_parameters(Names=names, WithDecryption=True)["Parameters"]
    secrets = [one["Value"].removeprefix("whsec_") for one in found]
    assert len(secrets) == 2
    functions = deployed.client.of("lambda").list_functions()["Functions"]
    own = [function for function in functions if function["FunctionName"].startswith("halftone-local")]
    assert len(own) > 9
    seen = [json.dumps(function["Environment"]) for function in own]
    seen += [path.read_text() for path in (home.app / ".chalice").rglob("*.json")]
    for function in own:
        seen += logged(deployed, function["FunctionName"].partition("-local")[2].removeprefix("-"), "")
    assert any("Not delivered" in text for text in seen)
    assert not [text for text in seen if any(secret in text for secret in secrets)]


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
