"""Disturb a stage in every way at hand, and see whether it comes right in the end.

Uploads, overwrites, deletes and repeated events, while workers are killed; with --outages, uploads while DynamoDB, then
SNS, then S3 refuse the functions. Afterwards what Lambda gave up on is redriven, the sweep finishes what dead workers
left, and buckets and table are checked.
"""

import argparse
import io
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random, SystemRandom

from PIL import Image, ImageOps

from chalicelib.model.completion import Completion
from infra.progress import Progress
from infra.redrive import Report, redrive
from localcloud.home import STAGE
from localcloud.invariant import violations
from localcloud.stage import PAUSE, Stage, here

CROWD = 40  # events under way at most, so that overwrites and deletes meet images that are being worked on
KILL_EVERY = 1.0  # seconds, on average
OUTAGES = {
    "DynamoDB": ("dynamodb:",),
    "SNS": ("sns:",),
    "S3 writes": ("s3:PutObject", "s3:DeleteObject"),
}
FUNCTION_SECONDS = 30  # that an upload may take here; a dead worker's lease is over a minute after that
PATIENCE = 900.0  # seconds that the sweep has for what dead workers left
SHOWN = 20  # violations that are printed


@dataclass(slots=True)
class Played:
    """What was done to a stage."""

    counts: Counter[str] = field(default_factory=Counter)
    keys: set[str] = field(default_factory=set)
    completions: list[Completion] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make chaos ARGS=", description=__doc__)
    parser.add_argument("--uploads", type=int, help="how many (default: 1000; with --outages 200)")
    parser.add_argument(
        "--seed", type=int, default=SystemRandom().randrange(2**32), help="of an earlier run, to play much the same"
    )
    parser.add_argument("--outages", type=float, nargs="?", const=30.0, metavar="SECONDS", help="of each service (30)")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    stage, random, played, started = here(), Random(options.seed), Played(), time.monotonic()
    stage.limit(FUNCTION_SECONDS)
    if options.outages:
        outlive_outages(stage, random, played, uploads=options.uploads or 200, seconds=options.outages)
    else:
        disturb(stage, random, played, uploads=options.uploads or 1000)
    found = come_to_rest(stage, played)
    print(", ".join(f"{count:,} {what}" for what, count in played.counts.items()), end="")
    print(f"; {time.monotonic() - started:.0f} s")
    found += violations(stage, sorted(played.keys), played.completions)
    if options.outages:
        found += not_once(played)
        disturbance = "calls refused"
    else:
        print(f"{repeated(played)} announcements came more than once")
        disturbance = "workers killed"
    if not played.counts[disturbance]:
        found.append(f"there were no {disturbance}: nothing was tried")
    if found:
        print("\n".join(found[:SHOWN]))
        sys.exit(f"{len(found)} violations, with seed {options.seed}")
    print(f"{len(played.keys):,} keys, and everything is as it should be")


def disturb(stage: Stage, random: Random, played: Played, *, uploads: int) -> None:
    """Upload, overwrite, delete and repeat events, while workers are killed."""
    pictures = photos(random)
    events: list[bytes] = []
    with Progress(uploads) as progress, killing(stage, Random(random.random()), played):

        def look(count: int) -> None:
            told = f"uploads, {played.counts['workers killed']} workers killed, {count} events under way"
            progress.stand_at(played.counts["uploads"], told)

        while played.counts["uploads"] < uploads:
            while (count := stage.under_way()) > CROWD:
                look(count)
                time.sleep(PAUSE / 2)
            look(count)
            act(stage, random, played, pictures, events)
            if played.counts["uploads"] % 10 == 0:
                events += stage.events()
                played.completions += stage.completions()
        stage.rest(look)


def act(stage: Stage, random: Random, played: Played, pictures: Sequence[bytes], events: Sequence[bytes]) -> None:
    """Do one thing to the stage: mostly an upload, of which two in five are overwrites."""
    match random.choices(("upload", "delete", "repeat"), (70, 12, 18))[0]:
        case "delete" if played.keys:
            stage.s3.delete_object(Bucket=stage.source, Key=random.choice(sorted(played.keys)))
            played.counts["deletes"] += 1
        case "repeat" if events:
            stage.invoke(random.choice(events))
            played.counts["repeated events"] += 1
        case _:
            again = played.keys and random.random() < 0.4
            key = random.choice(sorted(played.keys)[-50:]) if again else f"{len(played.keys):05}.jpg"
            upload(stage, key, random.choice(pictures), played)


def outlive_outages(stage: Stage, random: Random, played: Played, *, uploads: int, seconds: float) -> None:
    """Spread uploads over a time in which one service after another refuses the functions, with a pause in between."""
    pictures, started = photos(random), time.monotonic()
    begins = {(0.5 + 1.5 * number) * seconds: name for number, name in enumerate(OUTAGES)}
    total = (0.5 + 1.5 * len(OUTAGES)) * seconds
    with Progress(uploads) as progress:
        for number in range(uploads):
            while (passed := time.monotonic() - started) < total * number / uploads:
                time.sleep(PAUSE / 4)
            out = [name for begin, name in begins.items() if begin <= passed < begin + seconds]
            stage.refuse(*(operation for name in out for operation in OUTAGES[name]))
            upload(stage, f"{number:05}.jpg", random.choice(pictures), played)
            progress.advance(f"uploads{''.join(f', {name} is out' for name in out)}")
        stage.refuse()
        played.counts["calls refused"] = stage.refusals()
        stage.rest(lambda count: progress.stand_at(uploads, f"uploads, {count} events under way"))


def upload(stage: Stage, key: str, picture: bytes, played: Played) -> None:
    stage.s3.put_object(Bucket=stage.source, Key=key, Body=picture)
    played.keys.add(key)
    played.counts["uploads"] += 1


def come_to_rest(stage: Stage, played: Played) -> list[str]:
    """Redrive what Lambda gave up on, have the sweep finish what dead workers left, and receive what was announced.

    Returns what is out of order: images that are unfinished even so.
    """
    left = _finished(stage, played)
    played.completions += stage.completions()
    played.counts["announcements"] = len(played.completions)
    return left


def _finished(stage: Stage, played: Played) -> list[str]:
    """Redrive and sweep until no image is unfinished; say so if some are for too long.

    Work of a dead worker may be taken over when its lease is over, so most of the time is spent waiting for that.
    """
    deadline = time.monotonic() + PATIENCE
    with Progress(1) as progress:
        while True:
            while redriven := _redriven(stage):
                played.counts["events redriven"] += redriven
                stage.rest(lambda _: None)
            dues = stage.unfinished()
            if not dues:
                return []
            if time.monotonic() > deadline:
                return [f"{len(dues)} images are unfinished after {PATIENCE:.0f} s of sweeping"]
            wait = max(0, min(dues) - time.time())
            progress.stand_at(played.counts["sweeps"], f"sweeps, {len(dues)} images unfinished, next in {wait:.0f} s")
            if wait:
                time.sleep(PAUSE)
            else:
                stage.sweep()
                played.counts["sweeps"] += 1
                stage.rest(lambda _: None)


def _redriven(stage: Stage) -> int:
    report = Report()
    redrive(stage.session, STAGE, report)
    return report.redriven


def repeated(played: Played) -> int:
    """Count the announcements that came more than once."""
    times = Counter((said.key, said.status, said.occurred_at) for said in played.completions)
    return sum(count > 1 for count in times.values())


def not_once(played: Played) -> list[str]:
    """Say which keys were not announced once and no more; each of them was uploaded once."""
    times = Counter(said.key for said in played.completions)
    return [f"{key}: announced {times[key]} times" for key in sorted(played.keys) if times[key] != 1]


@contextmanager
def killing(stage: Stage, random: Random, played: Played) -> Iterator[None]:
    """Kill workers meanwhile, one now and one then."""

    def kill() -> None:
        if workers := sorted(stage.workers()):
            with suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(random.choice(workers), signal.SIGKILL)
                played.counts["workers killed"] += 1

    with meanwhile(kill, lambda: random.expovariate(1 / KILL_EVERY)):
        yield


@contextmanager
def meanwhile(work: Callable[[], None], pause: Callable[[], float]) -> Iterator[None]:
    """Do something again and again in a thread, with pauses (seconds) before each time."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(pause()):
            work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def photos(random: Random) -> list[bytes]:
    """Paint small pictures, all different; one in ten is damaged."""
    painted = [_photo(random) for _ in range(36)]
    return [*painted, *(data[: len(data) // 2] for data in painted[:4])]


def _photo(random: Random) -> bytes:
    size = random.randrange(140, 400), random.randrange(140, 400)
    dark, light = (f"#{random.randbytes(3).hex()}" for _ in range(2))
    gradient = ImageOps.colorize(Image.linear_gradient("L").resize(size), dark, light)
    buffer = io.BytesIO()
    gradient.save(buffer, "JPEG")
    return buffer.getvalue()


if __name__ == "__main__":
    main()
