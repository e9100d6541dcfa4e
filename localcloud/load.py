"""Upload a burst to a stage, and measure: how soon it is done, what an image costs, and how often AWS is called."""

import argparse
import json
import re
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chalicelib.model.record import Status
from infra.progress import Progress
from localcloud import processes
from localcloud.stage import ON_UPLOAD, THREADS, Stage, here

SAMPLE = Path(__file__).with_name("sample.jpg")
WAITS = Path(__file__).with_name("waits.toml")
BILLED = re.compile(r"REPORT .*Billed Duration: ([\d.]+) ms")
WARM_UP = 40  # uploads beforehand, so that every worker has started


def main() -> None:
    parser = argparse.ArgumentParser(prog="make load ARGS=", description=__doc__)
    parser.add_argument("--uploads", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("--photo", type=Path, default=SAMPLE, help="of what (default: the sample photo)")
    parser.add_argument("--latency", choices=["aws", "none"], default="none", help="what AWS is waited for")
    options = parser.parse_args()
    stage, photo = here(), options.photo.read_bytes()
    suffix = options.photo.suffix
    stage.wait(tomllib.loads(WAITS.read_text())[options.latency])
    stage.log_renderings()
    burst(stage, photo, [f"warm-up/{number}{suffix}" for number in range(WARM_UP)])

    calls, spent, began = stage.calls(), cpu_seconds(stage), time.time()
    keys = [f"load/{number:06}{suffix}" for number in range(options.uploads)]
    uploading = burst(stage, photo, keys)
    ready = [entry.record for entry in map(stage.entry, keys) if entry and entry.record.status is Status.READY]
    last = max(record.updated_at.timestamp() for record in ready) - began
    print(f"uploads       {len(keys):,} in {uploading:.1f} s ({len(keys) / uploading:.0f} a second)")
    print(f"last record   after {last:.1f} s ({len(keys) / last:.1f} images a second); {len(ready):,} are ready")
    show_cpu(Counter(cpu_seconds(stage)), Counter(spent), sum(rendering_times(stage, began)), len(keys))
    for function in sorted(spent):
        billed = [float(found[1]) for line in logged(stage, function, began) if (found := BILLED.match(line))]
        print(f"billed        {sum(billed) / len(keys):.0f} ms an image in {function}")
    show_calls(Counter(stage.calls()) - Counter(calls), len(keys), len(stage.pipeline.variants))


def show_cpu(after: Mapping[str, float], before: Mapping[str, float], imaging: float, images: int) -> None:
    """Print the CPU time of an image: what imaging took of it (`imaging` milliseconds for all), and the rest.

    The rest is all else that a worker does, the local cloud's own loop in it too (a quarter of a millisecond an event).
    It leaves out what starting the workers took: that was before the burst.
    """
    told = [f"{imaging / images:.1f} ms in imaging"]
    for function, seconds in sorted(after.items()):
        rest = 1000 * (seconds - before.get(function, 0)) - (imaging if function == ON_UPLOAD else 0)
        told.append(f"{rest / images:.1f} ms outside of it in {function}")
    print(f"CPU an image  {', '.join(told)}")


def show_calls(calls: Mapping[str, int], images: int, variants: int) -> None:
    """Print how often AWS was called for an image, beside the fewest calls that an upload can do with."""
    fewest = {"s3:GetObject": 1, "s3:PutObject": variants, "dynamodb:PutItem": 2, "sns:Publish": 1}
    print("AWS calls an image (and the fewest there can be)")
    for operation in sorted(fewest.keys() | calls.keys()):
        print(f"  {operation:22} {calls.get(operation, 0) / images:.3f} ({fewest.get(operation, 'fan-out')})")


def burst(stage: Stage, photo: bytes, keys: Sequence[str]) -> float:
    """Upload as fast as one client can, wait until all is done, and return the seconds that the uploads took."""

    def upload(key: str) -> str:
        stage.s3.put_object(Bucket=stage.source, Key=key, Body=photo)
        return key

    started = time.monotonic()
    with Progress(len(keys)) as progress:
        with ThreadPoolExecutor(THREADS) as pool:
            for key in pool.map(upload, keys):
                progress.advance(f"uploads: {key}")
        passed = time.monotonic() - started
        stage.rest(lambda count: progress.stand_at(max(0, len(keys) - count), f"done, {count} events under way"))
    return passed


def cpu_seconds(stage: Stage) -> Mapping[str, float]:
    """Return the CPU time of the workers so far, by function; nothing where the system has no /proc."""
    spent: dict[str, float] = defaultdict(float)
    for pid, function in stage.workers().items():
        spent[function] += processes.cpu_seconds(processes.tree(pid))
    return spent


def rendering_times(stage: Stage, began: float) -> Iterator[float]:
    """Return the milliseconds of CPU that each rendering took, by the log of `on_upload`."""
    for line in logged(stage, ON_UPLOAD, began):
        if '"Rendered"' in line:
            yield json.loads(line)["cpu_ms"]


def logged(stage: Stage, function: str, began: float) -> Iterator[str]:
    """Return what a function has logged since a moment, in Unix seconds."""
    pages = stage.session.client("logs").get_paginator("filter_log_events")
    for page in pages.paginate(logGroupName=f"/aws/lambda/{function}", startTime=int(1000 * began)):
        yield from (event["message"] for event in page["events"])


if __name__ == "__main__":
    main()
