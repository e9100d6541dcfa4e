"""The cloud's process: started in the background, found again, stopped; and the environment that leads to it."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from localcloud import venvs
from localcloud.home import ROOT, Home, LocalCloudError

DEFAULT_PORT = 4566
REGION = "us-east-1"
ACCESS_KEY = "test"  # a client's; the functions have others
START_SECONDS = 30.0
STOP_SECONDS = 2.0  # there is nothing to save; it would wait for idle connections
TAIL = 20  # lines of the log that are shown when the cloud dies


@dataclass(frozen=True, slots=True)
class Cloud:
    """A cloud that runs."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def exports(self) -> dict[str, str]:
        """Return what a client needs to know, in the names that the AWS tools read."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }


def running(home: Home) -> Cloud | None:
    """Find this home's cloud; None when it was never started, was stopped, or died."""
    try:
        cloud = Cloud(**json.loads(home.state.read_text()))
    except FileNotFoundError:
        return None
    return cloud if _is_ours(cloud.pid) and _answers(cloud) else None


def start(home: Home, port: int, *, enforce_iam: bool = False) -> Cloud:
    """Start an empty cloud, and wait until it answers.

    With `enforce_iam` signatures and policies count as on AWS, those of the functions' roles too. Without, anything
    goes: `curl` can upload, and buckets that want TLS take plain HTTP.
    """
    check_port(port)
    stop(home)
    home.scratch.mkdir(parents=True)
    server = [str(venvs.python(venvs.CLOUD)), "-m", "localcloud.server"]
    shell = subprocess.run(
        ["sh", "-c", '"$@" >"$0" 2>&1 </dev/null & echo $!', str(home.log), *server],
        cwd=ROOT,
        env=_server_environment(home, port, enforce_iam=enforce_iam),
        stdout=subprocess.PIPE,
        start_new_session=True,
        check=True,
    )
    cloud = Cloud(int(shell.stdout), port)
    home.state.write_text(json.dumps({"pid": cloud.pid, "port": cloud.port}) + "\n")
    deadline = time.monotonic() + START_SECONDS
    while not _answers(cloud):
        if not is_alive(cloud.pid) or time.monotonic() > deadline:
            tail = log_tail(home)
            stop(home)
            raise LocalCloudError(f"the local cloud did not come up; the end of {home.log}:\n{tail}")
        time.sleep(0.1)
    return cloud


def free_port() -> int:
    """Find a port that nobody listens on, for a cloud beside that of `make up`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def check_port(port: int) -> None:
    """Raise LocalCloudError, with the name of who has it, unless the port is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise LocalCloudError(
                f"port {port} is taken by {_listener(port)}; stop it, or choose another port: make up PORT={port + 1}"
            ) from None


def stop(home: Home) -> bool:
    """Stop this home's cloud with its workers, and forget what it held; False when none ran."""
    was_there = False
    if home.state.exists():
        pid = json.loads(home.state.read_text())["pid"]
        was_there = _is_ours(pid)
        if was_there:
            _end(pid)
        home.state.unlink()
    for path in (home.deployed, home.env):
        path.unlink(missing_ok=True)
    shutil.rmtree(home.app / ".chalice" / "deployed", ignore_errors=True)
    shutil.rmtree(home.scratch, ignore_errors=True)
    return was_there


def log_tail(home: Home) -> str:
    return "\n".join(f"  {line}" for line in home.log.read_text(errors="replace").splitlines()[-TAIL:])


def client_environment(home: Home, cloud: Cloud) -> dict[str, str]:
    """Return the environment for a program that talks to this cloud and to no other.

    The user's own AWS settings are left out, files included. AWS_DATA_PATH overlays botocore's Lambda waiters, which
    else look every 5 seconds.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **inherited,
        **cloud.exports(),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DATA_PATH": str(_quick_waiters(home)),
        "TMPDIR": str(home.scratch),
    }


def _quick_waiters(home: Home) -> Path:
    """Write botocore's Lambda waiters with a short delay, and return the folder for AWS_DATA_PATH."""
    folder = home.scratch / "botocore"
    part = Path("lambda", "2015-03-31", "waiters-2.json")
    (botocore,) = venvs.APP.glob("lib/python*/site-packages/botocore/data")
    waiters = json.loads((botocore / part).read_text())
    for waiter in waiters["waiters"].values():
        waiter["delay"] = 0.2
    (folder / part).parent.mkdir(parents=True, exist_ok=True)
    (folder / part).write_text(json.dumps(waiters))
    return folder


def _server_environment(home: Home, port: int, *, enforce_iam: bool) -> dict[str, str]:
    """Return the cloud's environment: little is inherited, because Lambda workers inherit it in turn."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **inherited,
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "AUTH": str(enforce_iam).lower(),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(home.scratch),
        "STATE_DIR": str(home.scratch / "state"),
        "S3_DATA_DIR": str(home.scratch / "s3"),
    }


def _answers(cloud: Cloud) -> bool:
    try:
        with urllib.request.urlopen(f"{cloud.url}/_ministack/health", timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _is_ours(pid: int) -> bool:
    """Tell our cloud from a process that got its number later."""
    if Path("/proc/self/cmdline").exists():
        try:
            return b"localcloud.server" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
    shown = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "localcloud.server" in shown.stdout


def _end(pid: int) -> None:
    """End the cloud's whole process group, the Lambda workers in it too."""
    group = os.getpgid(pid)
    os.killpg(group, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _is_ours(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _listener(port: int) -> str:
    """Name the program that listens on the port, as far as this machine tells."""
    told = {
        r"p(\d+)\nc(.+)": ["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"],
        r"pid=(\d+)()": ["ss", "-Hltnp", f"sport = :{port}"],
    }
    for pattern, command in told.items():
        if shutil.which(command[0]):
            output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            if found := re.search(pattern, output):
                return f"process {found[1]} {found[2]}".rstrip()
    return "another program"
