"""The app on the local cloud: a staged copy of it, deployed the way a stage on AWS is."""

import hashlib
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from localcloud import cloud as clouds
from localcloud import venvs
from localcloud.home import ROOT, STAGE, Home, LocalCloudError

STAGED = ("app.py", "requirements.txt", "chalicelib", "vendor", ".chalice/config.json")
DEPLOYMENT = tuple(path for path in (ROOT / "infra").iterdir() if path.is_file())


def deploy(home: Home, cloud: clouds.Cloud, pipeline: str | None) -> bool:
    """Deploy the checkout as it is now; False when the cloud already has exactly this."""
    _stage(home.app)
    fingerprint = _fingerprint(home.app, pipeline)
    if home.deployed.exists() and home.deployed.read_text() == fingerprint:
        return False
    chosen = ["--pipeline", pipeline] if pipeline else []
    command = [str(venvs.python(venvs.APP)), "-m", "infra.deploy", "deploy", "--stage", STAGE, "--project"]
    done = subprocess.run(
        [*command, str(home.app), *chosen], cwd=ROOT, env=clouds.client_environment(home, cloud), check=False
    )
    if done.returncode != 0:
        raise LocalCloudError(f"the deployment failed, see above; what the cloud says is in {home.log}")
    home.env.write_text(
        "".join(f"export {name}={shlex.quote(value)}\n" for name, value in exports(home, cloud).items())
    )
    home.deployed.write_text(fingerprint)
    return True


def is_deployed(home: Home) -> bool:
    return _deployed(home).exists()


def variables(home: Home) -> dict[str, str]:
    """Return the environment variables of the deployed stage."""
    found: dict[str, str] = _config(home)["stages"][STAGE]["environment_variables"]
    return found


def exports(home: Home, cloud: clouds.Cloud) -> dict[str, str]:
    """Return all that a client of the deployed app needs, as environment variables."""
    resources = json.loads(_deployed(home).read_text())["resources"]
    stage = variables(home)
    api = next(resource["rest_api_id"] for resource in resources if resource["resource_type"] == "rest_api")
    names = ("SOURCE_BUCKET", "DEST_BUCKET", "IMAGES_TABLE", "COMPLETIONS_TOPIC_ARN", "WORKFLOW_ARN", "CHAIN_ARN")
    return {
        **cloud.exports(),
        **{name: stage[name] for name in names},
        "API_URL": f"{cloud.url}/restapis/{api}/{_config(home)['api_gateway_stage']}/_user_request_",
    }


def _config(home: Home) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((home.app / ".chalice" / "config.json").read_text())
    return config


def _deployed(home: Home) -> Path:
    return home.app / ".chalice" / "deployed" / f"{STAGE}.json"


def _stage(app: Path) -> None:
    """Make `app` a copy of what ships; what Chalice remembers of earlier deployments stays."""
    for name in STAGED:
        source, target = ROOT / name, app / name
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def _fingerprint(app: Path, pipeline: str | None) -> str:
    digest = hashlib.sha256(f"{sys.version}\0{pipeline}".encode())
    staged = [path for name in STAGED for path in (app / name, *(app / name).rglob("*")) if path.is_file()]
    for path in sorted([*staged, *DEPLOYMENT]):
        digest.update(f"\0{path}\0".encode() + path.read_bytes())
    return digest.hexdigest()
