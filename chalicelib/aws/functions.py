"""Lambda: our own functions, to which work is handed that nobody waits for."""

import msgspec

from chalicelib.aws.clients import client, raising
from chalicelib.errors import TransientError
from chalicelib.events import SWEEP, without_sequencer
from chalicelib.model.completion import Handover
from chalicelib.model.order import ResizeOrder
from chalicelib.usecases.entry import Image


class LambdaFunction:
    """One of our functions, invoked asynchronously: Lambda keeps the work, and tries thrice.

    `unreachable` is raised where it does not take it.
    """

    def __init__(self, name: str, unreachable: type[TransientError]) -> None:
        self._name = name
        self._unreachable = unreachable

    def look_at(self, image: Image) -> None:
        self._invoke(without_sequencer(image.bucket, image.key, name=SWEEP))

    def hand_over(self, work: Handover | ResizeOrder) -> None:
        self._invoke(msgspec.json.encode(work))

    def _invoke(self, payload: bytes) -> None:
        with raising(self._unreachable, "Lambda did not take what is to be done later"):
            client("lambda").invoke(FunctionName=self._name, InvocationType="Event", Payload=payload)
