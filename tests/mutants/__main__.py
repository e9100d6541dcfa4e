"""Mutate the core, and see which mutants the tests let live. What was interrupted goes on."""

import argparse
import difflib
import hashlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.config import load_config
from cosmic_ray.modules import find_modules
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.tools.filters.operators_filter import main as filter_operators
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkResult

from infra.progress import Progress
from localcloud import venvs
from localcloud.home import LOCAL, ROOT
from tests.mutants.verdict import Tried, known_harmless, problems

HERE = Path(__file__).parent
CONFIG = HERE / "config.toml"
SESSIONS = LOCAL / "mutants"

OF_THE_SESSION = ("chalicelib/**/*", "tests/**/*", "infra/**/*.py", "*.toml", "*.txt")
NOT_OF_THE_SESSION = [
    HERE / name for name in ("__main__.py", "verdict.py", "test_verdict.py", "test_killer.py", "harmless.toml")
]
"""What decides whether a mutant survives, and what does not. After a change of the former a run begins anew."""


class Killer:
    """A process that runs the tests against one mutant at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [str(venvs.python(venvs.APP)), "-m", "tests.mutants.killer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # to be ended together with what it forks
        )
        assert self._process.stdin
        assert self._process.stdout
        self._stdin, self.stdout = self._process.stdin, self._process.stdout

    def begin(self, path: Path, code: str) -> None:
        print(json.dumps({"path": str(path), "code": code}), file=self._stdin, flush=True)

    def result(self, diff: str) -> WorkResult:
        """Wait for the outcome of the mutant that was begun."""
        answer = json.loads(self.stdout.readline())
        return WorkResult(
            WorkerOutcome.NORMAL,
            output=answer["output"],
            test_outcome=TestOutcome.SURVIVED if answer["survived"] else TestOutcome.KILLED,
            diff=diff,
        )

    def end(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


def digest() -> str:
    """Hash all that decides whether a mutant survives."""
    files = {path for pattern in OF_THE_SESSION for path in ROOT.glob(pattern) if path.is_file()}
    hashed = hashlib.sha256()
    for path in sorted(files.difference(NOT_OF_THE_SESSION)):
        if "__pycache__" not in path.parts:
            hashed.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return hashed.hexdigest()[:16]


@contextmanager
def session(name: str) -> Iterator[WorkDB]:
    """Open Cosmic Ray's session of that name, and make it first, in place of all others, if there is none."""
    SESSIONS.mkdir(parents=True, exist_ok=True)
    path, unfinished = SESSIONS / f"{name}.sqlite", SESSIONS / "unfinished"
    if not path.exists():
        for old in (unfinished, *SESSIONS.glob("*.sqlite")):
            old.unlink(missing_ok=True)
        with use_db(unfinished) as database:
            modules = [Path(module) for module in load_config(CONFIG)["module-path"]]
            init(find_modules(modules), database, {})
        filter_operators([str(unfinished), str(CONFIG)])
        with use_db(unfinished) as database:
            skip_flags_of_structs(database)
        unfinished.rename(path)
    with use_db(path) as database:
        yield database


def skip_flags_of_structs(database: WorkDB) -> None:
    """Leave out `frozen` and `kw_only`: they guard against code that nobody has written."""
    flags = [item.job_id for item in database.pending_work_items if line_of(item.mutations[0]).startswith("class ")]
    database.set_multiple_results(flags, WorkResult(WorkerOutcome.SKIPPED))


def line_of(mutation: MutationSpec) -> str:
    return mutation.module_path.read_text().splitlines()[mutation.start_pos[0] - 1]


def mutated(mutation: MutationSpec) -> tuple[str, str]:
    """Return the mutated module, and what is different."""
    operator = get_operator(mutation.operator_name)(**mutation.operator_args)
    path, before = str(mutation.module_path), mutation.module_path.read_text()
    after = mutate_code(before, operator, mutation.occurrence)
    assert after is not None, f"{mutation} changes nothing"
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), path, path, lineterm="")
    return after, "\n".join(lines)


def check_unmutated(killer: Killer) -> None:
    module = Path(load_config(CONFIG)["module-path"][0])
    killer.begin(module, module.read_text())
    result = killer.result("")
    if result.is_killed:
        sys.exit(f"{result.output}\n\nTHE TESTS FAIL WITHOUT ANY MUTATION. Nothing was mutated.")


def try_mutants(database: WorkDB, killers: list[Killer], most: int | None) -> None:
    """Try those that have no result yet, in random order: all, or the first few."""
    pending = database.pending_work_items
    left = iter(pending if most is None else pending[:most])
    survived = 0
    with selectors.DefaultSelector() as busy, Progress(len(pending[:most])) as progress:

        def go_on(killer: Killer) -> None:
            for item in islice(left, 1):
                (mutation,) = item.mutations
                code, diff = mutated(mutation)
                killer.begin(mutation.module_path, code)
                busy.register(killer.stdout, selectors.EVENT_READ, (killer, item.job_id, diff))

        for killer in killers:
            go_on(killer)
        while busy.get_map():
            for key, _ in busy.select():
                killer, job, diff = key.data
                result = killer.result(diff)
                database.set_result(job, result)
                survived += not result.is_killed
                progress.advance(f"mutants, {survived} survived")
                busy.unregister(killer.stdout)
                go_on(killer)


def tried(database: WorkDB) -> list[Tried]:
    return [
        Tried(str(item.mutations[0].module_path), result.diff, not result.is_killed)
        for item, result in database.completed_work_items
        if result.worker_outcome is not WorkerOutcome.SKIPPED
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("mutants", type=int, nargs="?", help="how many more to try, at random (all)")
    options = parser.parse_args()
    name = digest()
    with session(name) as database, ExitStack() as stack:
        killers = [Killer() for _ in range(os.cpu_count() or 1)]
        for killer in killers:
            stack.callback(killer.end)
        check_unmutated(killers[0])
        try_mutants(database, killers, options.mutants)
        mutants, left = tried(database), len(database.pending_work_items)
    if digest() != name:
        sys.exit("The code or its tests changed during the run, so that its results mean nothing. Run it again.")
    survivors = sum(mutant.survived for mutant in mutants)
    print(f"{len(mutants)} mutants tried, {left} left; {survivors} survived")
    found = list(problems(mutants, known_harmless((HERE / "harmless.toml").read_text()), complete=not left))
    for problem in found:
        print(f"\n{problem}")
    sys.exit(bool(found))


if __name__ == "__main__":
    os.chdir(ROOT)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # however it is stopped, the killers end with it
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; make mutants goes on from here")
