"""New code with a renamed variant is deployed while uploads go on, and rolled back."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random

import pytest

from chalicelib.aws import catalogue
from chalicelib.model.completion import Completion
from chalicelib.model.pipeline import Pipeline
from chalicelib.pipelines import loading
from infra import chalice
from localcloud import chaos, project, venvs
from localcloud import cloud as clouds
from localcloud.home import ROOT, Home
from localcloud.invariant import violations
from localcloud.stage import PAUSE, Stage
from tests.cloud import Client, Deployed, eventually, make_queue
from tests.conftest import picture
from tests.git import git

pytestmark = pytest.mark.e2e

STAGE = "upgrade"
ON_UPLOAD = f"halftone-{STAGE}-on_upload"
PIPELINE = Path("chalicelib", "pipelines", "mine.toml")
VARIANTS = "[variants.thumbnail]\nwidth = 100\n[variants.{name}]\nwidth = 200\n"
OLD, NEW = "old_name", "new_name"
SLOW = {"s3:PutObject": 1000.0}  # milliseconds: so that images are being worked on whenever something changes


class Project:
    """A git checkout of what is deployed, and the commands of its Makefile."""

    def __init__(self, folder: Path, home: Home, client: Client) -> None:
        self.folder, self._lambda = folder, client.of("lambda")
        self._environment = clouds.client_environment(home, client.cloud)
        project.copy_sources(ROOT, folder)
        shutil.copytree(ROOT / "infra", folder / "infra", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(home.app / ".chalice" / "deployments", folder / ".chalice" / "deployments")
        for name in (".gitignore", "requirements-deploy.txt"):
            shutil.copy(ROOT / name, folder)
        git(self.folder, "init", "--quiet")

    def commit(self, name: str) -> Pipeline:
        """Change a module and the name of a variant; return the pipeline."""
        with (self.folder / "chalicelib" / "identity.py").open("a") as module:
            module.write(f"{name} = True\n")
        (self.folder / PIPELINE).write_text(VARIANTS.format(name=name))
        git(self.folder, "add", ".")
        git(self.folder, "commit", "--quiet", "--message", name)
        return loading.load(str(self.folder / PIPELINE))

    def start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(venvs.python(venvs.APP)), "-m", module, *arguments, "--stage", STAGE],
            cwd=self.folder,
            env=self._environment,
        )

    def do(self, module: str, *arguments: str) -> None:
        assert self.start(module, *arguments).wait() == 0

    def code(self) -> str:
        """Return the hash of the code of on_upload."""
        found: str = self._lambda.get_function_configuration(FunctionName=ON_UPLOAD)["CodeSha256"]
        return found


@pytest.fixture
def checkout(tmp_path: Path, home: Home, client: Client, deployed: Deployed) -> Project:
    assert deployed.api, "so the packages are built"
    return Project(tmp_path / "checkout", home, client)


@pytest.fixture
def stage_of(home: Home, client: Client, deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stage]:
    """Look at the stage that a project has deployed."""

    def look(checkout: Project) -> Stage:
        exports = client.cloud.exports()
        for name, value in exports.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(catalogue, "client", cache(client.of))
        variables = chalice.config(checkout.folder)["stages"][STAGE]["environment_variables"]
        for bucket in (variables["SOURCE_BUCKET"], variables["DEST_BUCKET"]):
            client.of("s3").delete_bucket_policy(Bucket=bucket)  # it wants TLS, which the local cloud does not speak
        for queue in ("play-completions", "play-events"):
            make_queue(deployed.sqs, queue)  # with a policy
        own = {"PIPELINE": str(checkout.folder / PIPELINE), "TMPDIR": str(home.scratch)}
        return Stage({**exports, **variables, **own})

    return look


@contextmanager
def people(stage: Stage, played: chaos.Played) -> Iterator[None]:
    """Have people upload, overwrite and delete meanwhile, so that there is always something to do."""
    random = Random(13)
    pictures = chaos.photos(random)

    def act() -> None:
        if stage.under_way() < chaos.CROWD:
            chaos.act(stage, random, played, pictures, events=())

    with chaos.meanwhile(act, lambda: PAUSE):
        yield


def names(completion: Completion) -> set[str]:
    return {variant.name for variant in completion.variants}


def failed(deployed: Deployed) -> list[str]:
    queue = deployed.sqs.get_queue_url(QueueName=f"halftone-{STAGE}-failed")["QueueUrl"]
    found = deployed.sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0, MaxNumberOfMessages=10)
    return [message["Body"] for message in found.get("Messages", [])]


def upgrade(checkout: Project) -> float:
    """Deploy, and return when on_upload had its new code."""
    before, deployment = checkout.code(), checkout.start("infra.deploy", "deploy")
    while checkout.code() == before and deployment.poll() is None:
        time.sleep(PAUSE / 2)
    since = time.time()
    assert deployment.wait() == 0
    assert checkout.code() != before
    return since


def test_an_upgrade_and_a_rollback_lose_nothing_while_uploads_go_on(
    checkout: Project, stage_of: Callable[..., Stage], deployed: Deployed
) -> None:
    old = checkout.commit(OLD)
    checkout.do("infra.deploy", "deploy", "--pipeline", str(PIPELINE), "--no-canary")
    code, stage, played = checkout.code(), stage_of(checkout), chaos.Played()
    stage.s3.put_object(Bucket=stage.source, Key="untouched.jpg", Body=picture())
    stage.wait(SLOW)
    with people(stage, played):
        said = eventually(stage.completions)
        new = checkout.commit(NEW)
        since = upgrade(checkout)
        stage.wait({})
        time.sleep(1)  # in which all work on the new code
        assert (stage.dest, f"{OLD}/untouched.jpg") in stage.variants()
        checkout.do("infra.reprocess")
    played.keys.add("untouched.jpg")
    stage.rest(lambda _: None)
    said += stage.completions()

    on_old_code = [one for one in said if OLD in names(one)]
    assert any(one.occurred_at.timestamp() > since for one in on_old_code), "calls in flight finish"
    assert_all_is_well(stage, new, played, said, former=old, deployed=deployed)

    checkout.do("infra.rollback")
    assert checkout.code() == code
    checkout.do("infra.reprocess")
    stage.rest(lambda _: None)
    said += stage.completions()
    assert_all_is_well(stage, old, played, said, former=new, deployed=deployed)


def assert_all_is_well(
    stage: Stage,
    pipeline: Pipeline,
    played: chaos.Played,
    said: list[Completion],
    *,
    former: Pipeline,
    deployed: Deployed,
) -> None:
    """See every upload have its record and its completion, and nothing but variants of the pipeline."""
    stage.pipeline = pipeline
    assert list(violations(stage, sorted(played.keys), said, former=[former])) == []
    assert stage.unfinished() == []
    assert failed(deployed) == []
    variants = {key.partition("/")[0] for _, key in stage.variants()}
    assert variants == {spec.name for spec in pipeline.variants}
