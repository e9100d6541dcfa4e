"""A progress bar on stderr, silent where stderr is no terminal."""

import shutil
import sys
from types import TracebackType
from typing import Self

WIDTH = 30


class Progress:
    """A bar that stands at `done` of `total`; both may change, and it is wiped away at the end."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._write("")

    def advance(self, label: str) -> None:
        """Count one more; where more come than were expected, the bar grows."""
        self.stand_at(self._done + 1, label)

    def stand_at(self, done: int, label: str) -> None:
        self._done = done
        self._total = max(self._total, done, 1)
        filled = WIDTH * done // self._total
        self._write(f"[{'#' * filled}{'.' * (WIDTH - filled)}] {done:,} of {self._total:,} {label}")

    def _write(self, line: str) -> None:
        if sys.stderr.isatty():
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{line[:width]}", end="", file=sys.stderr, flush=True)
