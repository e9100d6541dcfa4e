"""What is refused before anything is built. Templates that come out are in test_packaged.py."""

import json
from pathlib import Path

import pytest

from infra.deployment import Wishes
from infra.errors import DeployError
from infra.package import package


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps({"app_name": "halftone"}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("stage", "wishes", "message"),
    [
        ("Prod", Wishes(), "expected a stage's name of lower-case letters"),
        ("p" * 18, Wishes(), "expected a stage's name of 17 characters at most"),
        (
            "prod",
            Wishes(buckets={"source": "my-photos"}),
            "SOURCE_BUCKET: my-photos exists already, .* to attach a stage to it: make deploy",
        ),
        ("prod", Wishes(pipeline="metadata_sized", buckets={"dest": "mine"}), "DEST_BUCKET: mine exists already"),
    ],
)
def test_what_cannot_be_a_template_is_refused(project: Path, stage: str, wishes: Wishes, message: str) -> None:
    with pytest.raises(DeployError, match=message):
        package(stage, project, wishes, project / "out")
    assert not (project / "out").exists()


def test_a_bucket_that_a_deployment_has_written_into_the_settings_counts_too(project: Path) -> None:
    variables = {"SOURCE_BUCKET": "my-photos"}
    config = {"app_name": "halftone", "stages": {"prod": {"environment_variables": variables}}}
    (project / ".chalice" / "config.json").write_text(json.dumps(config))
    with pytest.raises(DeployError, match="SOURCE_BUCKET: my-photos exists already"):
        package("prod", project, Wishes(), project / "out")
