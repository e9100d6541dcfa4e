"""What people read of a completion; programs read its JSON."""

from chalicelib.model import Completion, CompletionEvent

SUBJECT_LENGTH = 99
"""SNS takes fewer than 100 ASCII characters, without control characters."""

SMS_LENGTH = 140


def subject(completion: Completion) -> str:
    """Say in one line how the image came out, within the limits of an SNS subject."""
    line = f"Halftone: {_name(completion)} {_outcome(completion)}"
    return "".join(c if c.isprintable() else " " for c in line.encode("ascii", "replace").decode())[:SUBJECT_LENGTH]


def sms(completion: Completion) -> str:
    """Say the same in one text message."""
    return f"{_name(completion)} {_outcome(completion)}"[:SMS_LENGTH]


def letter(completion: Completion) -> str:
    """Tell the whole story as plain text."""
    lines = [
        f"{_name(completion)} {_outcome(completion)}.",
        "",
        f"Original: s3://{completion.bucket}/{completion.key}",
        f"Image id: {completion.image_id}",
    ]
    if completion.error:
        lines += ["", f"Reason:   {completion.error.message} ({completion.error.code})"]
    lines += [
        f"{variant.name}: {variant.width} x {variant.height} {variant.format.value}, {variant.bytes:,} bytes, "
        f"s3://{variant.bucket}/{variant.key}"
        for variant in completion.variants
    ]
    return "\n".join(lines)


def _name(completion: Completion) -> str:
    name = completion.key.rpartition("/")[2]
    return name if len(name) <= 50 else f"{name[:30]}...{name[-17:]}"


def _outcome(completion: Completion) -> str:
    if completion.event is CompletionEvent.READY:
        count = len(completion.variants)
        return f"is ready, {count} variant{'' if count == 1 else 's'}"
    if completion.event is CompletionEvent.DELETED:
        return "was deleted"
    return "could not be processed"
