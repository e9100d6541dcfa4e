"""Lambda: our own functions, to which work is handed that nobody waits for."""

import msgspec

from chalicelib.aws.clients import client, raising
from chalicelib.errors import TransientError
from chalicelib.model.completion import Handover
from chalicelib.model.order import ResizeOrder


class LambdaFunction:
    """`Redelivery` or `Deferral` by asynchronous invocations: Lambda keeps the work, and tries it three times.

    `unreachable` is raised where it does not take it.
    """

    def __init__(self, name: str, unreachable: type[TransientError]) -> None:
        self._name = name
        self._unreachable = unreachable

    def hand_over(self, work: Handover | ResizeOrder) -> None:
        with raising(self._unreachable, "Lambda did not take what is to be done later"):
            client("lambda").invoke(FunctionName=self._name, InvocationType="Event", Payload=msgspec.json.encode(work))
