"""The cloud's process, and what is said when it cannot run."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud import cloud as clouds
from localcloud import venvs
from localcloud.cloud import free_port
from localcloud.home import ROOT, Home, LocalCloudError

pytestmark = pytest.mark.e2e


def test_a_taken_port_is_told_with_its_holder_and_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LocalCloudError) as told:
            clouds.start(Home(tmp_path), port)
    assert f"port {port} is taken by" in str(told.value)
    assert f"make up PORT={port + 1}" in str(told.value)


def test_a_cloud_that_dies_leaves_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dying = tmp_path / "bin" / "python"
    dying.parent.mkdir()
    dying.write_text("#!/bin/sh\necho 'no space left'\nexit 1\n")
    dying.chmod(0o755)
    monkeypatch.setattr(venvs, "CLOUD", tmp_path)
    with pytest.raises(LocalCloudError, match=r"did not come up(.|\n)*no space left"):
        clouds.start(Home(tmp_path / "home"), free_port())
    assert clouds.running(Home(tmp_path / "home")) is None


def test_a_cloud_stops_with_its_workers_and_leaves_no_files(cloud: clouds.Cloud, tmp_path: Path) -> None:
    assert cloud.pid
    home = Home(tmp_path)
    own = clouds.start(home, free_port())
    assert clouds.running(home) == own
    assert clouds.stop(home)
    assert clouds.running(home) is None
    assert [path.name for path in tmp_path.iterdir()] == ["cloud.log"]
    assert not clouds.stop(home), "twice is fine"


def test_another_process_with_the_old_number_is_not_ours(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.state.write_text(json.dumps({"pid": os.getpid(), "port": free_port()}))
    assert clouds.running(home) is None
    assert not clouds.stop(home)


def test_clients_see_only_the_local_cloud(home: Home, cloud: clouds.Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    environment = clouds.client_environment(home, cloud)
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & environment.keys()
    assert environment["AWS_ENDPOINT_URL"] == cloud.url
    code = "import boto3; print(boto3.client('lambda').get_waiter('function_active').config.delay)"
    command = [str(venvs.python(venvs.APP)), "-c", code]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert float(shown.stdout) < 1


def test_what_pip_says_is_shown(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("./no-such-folder\n")
    with pytest.raises(LocalCloudError, match=r"pip could not install .*requirements.txt(.|\n)*no-such-folder"):
        venvs.ensure(tmp_path / "venv", requirements)


def test_an_environment_is_made_once_and_again_when_something_changed(tmp_path: Path) -> None:
    venv, requirements = tmp_path / "venv", tmp_path / "requirements.txt"
    requirements.write_text("")
    assert venvs.ensure(venv, requirements)
    assert not venvs.ensure(venv, requirements)
    requirements.write_text("# changed\n")
    assert venvs.ensure(venv, requirements)
    stamp = venv / ".stamps"
    stamp.write_text(stamp.read_text().replace(sys.base_prefix, "/elsewhere"))
    (venv / "leftover").touch()
    assert venvs.ensure(venv, requirements)
    assert not (venv / "leftover").exists(), "another Python means another environment"


def test_an_old_python_is_told_so() -> None:
    source = (ROOT / "localcloud" / "__init__.py").read_text()
    old = "import sys; sys.version_info = (3, 11, 9); sys.version = '3.11.9 (main)'\n"
    done = subprocess.run([sys.executable, "-c", old + source], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "3.12 or newer, and this is 3.11.9" in done.stderr
