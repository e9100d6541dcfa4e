"""Estimate what images cost on AWS: a few are processed here, with waits as AWS has them, and priced.

Billed time is what the local cloud's REPORT lines say, which this machine's speed is in; do nothing else on it. The CPU
time beside it hardly depends on that: with the waits of the table it says what an undisturbed machine would bill.
"""

import argparse
import json
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from chalicelib.model.record import Status
from infra import estimate
from localcloud.load import BILLED, SAMPLE, WAITS, burst, cpu_seconds
from localcloud.stage import Stage, here

PRICES = Path(estimate.__file__).with_name("prices.toml")
EVENT_OVERHEAD = 26  # bytes that CloudWatch Logs adds to each event (PutLogEvents)
FUNCTION = "halftone-local"
PACE = 1  # uploads at a time: they would slow each other down


def main() -> None:
    parser = argparse.ArgumentParser(prog="make cost ARGS=", description=__doc__)
    parser.add_argument("--images", type=int, default=estimate.MILLION, help="how many to price (default: a million)")
    parser.add_argument("--uploads", type=int, default=40, help="how many to measure (default: 40)")
    parser.add_argument("--photo", type=Path, default=SAMPLE, help="of what (default: the sample photo)")
    options = parser.parse_args()
    stage, prices = here(), tomllib.loads(PRICES.read_text())
    photo, suffix = options.photo.read_bytes(), options.photo.suffix
    stage.wait(tomllib.loads(WAITS.read_text())["aws"])
    one_by_one(stage, photo, [f"warm-up/{number}{suffix}" for number in range(10)])
    before, logged = Counter({**stage.calls(), **stage.units()}), {name: len(lines) for name, lines in logs(stage)}
    spent = cpu_seconds(stage)
    keys = [f"cost/{number:06}{suffix}" for number in range(options.uploads)]
    one_by_one(stage, photo, keys)
    cpu = {name: seconds - spent.get(name, 0) for name, seconds in cpu_seconds(stage).items()}
    counts = Counter({**stage.calls(), **stage.units()}) - before
    functions = {name: work(stage, name, lines[logged.get(name, 0) :]) for name, lines in logs(stage)}
    records = [entry.record for entry in map(stage.entry, keys) if entry and entry.record.status is Status.READY]
    measured = estimate.Measured(
        images=len(records),
        functions={name: one for name, one in functions.items() if one.invocations},
        counts=counts,
        objects=tuple(size for one in records for size in (len(photo), *(variant.bytes for variant in one.variants))),
        item_bytes=sum(stage.item_bytes(key) for key in keys),
    )
    show(measured, cpu, prices, options.images)


def one_by_one(stage: Stage, photo: bytes, keys: list[str]) -> None:
    for first in range(0, len(keys), PACE):
        burst(stage, photo, keys[first : first + PACE])


def logs(stage: Stage) -> Iterator[tuple[str, list[str]]]:
    """Return what each function has logged, in its order."""
    client = stage.session.client("logs")
    for group in client.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{FUNCTION}")["logGroups"]:
        pages = client.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        yield group["logGroupName"].rpartition("/")[2], [one["message"] for page in pages for one in page["events"]]


def work(stage: Stage, name: str, lines: list[str]) -> estimate.Work:
    billed = [float(found[1]) for line in lines if (found := BILLED.match(line))]
    told = stage.session.client("lambda").get_function_configuration(FunctionName=name)
    return estimate.Work(
        memory_mib=told["MemorySize"],
        invocations=len(billed),
        billed_seconds=sum(billed) / 1000,
        log_bytes=sum(len(line.encode()) + EVENT_OVERHEAD for line in lines),
    )


def show(measured: estimate.Measured, cpu: Mapping[str, float], prices: dict[str, Any], images: int) -> None:
    print(f"\nmeasured on {measured.images} images, an image:")
    for name, one in measured.functions.items():
        print(
            f"  {name:32} {1000 * one.billed_seconds / measured.images:7.1f} ms billed at {one.memory_mib} MiB, "
            f"{1000 * cpu.get(name, 0) / measured.images:.1f} of CPU, "
            f"{one.log_bytes / measured.images:6.0f} bytes logged, {one.invocations / measured.images:.2f} calls"
        )
    counts = {name: round(count / measured.images, 3) for name, count in sorted(measured.counts.items())}
    print(f"  {json.dumps(counts)}")
    print(f"  {measured.item_bytes / measured.images:.0f} bytes an item")
    for architecture in prices["lambda_gb_second"]:
        items = estimate.bill(measured, prices, images, architecture)
        made = [item for item in items if not item.kept]
        total = sum(item.dollars for item in made)
        puts = sum(item.dollars for item in items if item.name == "s3:PutObject")
        print(f"\n{images:,} images on {architecture}, prices as of {prices['as_of']}: ${total:.2f}")
        for item in made:
            print(f"  {item.name:40} ${item.dollars:8.2f}")
        print(f"  {'all but the PUTs':40} ${total - puts:8.2f}")
    print("\nand to keep them (storage for a month, the move to Intelligent-Tiering once):")
    for item in items:
        if item.kept:
            print(f"  {item.name:40} ${item.dollars:8.2f}")
    print("\nthe three largest of making them, and what would lower each:")
    for item in made[:3]:
        print(f"  {item.name}: {item.lower}")


if __name__ == "__main__":
    main()
