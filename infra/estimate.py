"""What images cost on AWS, from what was measured and a table of prices. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MILLION = 1_000_000
GB = 10**9
TRANSITION_BYTES = 128 * 1024
"""S3 moves no smaller objects to Intelligent-Tiering, and charges for none."""


class PriceMissing(Exception):
    """Something was measured that the table of prices does not name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one function did for all images: its calls, the seconds that Lambda bills, its memory, what it logged."""

    memory_mib: int
    invocations: int
    billed_seconds: float
    log_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What `images` images took. `counts` are by the names of the price table, `objects` are the sizes of all kept."""

    images: int
    functions: Mapping[str, Work]
    counts: Mapping[str, float]
    objects: tuple[int, ...] = ()
    item_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the bill, and what would make it smaller.

    `kept`: it is for keeping pictures, and not for making them.
    """

    name: str
    dollars: float
    lower: str = ""
    kept: bool = False


LOWER = {
    "s3:PutObject": "fewer variants in the pipeline",
    "lambda": "arm64 costs a fifth less a second; smaller originals; fewer or smaller variants",
    "dynamodb:write-unit": "each begun KB of an item is a unit: shorter keys, fewer variants",
    "storage": "fewer or smaller variants; originals that expire",
    "s3:transition": "no lifecycle rule, where pictures are not kept for long",
    "logs": "LOG_LEVEL=WARNING",
    "sns:Publish": "nothing: it is one message an image",
    "events:PutEvents": "no EVENT_BUS",
    "lambda:request": "nothing: two an image",
    "s3:GetObject": "nothing: one an image",
}


def bill(measured: Measured, prices: Mapping[str, Any], images: int, architecture: str = "x86_64") -> list[Item]:
    """Price `images` images that are like those measured, the dearest item first.

    Storage is for a month; to move objects to Intelligent-Tiering is charged once.

    Raises PriceMissing.
    """
    factor = images / measured.images
    found = [
        Item(f"Lambda {name}", factor * _seconds(work, prices["lambda_gb_second"][architecture]), LOWER["lambda"])
        for name, work in measured.functions.items()
    ]
    requests = sum(work.invocations for work in measured.functions.values())
    counts = {
        **measured.counts,
        "lambda:request": requests,
    }
    if missing := sorted(counts.keys() - prices["million"].keys()):
        raise PriceMissing(f"infra/prices.toml has no price for {', '.join(missing)}")
    found += [
        Item(name, factor * count * prices["million"][name] / MILLION, LOWER.get(name, ""))
        for name, count in counts.items()
    ]
    log_bytes = sum(work.log_bytes for work in measured.functions.values())
    found.append(Item("logs", factor * log_bytes / GB * prices["gigabyte"]["logs"], LOWER["logs"]))
    kept = {"storage": sum(measured.objects), "table": measured.item_bytes}
    found += [
        Item(name, factor * size / GB * prices["gigabyte"][name], LOWER.get(name, ""), kept=True)
        for name, size in kept.items()
    ]
    moved = sum(size >= TRANSITION_BYTES for size in measured.objects)
    price = prices["million"]["s3:transition"]
    found.append(Item("s3:transition", factor * moved * price / MILLION, LOWER["s3:transition"], kept=True))
    return sorted((one for one in found if one.dollars > 0), key=lambda one: -one.dollars)


def _seconds(work: Work, gb_second: float) -> float:
    return work.billed_seconds * work.memory_mib / 1024 * gb_second


def item_bytes(item: Mapping[str, Any]) -> int:
    """Return the size of a DynamoDB item (Developer Guide, "DynamoDB item sizes and formats").

    Names and text count in UTF-8; a number takes about half its digits and a byte; a list or map three bytes, and one
    for each entry.
    """
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(typed: Mapping[str, Any]) -> int:
    ((kind, value),) = typed.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            return (len(value.lstrip("-0.")) + 1) // 2 + 1
        case "M":
            return 3 + len(value) + item_bytes(value)
        case "L":
            return 3 + sum(1 + _value_bytes(one) for one in value)
    return 1
