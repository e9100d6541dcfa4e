"""Fresh clones of this checkout, each of which knows of a stage only what was committed."""

import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from infra import chalice
from infra.errors import DeployError

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = Path(".chalice") / "deployments"


def fresh(folder: Path) -> Path:
    """Copy what a commit of this checkout would hold, and packages that are built; raises DeployError without git.

    Packages are called by a hash of what goes in, so that they save time and tell nothing of a stage.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        raise DeployError(f"expected a checkout of git, and {ROOT} is none: {listed.stderr.strip()}")
    clone = folder / secrets.token_hex(4)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():  # it may be deleted and not yet committed
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    if (ROOT / PACKAGES).is_dir():
        shutil.copytree(ROOT / PACKAGES, clone / PACKAGES)
    return clone


def commit(clone: Path, other: Path) -> None:
    """Give another clone what is committed after a deployment: the settings of the stages."""
    chalice.configure(other, chalice.config(clone))


def run(clone: Path, command: str, stage: str, *options: str) -> str:
    """Deploy or destroy the stage from a clone, show what that says, and return it; raises DeployError."""
    said = []
    arguments = [sys.executable, "-u", "-m", "infra.deploy", command, "--stage", stage, *options]
    with subprocess.Popen(
        arguments, cwd=clone, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            print(f"    | {line}", end="", flush=True)
    if process.returncode != 0:
        raise DeployError(f"expected {command} to end with status 0, got {process.returncode}; see above")
    return "".join(said)


def api_url(said: str) -> str:
    """Return the URL that Chalice has printed for the API."""
    found = re.search(r"Rest API URL: (\S+)", said)
    if found is None:
        raise DeployError("expected chalice deploy to print the URL of the API")
    return found[1].rstrip("/")
