"""A stage goes back to what was deployed before, from a checkout whose deployments only write down what they got."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra import checkout, history, lock
from infra.errors import DeployError
from infra.places import Place
from infra.rollback import rollback, tell
from tests.git import git

DEPLOY = """
import pathlib, sys
packages = [path.name for path in pathlib.Path('.chalice/deployments').glob('*')]
words = pathlib.Path('app.py').read_text(), *sys.argv[1:], *packages, sys.executable
pathlib.Path({told!r}).write_text(' '.join(words))
sys.exit({status})
"""


class Checkout:
    """A project in git, whose `infra.deploy` writes down which app it deploys, with what."""

    def __init__(self, folder: Path, told: Path) -> None:
        self.folder, self.told = folder, told
        (folder / "infra").mkdir(parents=True)
        (folder / ".gitignore").write_text(".chalice/deployments/\n")
        (folder / "requirements.txt").write_text("")
        (folder / "requirements-deploy.txt").write_text("")
        git(self.folder, "init", "--quiet")

    def commit(self, app: str, *, status: int = 0) -> str:
        (self.folder / "app.py").write_text(app)
        (self.folder / "infra" / "deploy.py").write_text(DEPLOY.format(told=str(self.told), status=status))
        git(self.folder, "add", ".")
        git(self.folder, "commit", "--quiet", "--message", app)
        return git(self.folder, "rev-parse", "HEAD")

    def deployed(self) -> str:
        return self.told.read_text() if self.told.exists() else ""


@pytest.fixture
def project(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "project", tmp_path / "told")


@pytest.fixture
def place(environment: None) -> Iterator[Place]:  # noqa: ARG001 - it only has to be set
    with mock_aws():
        yield Place(boto3.Session(), "eu-west-1", "123456789012", "aws", "anne")


def deployed(place: Place, *commits: str | None, pipeline: str = "default") -> Any:
    ssm = place.client("ssm")
    for commit in commits:
        history.begin(ssm, "prod", commit, pipeline, "anne")
        history.finish(ssm, "prod")
    return ssm


def test_the_commit_before_is_deployed_by_its_own_code_with_its_own_pipeline(
    place: Place, project: Checkout, capfd: pytest.CaptureFixture[str]
) -> None:
    first, second = project.commit("first"), project.commit("second")
    deployed(place, first, pipeline="fancy")
    ssm = deployed(place, second)
    (project.folder / "app.py").write_text("work in progress")
    rollback(place, "prod", project.folder)
    assert project.deployed() == f"first deploy --stage prod --pipeline fancy {sys.executable}"
    past = history.read(ssm, "prod")
    assert [one.commit for one in past.complete] == [first]
    assert past.begun is None
    assert (project.folder / "app.py").read_text() == "work in progress"
    assert git(project.folder, "worktree", "list").count("\n") == 0, "the temporary one is gone"
    assert "make reprocess STAGE=prod" in capfd.readouterr().out
    with pytest.raises(DeployError, match="no deployment before this one"):
        rollback(place, "prod", project.folder)


def test_packages_that_were_built_already_are_taken_along(place: Place, project: Checkout) -> None:
    deployed(place, project.commit("first"), project.commit("second"))
    packages = project.folder / ".chalice" / "deployments"
    packages.mkdir(parents=True)
    (packages / "layer.zip").write_bytes(b"")
    rollback(place, "prod", project.folder)
    assert project.deployed() == f"first deploy --stage prod --pipeline default layer.zip {sys.executable}"


def test_a_rollback_that_breaks_off_is_repeated(place: Place, project: Checkout) -> None:
    oldest, first, second = project.commit("oldest"), project.commit("first", status=1), project.commit("second")
    ssm = deployed(place, oldest, first, second)
    for _ in range(2):
        with pytest.raises(DeployError, match=f"the deployment of {first} failed"):
            rollback(place, "prod", project.folder)
        assert project.deployed().startswith("first deploy")
        project.told.unlink()
    assert [one.commit for one in history.read(ssm, "prod").complete] == [oldest, first]


@pytest.mark.parametrize(
    ("commit", "told"),
    [
        ("0" * 40, "is not in this clone; git fetch it first"),
        ("{first}+changes", "had changes that were not committed"),
        (None, "was no git checkout"),
    ],
)
def test_what_cannot_be_had_again_is_told_and_nothing_changes(
    place: Place, project: Checkout, commit: str | None, told: str
) -> None:
    first, second = project.commit("first"), project.commit("second")
    ssm = deployed(place, commit and commit.format(first=first), second)
    before = history.read(ssm, "prod")
    with pytest.raises(DeployError, match=told):
        rollback(place, "prod", project.folder)
    assert history.read(ssm, "prod") == before
    assert project.deployed() == ""


def test_it_waits_for_nobody_who_deploys(place: Place, project: Checkout) -> None:
    ssm = deployed(place, project.commit("first"), project.commit("second"))
    with lock.held(ssm, "prod", "ben"), pytest.raises(DeployError, match=r"ben on .*has been working on it"):
        rollback(place, "prod", project.folder)
    assert project.deployed() == ""


def test_a_commit_that_is_deployed_with_other_packages_gets_an_environment_of_its_own(
    place: Place, project: Checkout
) -> None:
    makefile = "deploy-tools:\n\tmkdir -p .local/venv/bin && ln -s $(PYTHON) .local/venv/bin/python\n"
    (project.folder / "Makefile").write_text(makefile)
    first = project.commit("first")
    (project.folder / "requirements-deploy.txt").write_text("chalice==2.0")
    deployed(place, first, project.commit("second"))
    rollback(place, "prod", project.folder)
    assert project.deployed().endswith("/checkout/.local/venv/bin/python")


def test_what_was_deployed_is_listed(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    ssm = deployed(place, "a", "b+changes", None)
    history.begin(ssm, "prod", "c", "fancy", "ben")
    tell(history.read(ssm, "prod"))
    lines = capsys.readouterr().out.splitlines()
    told = [line.partition(" UTC  ")[2].partition("  ")[0] for line in lines]
    assert told == ["a", "b+changes", "no commit", "c"]
    assert lines[-1].endswith("c  pipeline fancy  by ben  (broke off, or is under way)")


def test_a_checkout_is_known_by_its_commit_and_by_what_was_not_committed(
    project: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    first = project.commit("first")
    (project.folder / "notes.txt").write_text("nothing that is deployed")
    assert checkout.commit(project.folder) == first
    assert capsys.readouterr().out == ""
    for path in ("app.py", "chalicelib/mine/new.toml", ".chalice/config.json"):
        (project.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (project.folder / path).write_text("changed")
        assert checkout.commit(project.folder) == f"{first}+changes"
        assert path.split("/")[0] in capsys.readouterr().out
        git(project.folder, "stash", "--include-untracked", "--quiet")


def test_a_copy_that_git_ignores_or_does_not_know_is_no_checkout(
    project: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project.commit("first")
    copy = project.folder / ".chalice" / "deployments" / "app"
    copy.mkdir(parents=True)
    (copy / "app.py").write_text("first")
    assert checkout.commit(copy) is None
    assert capsys.readouterr().out == "", "the local cloud's copy is none on purpose"
    (tmp_path / "elsewhere").mkdir()
    assert checkout.commit(tmp_path / "elsewhere") is None
    assert "nobody can roll back to this deployment: git " in capsys.readouterr().out


def test_a_project_in_a_folder_of_its_repository_is_lent_in_that_folder(project: Checkout) -> None:
    inner = project.folder / "services" / "halftone"
    inner.mkdir(parents=True)
    (inner / "app.py").write_text("inner")
    commit = project.commit("outer")
    with checkout.at(inner, commit) as tree:
        assert (tree / "app.py").read_text() == "inner"
