"""A file that takes more than a function has: its image fails, and nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.home import STAGE
from tests.cloud import Client, Deployed
from tests.conftest import picture

pytestmark = pytest.mark.e2e

FUNCTION = f"halftone-{STAGE}-on_upload"


@pytest.fixture
def configure(client: Client) -> Iterator[Any]:
    """Give `on_upload` other memory or environment variables, and in the end its own again."""
    functions = client.of("lambda")

    def update(**options: Any) -> None:
        functions.update_function_configuration(FunctionName=FUNCTION, **options)
        functions.get_waiter("function_updated_v2").wait(FunctionName=FUNCTION)

    found = functions.get_function_configuration(FunctionName=FUNCTION)
    variables = found["Environment"]["Variables"]
    yield lambda memory, **more: update(MemorySize=memory, Environment={"Variables": variables | more})
    update(MemorySize=found["MemorySize"], Environment={"Variables": variables})


@pytest.fixture(scope="module")
def large() -> bytes:
    """A PNG of 98 megapixels with alpha: nearly two seconds and 400 MB, most of it in one call of zlib's."""
    return picture(9900, 9900, form="PNG", mode="RGBA")


@pytest.mark.parametrize(
    ("memory", "variables", "message"),
    [
        (1769, {"MAX_CPU_SECONDS": "1"}, "rendering it takes more than 1 s of CPU time"),
        (512, {}, "The png image needs more memory than there is"),
    ],
)
def test_an_image_that_takes_too_much_fails_in_words_and_the_next_one_is_fine(
    configure: Any, deployed: Deployed, large: bytes, memory: int, variables: dict[str, str], message: str
) -> None:
    configure(memory, **variables)
    image_id = deployed.upload(f"hostile-{memory}.png", large)
    fine = deployed.upload(f"fine-{memory}.jpg", picture(1600, 1200))

    record = deployed.record(image_id, "failed")
    assert record["error"] == {"code": "resources_exceeded", "message": message}
    assert record["variants"] == []
    assert "due" not in record
    assert deployed.completion(image_id, "image.failed")["error"] == record["error"]
    assert len(deployed.record(fine, "ready")["variants"]) == 3
    queue = deployed.sqs.get_queue_url(QueueName=f"halftone-{STAGE}-failed")["QueueUrl"]
    given_up = deployed.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
    assert not [message for message in given_up.get("Messages", []) if "hostile-" in message["Body"]]
