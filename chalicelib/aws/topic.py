"""SNS: the completions topic."""

import json

import msgspec

from chalicelib import notices
from chalicelib.aws.clients import client, raising
from chalicelib.errors import CompletionsUnavailable
from chalicelib.model import Announcement


class SnsCompletions:
    """`Completions` on one SNS topic: each protocol gets its own form, and the attributes serve filter policies."""

    def __init__(self, topic_arn: str) -> None:
        self._topic_arn = topic_arn

    def publish(self, announcement: Announcement) -> None:
        completion = announcement.completion
        document = msgspec.json.encode(completion).decode()
        attributes = {
            "event": completion.event.value,
            "status": completion.status.value,
            "bucket": completion.bucket,
            "pipeline": completion.pipeline,
        }
        if announcement.callback_url is not None:
            attributes["callback_url"] = announcement.callback_url
        with raising(CompletionsUnavailable, "SNS did not take the completion"):
            client("sns").publish(
                TopicArn=self._topic_arn,
                Subject=notices.subject(completion),
                MessageStructure="json",
                Message=json.dumps(
                    {"default": document, "email": notices.letter(completion), "sms": notices.sms(completion)}
                ),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )
