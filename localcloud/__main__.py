"""`python -m localcloud COMMAND`: the commands behind the Makefile. Standard library only."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from localcloud import cloud as clouds
from localcloud import project, venvs
from localcloud.home import LOCAL, ROOT, STAGE, Home, LocalCloudError


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description=__doc__)
    parser.add_argument("command", choices=sorted(COMMANDS))
    parser.add_argument("--port", type=int, help=f"where the local cloud listens (default: {clouds.DEFAULT_PORT})")
    parser.add_argument("--pipeline", help="the pipeline of the local stage (default: default)")
    parser.add_argument(
        "--stage", default=STAGE, help="redrive, reprocess, secrets: of which stage (default: the local one)"
    )
    parser.add_argument("rest", nargs="*", help="chaos, load, coldstart, cost: options of their own, after --")
    options = parser.parse_args()
    try:
        COMMANDS[options.command](options)
    except LocalCloudError as error:
        sys.exit(f"\n{options.command}: {error}")
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; make up goes on from here")


def up(options: argparse.Namespace) -> None:
    """Make the environments, start the cloud, deploy the app, and show the sample's variants."""
    started, home = time.monotonic(), Home()
    version = ".".join(str(part) for part in sys.version_info[:3])
    cloud = _at_port(home, options.port)
    if cloud is None:
        clouds.check_port(options.port or clouds.DEFAULT_PORT)
    with ThreadPoolExecutor() as pool, _step(f"environments for Python {version}"):
        app = pool.submit(venvs.ensure, venvs.APP, venvs.APP_REQUIREMENTS)
        renewed = venvs.ensure(venvs.CLOUD, venvs.CLOUD_REQUIREMENTS)
        app.result()
    if cloud is None or renewed:
        clouds.stop(home)
        with _step("local cloud"):
            cloud = clouds.start(home, options.port or clouds.DEFAULT_PORT)
    with _step("deployment"):
        if not project.deploy(home, cloud, options.pipeline):
            print("  the app is deployed as it is")
    with _step("sample photo"):
        _in_app(home, "localcloud.tour")
    print(f"\nup in {time.monotonic() - started:.0f} s; the exports are in {home.env}")


def down(_: argparse.Namespace) -> None:
    print("the local cloud is stopped" if clouds.stop(Home()) else "no local cloud is running")


def env(_: argparse.Namespace) -> None:
    _running(Home())
    print(Home().env.read_text(), end="")


def logs(_: argparse.Namespace) -> None:
    with suppress(KeyboardInterrupt):  # that is how one leaves it
        _in_app(Home(), "localcloud.logs")


def redrive(options: argparse.Namespace) -> None:
    _operate("infra.redrive", options.stage)


def reprocess(options: argparse.Namespace) -> None:
    _operate("infra.reprocess", options.stage)


def secrets(options: argparse.Namespace) -> None:
    _operate("infra.secrets", options.stage)


def chaos(options: argparse.Namespace) -> None:
    _on_a_cloud_of_its_own("localcloud.chaos", options.rest)


def load(options: argparse.Namespace) -> None:
    _on_a_cloud_of_its_own("localcloud.load", options.rest)


def coldstart(options: argparse.Namespace) -> None:
    _on_a_cloud_of_its_own("localcloud.coldstart", options.rest)


def cost(options: argparse.Namespace) -> None:
    _on_a_cloud_of_its_own("localcloud.cost", options.rest, options.pipeline)


def tools_to_deploy(_: argparse.Namespace) -> None:
    venvs.ensure(venvs.APP, venvs.APP_REQUIREMENTS)


def tools_to_test(_: argparse.Namespace) -> None:
    with ThreadPoolExecutor() as pool:
        cloud = pool.submit(venvs.ensure, venvs.CLOUD, venvs.CLOUD_REQUIREMENTS)
        venvs.ensure(venvs.APP, venvs.APP_REQUIREMENTS, venvs.DEV_REQUIREMENTS)
        cloud.result()


def tools_to_bench(_: argparse.Namespace) -> None:
    venvs.ensure(venvs.BENCH, *venvs.BENCH_REQUIREMENTS)


def tools_to_mutate(_: argparse.Namespace) -> None:
    venvs.ensure(venvs.MUTANTS, venvs.MUTANTS_REQUIREMENTS)


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "up": up,
    "down": down,
    "env": env,
    "logs": logs,
    "redrive": redrive,
    "reprocess": reprocess,
    "secrets": secrets,
    "chaos": chaos,
    "load": load,
    "coldstart": coldstart,
    "cost": cost,
    "deploy-tools": tools_to_deploy,
    "test-tools": tools_to_test,
    "bench-tools": tools_to_bench,
    "mutants-tools": tools_to_mutate,
}


def _at_port(home: Home, port: int | None) -> clouds.Cloud | None:
    cloud = clouds.running(home)
    if cloud is not None and port not in {None, cloud.port}:
        raise LocalCloudError(f"the local cloud already runs on port {cloud.port}; make down first")
    return cloud


def _running(home: Home) -> clouds.Cloud:
    cloud = clouds.running(home)
    if cloud is None or not home.env.exists():
        raise LocalCloudError("the local cloud is not running; make up starts it")
    return cloud


def _in_app(home: Home, module: str, *arguments: str) -> None:
    """Run a module of ours in the app's environment, as a client of the running cloud."""
    cloud = _running(home)
    environment = {**clouds.client_environment(home, cloud), **project.variables(home), **project.exports(home, cloud)}
    done = subprocess.run([str(venvs.python(venvs.APP)), "-m", module, *arguments], env=environment, check=False)
    if done.returncode != 0:
        raise LocalCloudError(f"see above; what the cloud says is in {home.log}")


def _operate(module: str, stage: str) -> None:
    """Run a module on a stage: the local one on the running cloud, any other where the AWS settings lead."""
    if stage == STAGE:
        _in_app(Home(), module, "--stage", stage)
        return
    command = [str(venvs.python(venvs.APP)), "-m", module, "--stage", stage]
    if subprocess.run(command, check=False).returncode != 0:
        raise LocalCloudError("see above")


def _on_a_cloud_of_its_own(module: str, arguments: list[str], pipeline: str | None = None) -> None:
    """Run a module against a cloud that starts empty and ends with it; that of `make up` is not touched."""
    home = Home(LOCAL / module)
    home.folder.mkdir(parents=True, exist_ok=True)
    try:
        with _step("local cloud"):
            cloud = clouds.start(home, clouds.free_port())
        with _step("deployment"):
            project.deploy(home, cloud, pipeline)
        _in_app(home, module, *arguments)
    finally:
        clouds.stop(home)


@contextmanager
def _step(name: str) -> Iterator[None]:
    started = time.monotonic()
    print(f"--> {name}", flush=True)
    yield
    print(f"    {time.monotonic() - started:.1f} s", flush=True)


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
