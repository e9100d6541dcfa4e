"""The virtual environments under `.local`: made once, made again when Python or the requirements change."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.home import LOCAL, ROOT, LocalCloudError

APP = LOCAL / "venv"  # the app, Chalice, and with `make test` the tools
CLOUD = LOCAL / "ministack"  # the local cloud and what Lambda's runtime brings, nothing of the app's
BENCH = LOCAL / "venv-bench"  # the app's libraries and the engines they are compared with
MUTANTS = LOCAL / "venv-mutants"  # the mutation tester, which runs none of our tests itself

APP_REQUIREMENTS = ROOT / "requirements-deploy.txt"
DEV_REQUIREMENTS = ROOT / "requirements-dev.txt"
BENCH_REQUIREMENTS = (ROOT / "requirements.txt", ROOT / "bench" / "requirements.txt")
MUTANTS_REQUIREMENTS = ROOT / "tests" / "mutants" / "requirements.txt"
CLOUD_REQUIREMENTS = Path(__file__).with_name("requirements.txt")

TAIL = 15  # lines of pip's output that are shown when it fails


def python(venv: Path) -> Path:
    return venv / "bin" / "python"


def ensure(venv: Path, *requirements: Path) -> bool:
    """Make `venv` hold `requirements` on the Python that runs this; False when it did already.

    A stamp in the environment says what it was made with. Another Python means a new environment; other requirements
    are added to the one that is there. Processes that want the same environment wait for one another.
    """
    with _alone(venv):
        return _ensure(venv, requirements)


@contextmanager
def _alone(venv: Path) -> Iterator[None]:
    venv.parent.mkdir(parents=True, exist_ok=True)
    with venv.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _ensure(venv: Path, requirements: tuple[Path, ...]) -> bool:
    base, stamps = f"{sys.version} {sys.base_prefix}", venv / ".stamps"
    wanted = {path: f"{_digest(path)} {path}" for path in requirements}
    made = stamps.read_text().splitlines() if stamps.exists() else []
    if made[:1] != [base.replace("\n", " ")]:
        made = [base.replace("\n", " ")]
        _create(venv)
    missing = [path for path in requirements if wanted[path] not in made]
    if not missing:
        return False
    arguments = [argument for path in missing for argument in ("-r", str(path))]
    _run(
        [str(python(venv)), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", *arguments],
        f"pip could not install {' and '.join(str(path) for path in missing)}",
    )
    kept = [line for line in made[1:] if Path(line.split(maxsplit=1)[1]) not in wanted]
    stamps.write_text("\n".join([made[0], *kept, *wanted.values()]) + "\n")
    return True


def _create(venv: Path) -> None:
    shutil.rmtree(venv, ignore_errors=True)
    _run(
        [sys.executable, "-m", "venv", str(venv)],
        f"{sys.executable} cannot make virtual environments (on Debian and Ubuntu: apt install python3-venv)",
    )


def _run(command: list[str], failure: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-TAIL:])
        raise LocalCloudError(f"{failure}:\n{tail}")


def _digest(requirements: Path) -> str:
    """Hash a requirements file together with the files it includes."""
    text = requirements.read_text()
    included = [line.split(maxsplit=1)[1] for line in text.splitlines() if line.startswith("-r ")]
    parts = [text, *(_digest(requirements.parent / name) for name in included)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
