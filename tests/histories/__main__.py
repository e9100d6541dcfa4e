"""Play many histories, on all cores, and say which seeds break the invariant."""

import argparse
import logging
import os
import sys
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed

import pytest

from infra.progress import Progress
from tests.histories.guards import GUARDS
from tests.histories.history import KINDS, WORK, play

BATCH = 50
SHOWN = 10


def batch(kind: str, first: int, last: int) -> tuple[dict[int, str], Counter[str]]:
    """Play the histories of these seeds; return what went wrong, by seed, and the work that was done."""
    logging.disable(logging.CRITICAL)
    WORK.clear()
    wrong = {}
    for seed in range(first, last):
        try:
            play(seed, kind)
        except Exception:  # noqa: BLE001 - whatever it is, it is the finding
            wrong[seed] = traceback.format_exc(limit=-1).splitlines()[-1]
    return wrong, Counter(WORK)


def without(guard: str, histories: int, first: int) -> int | None:
    """Play without a guard, and return the first seed that ends badly."""
    kind, take_out = GUARDS[guard]
    logged = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with pytest.MonkeyPatch.context() as patch:
            take_out(patch)
            for seed in range(first, first + histories):
                try:
                    play(seed, kind)
                except Exception:  # noqa: BLE001 - whatever it is, the guard was needed
                    return seed
    finally:
        logging.disable(logged)
    return None


def main() -> None:
    parser = argparse.ArgumentParser(prog="make histories", description=__doc__)
    parser.add_argument("histories", type=int, nargs="?", default=1000, help="how many of each kind (1000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--without", choices=GUARDS, help="take a guard out, and find a history that needs it")
    options = parser.parse_args()
    if options.without:
        seed = without(options.without, options.histories, options.first)
        sys.exit(f"without {options.without}: " + ("no history ends badly" if seed is None else f"seed {seed}"))
    failed = False
    for kind in KINDS:
        end = options.first + options.histories
        wrong: dict[int, str] = {}
        work: Counter[str] = Counter()
        with Progress(options.histories) as progress, ProcessPoolExecutor(os.cpu_count()) as pool:
            batches = {
                pool.submit(batch, kind, first, min(first + BATCH, end)): min(BATCH, end - first)
                for first in range(options.first, end, BATCH)
            }
            for done in as_completed(batches):
                found, counted = done.result()
                wrong |= found
                work += counted
                for _ in range(batches[done]):
                    progress.advance(f"{kind}, {len(wrong)} wrong")
        ratios = ", ".join(f"{work[what] / work['changes']:.2f} {what}" for what in ("renders", "puts"))
        print(f"{kind}: {options.histories:,} histories, {len(wrong)} wrong; per change {ratios}")
        for seed, why in sorted(wrong.items())[:SHOWN]:
            print(f"  seed {seed}: {why}")
        failed = failed or bool(wrong)
    sys.exit(failed)


if __name__ == "__main__":
    main()
