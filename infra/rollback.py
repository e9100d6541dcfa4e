"""`python -m infra.rollback --stage X`: deploy once more what was deployed before, as it was then.

The code, the settings and the deployment itself are those of that commit, in a temporary checkout.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from infra import checkout, history, lock, places
from infra.errors import DeployError
from infra.history import CHANGES, Deployment, History
from infra.places import Place

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = Path(".chalice", "deployments")
REQUIREMENTS = ("requirements.txt", "requirements-deploy.txt")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.rollback", description=__doc__)
    parser.add_argument("--stage", required=True, help="of which stage: dev, prod, ...")
    parser.add_argument("--list", action="store_true", help="say what was deployed, and change nothing")
    options = parser.parse_args()
    try:
        place = places.here()
        if options.list:
            tell(history.read(place.client("ssm"), options.stage))
        else:
            rollback(place, options.stage, ROOT)
    except (DeployError, ClientError, BotoCoreError) as error:
        sys.exit(f"rollback of stage {options.stage}: {error}")


def tell(past: History) -> None:
    for deployment in past.complete:
        print(deployment)
    if past.begun:
        print(f"{past.begun}  (broke off, or is under way)")


def rollback(place: Place, stage: str, project: Path) -> None:
    """Deploy what was deployed before; raises DeployError before anything is changed if that cannot be.

    The lock is held to say where the stage goes, and then by the deployment. A rollback that breaks off is repeated by
    the next one.
    """
    ssm = place.client("ssm")
    with lock.held(ssm, stage, place.caller):
        past = history.read(ssm, stage)
        left = past.back()
        target = left.complete[-1]
        commit = _commit(project, target)
        history.write(ssm, stage, left)
    print(f"stage {stage} on {place}\n  from {past.begun or past.complete[-1]}\n  to   {target}", flush=True)
    with checkout.at(project, commit) as tree:
        if (project / PACKAGES).is_dir():  # named by a hash of what is in them, so those that fit are taken
            shutil.copytree(project / PACKAGES, tree / PACKAGES, dirs_exist_ok=True)
        command = [_python(project, tree, commit), "-m", "infra.deploy", "deploy", "--stage", stage]
        done = subprocess.run([*command, "--pipeline", target.pipeline], cwd=tree, check=False)
    if done.returncode:
        raise DeployError(f"the deployment of {commit} failed, see above; the same command goes on from here")
    history.finish(ssm, stage)  # a commit from before there were rollbacks has not written it down
    print(
        f"stage {stage} is back at {commit}\n"
        f"Records and pictures are as they were. If the pipelines or limits differ: make reprocess STAGE={stage}"
    )


def _commit(project: Path, target: Deployment) -> str:
    """Return the commit to go back to. Raises DeployError unless it can be had."""
    by_hand = "to deploy another commit: check it out, and make deploy"
    if target.commit is None:
        raise DeployError(f"what was deployed before was no git checkout; {by_hand}\n  {target}")
    if target.commit.endswith(CHANGES):
        raise DeployError(f"what was deployed before had changes that were not committed; {by_hand}\n  {target}")
    if not checkout.has(project, target.commit):
        raise DeployError(f"commit {target.commit} is not in this clone; git fetch it first\n  {target}")
    return target.commit


def _python(project: Path, tree: Path, commit: str) -> str:
    """Return an interpreter that has what the commit is deployed with: this one, if it wants the same packages."""
    if checkout.is_alike(project, commit, *REQUIREMENTS):
        return sys.executable
    if subprocess.run(["make", "deploy-tools", f"PYTHON={sys.executable}"], cwd=tree, check=False).returncode:
        raise DeployError(f"the packages that {commit} is deployed with cannot be installed, see above")
    return str(tree / ".local" / "venv" / "bin" / "python")


if __name__ == "__main__":
    main()
