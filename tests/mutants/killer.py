"""Run the tests against mutants: each is a line of JSON on stdin, and its outcome one on stdout.

Each mutant is tried in a process forked from this one, which has the libraries loaded already. No file is changed: the
mutated module is imported from memory.
"""

import json
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import aws_lambda_powertools  # noqa: F401 - loaded here, and not once a mutant; likewise those below
import boto3  # noqa: F401
import greenlet  # noqa: F401
import hypothesis
import moto  # noqa: F401
import msgspec  # noqa: F401
import PIL.Image  # noqa: F401
import pytest

from localcloud.home import LOCAL

TESTS = ("tests/usecases", "tests/histories/test_races.py", "tests/histories/test_histories.py")

FIRST = (
    "tests/usecases/test_decide.py",
    "tests/usecases/test_transitions.py",
    "tests/usecases/test_entry.py",
    "tests/histories/test_races.py",
)
"""They take half a second together, and kill the most."""

SOME_HISTORIES = tuple(
    f"tests/histories/test_histories.py::test_every_history_ends_well[{kind}-0]"
    for kind in ("faults", "calm", "shared")
)

CPU_SECONDS, SECONDS = 10, 300
"""What one test may take; the slowest takes two. A mutant may well run, or wait, for ever."""

MEMORY = 4 * 2**30

OUTPUT = 2000  # characters of what pytest says that are kept


class Mutated(MetaPathFinder, Loader):
    """Has one module imported from the code given here."""

    def __init__(self, path: str, code: str) -> None:
        self._path = path
        self._code = code

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        name = self._path.removesuffix(".py").replace("/", ".")
        return spec_from_loader(fullname, self) if fullname == name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._code, self._path, "exec"), module.__dict__)


class Order:
    """The order of the tests, so that most mutants are killed soon, and the end of those that hang."""

    def __init__(self, path: str) -> None:
        own = f"tests/usecases/test_{Path(path).name}"
        self._first = (*FIRST, *SOME_HISTORIES, own, "tests/usecases")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=self._rank)

    def pytest_runtest_logstart(self) -> None:
        limit_time()

    def _rank(self, item: pytest.Item) -> int:
        ranks = (rank for rank, start in enumerate(self._first) if item.nodeid.startswith(start))
        return next(ranks, len(self._first))


def limit_time() -> None:
    """Have this process killed if it does not call this again in time."""
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)


def run_tests(path: str, code: str, log: IO[str]) -> None:
    """Run the tests against the mutant in this process, and end it with pytest's exit code."""
    for stream in (1, 2):
        os.dup2(log.fileno(), stream)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    limit_time()
    sys.meta_path.insert(0, Mutated(path, code))
    options = ("-x", "-q", "--no-header", "--tb=line", "--disable-plugin-autoload")
    sys.exit(pytest.main([*options, *TESTS], plugins=[Order(path)]))


def outcome(mutant: dict[str, str]) -> dict[str, Any]:
    """Say whether a mutant survives, and what pytest said."""
    with tempfile.TemporaryFile("w+") as log:
        process = multiprocessing.get_context("fork").Process(
            target=run_tests, args=(mutant["path"], mutant["code"], log)
        )
        process.start()
        process.join()
        log.seek(0)
        end = f"\nended with {process.exitcode}"
        return {"survived": process.exitcode == 0, "output": log.read()[-OUTPUT:] + end}


def main() -> None:
    sys.pycache_prefix, sys.dont_write_bytecode = str(LOCAL / "mutants" / "pycache"), False
    hypothesis.settings.register_profile("mutants", derandomize=True, deadline=None, database=None)
    hypothesis.settings.load_profile("mutants")
    for line in sys.stdin:
        print(json.dumps(outcome(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
