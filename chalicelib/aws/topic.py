"""SNS: the completions topic."""

import msgspec
from msgspec.structs import replace

from chalicelib import notices
from chalicelib.aws.clients import client, raising
from chalicelib.errors import CompletionsUnavailable
from chalicelib.model.completion import Announcement, Completion

MESSAGE_BYTES = 250_000
"""All forms of a message together: SNS takes 262,144 bytes, of which the attributes get what is left."""


class SnsCompletions:
    """`Completions` on one SNS topic: each protocol gets its own form, and the attributes serve filter policies."""

    def __init__(self, topic_arn: str) -> None:
        self._topic_arn = topic_arn

    def publish(self, announcement: Announcement) -> None:
        completion = announcement.completion
        attributes = {
            "event": completion.event.value,
            "bucket": completion.bucket,
            "pipeline": completion.pipeline,
        }
        if completion.status is not None:
            attributes["status"] = completion.status.value
        if announcement.callback_url is not None:
            attributes["callback_url"] = announcement.callback_url
        with raising(CompletionsUnavailable, "SNS did not take the completion"):
            client("sns").publish(
                TopicArn=self._topic_arn,
                Subject=notices.subject(completion),
                MessageStructure="json",
                Message=message(completion),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )


def message(completion: Completion) -> str:
    """Write a completion for every protocol: JSON, and words where people read it.

    What is too long for SNS would never be announced, however often it is tried: the JSON then leaves out the last
    variants, and says how many.
    """
    words = {"email": notices.letter(completion), "sms": notices.sms(completion)}
    shown = completion
    while len(forms := _encoded(shown, words)) > MESSAGE_BYTES and shown.variants:
        kept = shown.variants[: len(shown.variants) * 3 // 4]
        shown = replace(shown, variants=kept, variants_omitted=len(completion.variants) - len(kept))
    return forms.decode()


def _encoded(completion: Completion, words: dict[str, str]) -> bytes:
    return msgspec.json.encode({"default": msgspec.json.encode(completion).decode(), **words})
