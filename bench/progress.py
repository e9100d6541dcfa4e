"""A progress bar on stderr, silent where stderr is no terminal."""

import shutil
import sys

WIDTH = 30


class Progress:
    """Counts steps up to `total`; each step draws the bar anew with its label."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0

    def advance(self, label: str) -> None:
        self._done += 1
        if sys.stderr.isatty():
            print(f"\r\x1b[K{self._bar(label)}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _bar(self, label: str) -> str:
        filled = WIDTH * self._done // self._total
        line = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {self._done}/{self._total} {label}"
        return line[: shutil.get_terminal_size().columns - 1]
