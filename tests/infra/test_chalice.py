import sys
from pathlib import Path

import pytest

from infra import chalice
from infra.errors import DeployError


def test_a_pipeline_of_ones_own_is_among_what_is_packaged(tmp_path: Path) -> None:
    assert chalice.packaged(tmp_path, "thumbnails") == "thumbnails"
    assert chalice.packaged(tmp_path, "chalicelib/mine/a.toml") == str(tmp_path / "chalicelib/mine/a.toml")
    for elsewhere in ("mine.toml", "vendor/a.toml", "chalicelib/../a.toml", str(tmp_path / "chalicelib/a.toml")):
        with pytest.raises(DeployError, match="expected a path under chalicelib/"):
            chalice.packaged(tmp_path, elsewhere)


def test_a_dependency_that_chalice_only_mentions_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "bin" / "chalice"
    command.parent.mkdir()
    command.write_text("#!/bin/sh\necho 'Could not install dependencies:'\necho 'Pillow==13.0.0'\n")
    command.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(command.with_name("python")))
    with pytest.raises(DeployError, match="no wheel"):
        chalice.deploy(tmp_path, "any")
