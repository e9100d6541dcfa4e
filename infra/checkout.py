"""The project as a git checkout: what commit it is at, and another commit of it in a folder of its own."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.errors import DeployError
from infra.history import CHANGES

DEPLOYED = ("app.py", "chalicelib", "vendor", "infra", ".chalice", "requirements*.txt")
"""What decides on a deployment, and so has to be committed if somebody is to come back to it."""


def commit(project: Path) -> str | None:
    """Return the commit that the project is at, marked if it has changes; None if it is no checkout.

    A copy of the project that git ignores, such as that of the local cloud, is none.
    """
    try:
        if not _git(project, "ls-files", "app.py"):
            return None
        head, changed = _git(project, "rev-parse", "HEAD"), _git(project, "status", "--short", "--", *DEPLOYED)
    except DeployError as error:
        print(f"note: nobody can roll back to this deployment: {error}", flush=True)
        return None
    if changed:
        print(f"note: nobody can roll back to this deployment, with changes not committed:\n{changed}", flush=True)
    return head + CHANGES * bool(changed)


def has(project: Path, commit: str) -> bool:
    """Tell whether this clone has a commit."""
    return _run(project, "cat-file", "-e", f"{commit}^{{commit}}").returncode == 0


def is_alike(project: Path, commit: str, *paths: str) -> bool:
    """Tell whether files are the same here as in a commit."""
    return _run(project, "diff", "--quiet", commit, "--", *paths).returncode == 0


@contextmanager
def at(project: Path, commit: str) -> Iterator[Path]:
    """Lend the project as it was at a commit, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="halftone-") as folder:
        tree = Path(folder) / "checkout"
        _git(project, "worktree", "add", "--detach", "--quiet", str(tree), commit)
        try:
            yield tree / _git(project, "rev-parse", "--show-prefix")
        finally:
            _git(project, "worktree", "remove", "--force", str(tree))


def _git(project: Path, *arguments: str) -> str:
    done = _run(project, *arguments)
    if done.returncode:
        raise DeployError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.rstrip()


def _run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise DeployError("git is not installed") from None
