"""Lambda: the function that carries out orders nobody waits for."""

import msgspec

from chalicelib.aws.clients import client, raising
from chalicelib.errors import WorkflowsUnavailable
from chalicelib.model import ResizeOrder


class LambdaDeferral:
    """`Deferral` by an asynchronous invocation: Lambda keeps the order, and tries it three times."""

    def __init__(self, function: str) -> None:
        self._function = function

    def hand_over(self, order: ResizeOrder) -> None:
        with raising(WorkflowsUnavailable, "Lambda did not take the order"):
            client("lambda").invoke(
                FunctionName=self._function, InvocationType="Event", Payload=msgspec.json.encode(order)
            )
