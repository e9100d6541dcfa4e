"""Chalice's part of a deployment: what it is configured with, what it remembers, and the command itself."""

import json
import subprocess
import sys
from pathlib import Path

from infra.errors import DeployError
from infra.stage import Json, text


def config(project: Path) -> Json:
    found: Json = json.loads((project / ".chalice" / "config.json").read_text())
    return found


def configure(project: Path, configured: Json) -> None:
    (project / ".chalice" / "config.json").write_text(text(configured))


def remember(project: Path, stage: str, deployed: Json) -> None:
    """Have Chalice know what there is of the stage. Its own file may be of another time, or of another clone."""
    path = memory(project, stage)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(deployed))


def memory(project: Path, stage: str) -> Path:
    return project / ".chalice" / "deployed" / f"{stage}.json"


def packaged(project: Path, pipeline: str) -> str:
    """Return a pipeline's name, or the path of its file, which has to be among what Chalice packages."""
    if not pipeline.endswith(".toml"):
        return pipeline
    path = project / pipeline
    if Path(pipeline).is_absolute() or not path.resolve().is_relative_to((project / "chalicelib").resolve()):
        raise DeployError(f"pipeline {pipeline}: expected a path under chalicelib/; nothing else is packaged")
    return str(path)


def deploy(project: Path, stage: str) -> None:
    """Run Chalice as its own command, and take for an error what it only mentions: a dependency without a wheel."""
    command = [str(Path(sys.executable).with_name("chalice")), "deploy", "--stage", stage]
    print(f"chalice deploy --stage {stage}", flush=True)
    said = []
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            print(f"  {line}", end="", flush=True)
    if process.returncode != 0:
        raise DeployError("chalice deploy failed, see above; once that is mended, the same command goes on from here")
    if any("Could not install dependencies" in line for line in said):
        raise DeployError("chalice found no wheel for a dependency, see above; it would be missing in Lambda")
