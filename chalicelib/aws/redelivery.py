"""Lambda: the function that tries a fan-out target again."""

import msgspec

from chalicelib.aws.clients import client, raising
from chalicelib.errors import CompletionsUnavailable
from chalicelib.model import Handover


class LambdaRedelivery:
    """`Redelivery` by an asynchronous invocation: what Lambda does when it fails, it does for that target alone."""

    def __init__(self, function: str) -> None:
        self._function = function

    def hand_over(self, handover: Handover) -> None:
        with raising(CompletionsUnavailable, "Lambda did not take a target to try again"):
            client("lambda").invoke(
                FunctionName=self._function, InvocationType="Event", Payload=msgspec.json.encode(handover)
            )
