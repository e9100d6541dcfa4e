"""`python -m infra.redrive --stage X`: hand back to the functions of a stage what Lambda gave up on.

Each event goes to its function again as it was, with the name of its delivery: to the app it is one more attempt at the
same delivery. What fails once more comes back into the queue.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.events import REDRIVEN
from infra import inventory
from infra import stage as stages
from infra.progress import Progress

WAIT = 2  # seconds to wait for a message: an answer that comes at once may leave some out
BATCH = 10  # messages at a time, the most that SQS gives
PROMPT = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})
"""For Lambda: a batch is done with before its first message shows again, after the queue's 300 s."""


class UnknownMessage(Exception):
    """A message is no record of a failed event of the stage."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What Lambda gave up on: `delivery` is the id that its attempts had in common, `error` is how the last ended."""

    function: str
    delivery: str
    error: str
    payload: Mapping[str, Any]

    def again(self) -> bytes:
        """Return the event to hand in, marked as the same delivery."""
        return json.dumps({**self.payload, REDRIVEN: self.delivery}).encode()


@dataclass(slots=True)
class Report:
    """What a run has done: how many events went to each function and had failed by each error, and what stays behind.

    `back` counts those that this run had redriven, and that failed again before it ended.
    """

    functions: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    back: int = 0
    refused: list[str] = field(default_factory=list)

    @property
    def redriven(self) -> int:
        return self.functions.total()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.redrive", description=__doc__)
    parser.add_argument("--stage", required=True, help="whose failed events: dev, prod, ...")
    options = parser.parse_args()
    report = Report()
    try:
        redrive(boto3.Session(), options.stage, report)
    except (ClientError, BotoCoreError) as error:
        sys.exit(f"redrive of stage {options.stage}: {error}")
    finally:
        print(told(report))
    if report.refused or report.back:
        sys.exit(1)


def redrive(session: Any, stage: str, report: Report) -> None:
    """Empty the queue of what failed; a message is deleted only after Lambda has taken its event.

    Only functions of the stage are invoked, whatever a message says: it may be forged. `report` is kept up to date, so
    that it holds when the run breaks off, too. What stays behind shows again in the queue at the end: sooner, this run
    would only meet it again.
    """
    sqs, functions = session.client("sqs"), session.client("lambda", config=PROMPT)
    own = {arn.rpartition(":")[2] for arn in inventory.functions(functions, stage)[0].values()}
    queue = sqs.get_queue_url(QueueName=stages.failed_queue(stage))["QueueUrl"]
    begun = 1000 * time.time()
    redriven: set[str] = set()
    receipts: dict[str, str] = {}
    try:
        with Progress(_waiting(sqs, queue)) as progress:
            for message in _messages(sqs, queue):
                known = message["MessageId"] in receipts
                receipts[message["MessageId"]] = message["ReceiptHandle"]
                if known:
                    continue  # the run takes so long that it shows again
                try:
                    failed = _believed(parsed(message["Body"]), own)
                    if failed.delivery in redriven and int(message["Attributes"]["SentTimestamp"]) >= begun:
                        report.back += 1
                        continue
                    functions.invoke(FunctionName=failed.function, InvocationType="Event", Payload=failed.again())
                    redriven.add(failed.delivery)
                    report.functions[failed.function] += 1
                    report.errors[failed.error] += 1
                    progress.advance(failed.function)
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                    del receipts[message["MessageId"]]
                except (UnknownMessage, ClientError, BotoCoreError) as error:
                    report.refused.append(f"message {message['MessageId']}: {error}")
    finally:
        for receipt in receipts.values():
            with suppress(ClientError, BotoCoreError):  # it shows again in its own time
                sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=receipt, VisibilityTimeout=0)


def parsed(body: str) -> Failed:
    """Read the record that Lambda sends to an on-failure destination; raises UnknownMessage.

    An event that was redriven before keeps the delivery it had then: its attempts have a new id, and are still its own.
    """
    try:
        record = json.loads(body)
        context, payload, response = record["requestContext"], record["requestPayload"], record.get("responsePayload")
        error = response.get("errorType") if isinstance(response, dict) else None
        return Failed(
            function=context["functionArn"].split(":")[6],
            delivery=payload.get(REDRIVEN) or context["requestId"],
            error=error or context["condition"],
            payload=payload,
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise UnknownMessage("it is no record of a failed event, and stays in the queue") from error


def _believed(failed: Failed, own: Collection[str]) -> Failed:
    """Return what failed; raises UnknownMessage if its function is none of ours."""
    if failed.function not in own:
        raise UnknownMessage(f"{failed.function} is no function of this stage, and the message stays in the queue")
    return failed


def told(report: Report) -> str:
    """Put a report into words."""
    lines = [f"{report.redriven} redriven"] if report.redriven else ["nothing redriven"]
    lines += [f"  {count:5} to {function}" for function, count in report.functions.most_common()]
    lines += [f"  {count:5} had failed with {error}" for error, count in report.errors.most_common()]
    if report.back:
        lines.append(f"{report.back} failed again and are back in the queue: the cause is still there")
    return "\n".join([*lines, *report.refused])


def _messages(sqs: Any, queue: str) -> Iterator[Any]:
    request = {"MaxNumberOfMessages": BATCH, "WaitTimeSeconds": WAIT, "AttributeNames": ["SentTimestamp"]}
    while found := sqs.receive_message(QueueUrl=queue, **request).get("Messages"):
        yield from found


def _waiting(sqs: Any, queue: str) -> int:
    name = "ApproximateNumberOfMessages"
    return int(sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])["Attributes"][name])


if __name__ == "__main__":
    main()
