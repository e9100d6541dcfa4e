"""A stage as a package."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from samtranslator.translator.transform import transform

from infra.package import TEMPLATE
from localcloud import cloud as clouds
from localcloud import venvs
from localcloud.home import ROOT, Home
from tests.cloud import Deployed

STAGE, ARTEFACTS = "gone", "artefacts"

Package = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def project(deployed: Deployed, home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the project that is deployed, with its layer, and give the stage the settings that that one has."""
    assert deployed.api
    project = tmp_path_factory.mktemp("project") / "app"
    shutil.copytree(home.app, project, ignore=shutil.ignore_patterns("deployed"))
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"][STAGE] = {"environment_variables": {"EVENT_BUS": "default"}}
    path.write_text(json.dumps(config))
    return project


@pytest.fixture(scope="session")
def package(project: Path) -> Package:
    """Return what packages the project, without any access to AWS."""

    def run_it(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(venvs.python(venvs.APP)), "-m", "infra.package", "--stage", STAGE, "--out", str(out), *arguments],
            cwd=project,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    return run_it


@pytest.fixture(scope="session")
def packaged(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packaged")
    done = package(folder)
    assert done.returncode == 0, done.stdout
    return folder


def uploaded(folder: Path) -> Any:
    """Return the template with the zips where `aws cloudformation package` puts them."""
    template = json.loads((folder / TEMPLATE).read_text())
    for resource in template["Resources"].values():
        for part in ("CodeUri", "ContentUri"):
            if zipped := resource["Properties"].get(part):
                assert (folder / zipped).exists()
                resource["Properties"][part] = f"s3://{ARTEFACTS}/{zipped}"
    return template


@pytest.fixture(scope="session")
def translated(packaged: Path) -> dict[str, Any]:
    """Return the template as SAM makes it, without a transform."""
    no_managed_policies: Any = SimpleNamespace(load=dict)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_DEFAULT_REGION", clouds.REGION)
        return transform(uploaded(packaged), {}, no_managed_policies)
