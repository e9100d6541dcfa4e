"""Who hears of completions: the NOTIFY of a stage becomes its subscriptions."""

import re
from typing import Literal

import msgspec

from chalicelib.webhooks import policy

FAILURES = "failures"

_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_QUEUE = re.compile(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}")


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One subscriber to the completions topic, in the words of SNS; `failures_only` leaves out all that went well."""

    protocol: Literal["email", "sms", "sqs"]
    endpoint: str
    failures_only: bool = False


def parse(text: str) -> Subscription:
    """Read one entry of NOTIFY: an address, which tells its protocol, and `failures` where only those are wanted.

    Raises ValueError that says what was expected.

    >>> parse("ops@example.com failures")
    Subscription(protocol='email', endpoint='ops@example.com', failures_only=True)
    """
    address, *words = text.split()
    if words not in ([], [FAILURES]):
        raise ValueError(f"expected nothing or `{FAILURES}` after {address}, got {' '.join(words)!r}")
    return Subscription(protocol=_protocol(address), endpoint=address, failures_only=bool(words))


def _protocol(address: str) -> Literal["email", "sms", "sqs"]:
    mailbox, at, host = address.rpartition("@")
    if at and _MAILBOX.fullmatch(mailbox) and policy.is_host(host.lower()):
        return "email"
    if _PHONE.fullmatch(address):
        return "sms"
    if _QUEUE.fullmatch(address):  # SNS does not deliver from a standard topic to a FIFO queue
        return "sqs"
    raise ValueError(
        f"expected an e-mail address, a phone number such as +4915112345678, or the ARN of a standard SQS queue, "
        f"got {address!r}"
    )
