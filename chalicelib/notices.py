"""What people read of a completion; programs read its JSON."""

import unicodedata
from collections.abc import Callable, Iterator

from chalicelib.model.completion import Completion, CompletionEvent
from chalicelib.model.record import Variant

SUBJECT_LENGTH = 99
"""SNS takes fewer than 100 characters (API reference of Publish); we count UTF-16 units, of which an emoji has two."""

SMS_LENGTH, SMS_UNITS = 140, 70
"""What goes into one text message: 140 plain characters, or 70 UTF-16 units when a single one is not plain."""

NAME_LENGTH = 100
"""No line has room for more of a file's name; what is left out is left out of its middle."""

LISTING_BYTES = 20_000
"""What a letter has room for to list variants, in UTF-8: all forms of a message share the one limit of SNS."""

_PLAIN = frozenset(map(chr, range(0x20, 0x7F))) - set("`^{}[]~|\\")
"""ASCII without what takes two places in the GSM alphabet, or has none (3GPP TS 23.038). Its other letters, such as é,
count as not plain: that errs on the side of one message."""

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of what breaks lines, or hides or turns round the text beside it."""

_JOINERS = frozenset("\u200c\u200d")
"""Of those, what words of some scripts, and some emoji, are made with."""


def subject(completion: Completion) -> str:
    """Say in one line how the image came out, within the limits of an SNS subject."""
    return _line(completion, lambda line: _units(line) <= SUBJECT_LENGTH)


def sms(completion: Completion) -> str:
    """Say the same in one text message."""
    return _line(completion, _is_one_message)


def letter(completion: Completion) -> str:
    """Tell the whole story as plain text; of very many variants, or ones with very long keys, the first.

    Lines hold what they say they hold: control characters and marks that reverse text are written as escapes.
    """
    if completion.event is CompletionEvent.ORDER_FAILED:
        return f"An order could not be carried out{_code(completion)}.\n\nImage id: {completion.image_id}\n"
    return "\n".join(
        [
            f"{_shortened(_name(completion), NAME_LENGTH)} {_outcome(completion)}.",
            "",
            *_story(completion),
            f"Original: s3://{completion.bucket}/{_shown(completion.key)}",
            *([f"Size: {completion.original_bytes:,} bytes"] if completion.original_bytes is not None else []),
            f"Pipeline: {completion.pipeline}",
            f"When: {completion.occurred_at:%Y-%m-%d %H:%M:%S} UTC",
            f"Image id: {completion.image_id}",
            "",
        ]
    )


def _story(completion: Completion) -> Iterator[str]:
    if completion.event is CompletionEvent.DELETED:
        yield "Its variants are deleted too."
        yield ""
    if completion.error:
        yield f"Reason: {_shown(completion.error.message)}"
        yield "It has no variants, and is not tried again. A better file in its place will be processed anew."
        yield ""
    room = LISTING_BYTES
    for number, variant in enumerate(completion.variants):
        entry = _entry(variant)
        room -= len(entry.encode())
        if room < 0:
            yield f"... and {len(completion.variants) - number} more: the record has them all."
            yield ""
            return
        yield entry


def _entry(variant: Variant) -> str:
    """Describe a variant; its location has a line of its own, to be copied whole."""
    return (
        f"{variant.name}: {variant.width} x {variant.height} {variant.format.value}, {variant.bytes:,} bytes\n"
        f"s3://{variant.bucket}/{_shown(variant.key)}\n"
    )


def _line(completion: Completion, fits: Callable[[str], bool]) -> str:
    """Return the one line that says it, with as much of the file's name as fits.

    An order may come from a stranger: of one that failed nothing is repeated.
    """
    if completion.event is CompletionEvent.ORDER_FAILED:
        return f"Halftone: an order failed{_code(completion)}, image {completion.image_id}"
    name, outcome = _name(completion), _outcome(completion)
    lengths = range(min(max(len(name), 4), NAME_LENGTH), 3, -1)
    return next(line for length in lengths if fits(line := f"Halftone: {_shortened(name, length)} {outcome}"))


def _outcome(completion: Completion) -> str:
    if completion.event is CompletionEvent.READY:
        count = len(completion.variants)
        return f"is ready, {count} variant{'' if count == 1 else 's'}"
    if completion.event is CompletionEvent.DELETED:
        return "was deleted"
    return f"could not be processed{_code(completion)}"


def _code(completion: Completion) -> str:
    return f" ({completion.error.code})" if completion.error else ""


def _name(completion: Completion) -> str:
    """Return the file's name without its folders, any kind of blank in it as a space."""
    name = completion.key.rpartition("/")[2] or completion.key
    return " ".join(_shown(name).split())


def _shortened(name: str, length: int) -> str:
    """Leave out the middle: the end, which tells files of a series apart, is a third of what stays."""
    if len(name) <= length:
        return name
    tail = length // 3
    return f"{name[: length - 3 - tail]}...{name[-tail:]}"


def _shown(text: str) -> str:
    r"""Return the text with what cannot be seen written as an escape, such as `\n` or `\u202e`."""
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _HIDDEN and c not in _JOINERS else c
        for c in text
    )


def _is_one_message(text: str) -> bool:
    return _units(text) <= SMS_UNITS or (len(text) <= SMS_LENGTH and _PLAIN.issuperset(text))


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
