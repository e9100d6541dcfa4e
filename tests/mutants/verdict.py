"""What a mutation run comes to: the mutants that survived, against those that are known to do no harm. Pure."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Change(NamedTuple):
    """What a mutant changes: wherever the line moves to, it is the same mutant."""

    module: str
    line: str
    becomes: str

    def __str__(self) -> str:
        return f"{self.module}: {self.line}  ->  {self.becomes}"


@dataclass(frozen=True, slots=True)
class Tried:
    """A mutant that the tests ran against, as a unified diff of one module."""

    module: str
    diff: str
    survived: bool

    @property
    def change(self) -> Change:
        lines = [line for line in self.diff.splitlines() if not line.startswith(("---", "+++"))]
        return Change(self.module, *(_joined(lines, sign) for sign in "-+"))


class Harmless(NamedTuple):
    """Why some mutants do no harm: as many as there are equal lines of which this is true."""

    reason: str
    times: int


def known_harmless(toml: str) -> dict[Change, Harmless]:
    """Read the list of harmless mutants."""
    return {
        Change(entry["module"], entry["line"], entry["becomes"]): Harmless(entry["reason"], entry.get("times", 1))
        for entry in tomllib.loads(toml)["harmless"]
    }


def problems(tried: Iterable[Tried], harmless: Mapping[Change, Harmless], *, complete: bool) -> Iterator[str]:
    """Say what has to be looked at: survivors that are not known to be harmless, and an outdated list.

    Only a complete run can tell whether a harmless mutant is killed by now, or has gone with its line.
    """
    survivors = [mutant for mutant in tried if mutant.survived]
    survived = Counter(mutant.change for mutant in survivors)
    for mutant in survivors:
        known, times = harmless.get(mutant.change), survived[mutant.change]
        if known is None:
            yield f"It survived, and is not known to be harmless:\n{mutant.diff}"
        elif times > known.times:
            yield f"It survived {times} times, and is known to be harmless {known.times}:\n{mutant.diff}"
    for change, known in sorted(harmless.items()):
        times = survived[change]
        if complete and times < known.times:
            yield f"It is listed as harmless, and is killed now or gone ({times} of {known.times} left):\n{change}"


def _joined(diff: Iterable[str], sign: str) -> str:
    """Return one side of a diff in one line, with single blanks."""
    return " ".join(" ".join(line[1:] for line in diff if line.startswith(sign)).split())
