"""Measure what each deployed function costs until its first call is done, beside the least that could do the same.

Each start is a fresh interpreter on the packages that were deployed, unpacked, with the function's environment and
nothing else; AWS is the local cloud. The floor imports Chalice and botocore, makes the same clients and the same calls,
and imports in a child of its own the codecs that the function's child imports before it renders. `plain` is the app as
`chalice deploy` alone packages it. CPU time of all processes; what rendering takes by itself is left out.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import boto3

from infra import artefacts
from localcloud import project
from localcloud.cold_events import EVENTS, Ground
from localcloud.home import LOCAL, STAGE, Home

WORKER = Path(__file__).with_name("cold_worker.py")
CODECS = ("PIL.", "cykooz_resizer", "pi_heif")
OURS = "chalicelib."
FLOOR_PACKAGES = {"botocore", "chalice", "jmespath", "dateutil", "six", "urllib3"}


@dataclass(frozen=True, slots=True)
class Function:
    """A function as it is deployed."""

    name: str
    handler: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Start:
    """What one start took, in CPU milliseconds: until its module was imported, and until its first call was done."""

    imported: float
    done: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="make coldstart ARGS=", description=__doc__)
    parser.add_argument("--turns", type=int, default=7, help="how many starts of each kind (default: 7)")
    parser.add_argument("--only", help="one function (default: all that are deployed)")
    options = parser.parse_args()
    home = Home(LOCAL / "localcloud.coldstart")
    ground = quiet_ground()
    functions = [one for one in deployed(home) if options.only in {None, one.name}]
    if missing := sorted({one.name for one in functions} - EVENTS.keys()):
        sys.exit(f"localcloud/cold_events.py has no event for {', '.join(missing)}")
    with tempfile.TemporaryDirectory(dir=home.scratch) as folder:
        built, plain = Path(folder) / "built", Path(folder) / "plain"
        unpack(artefacts.build(home.app), built)
        unpack(as_chalice_builds(home.app), plain)
        print(f"CPU ms, medians of {options.turns}\n")
        print(f"{'':14} {'import':>6} {'whole':>6} {'floor':>6} {'ratio':>6}   {'plain':>6} {'ratio':>6}")
        for function in functions:
            show(function, measured(function, ground, built, plain, options.turns))


def deployed(home: Home) -> Iterator[Function]:
    """List the functions that Chalice has deployed, with what Lambda knows of them."""
    resources = json.loads((home.app / ".chalice" / "deployed" / f"{STAGE}.json").read_text())["resources"]
    client = boto3.client("lambda")
    for resource in sorted(resources, key=lambda resource: str(resource["name"])):
        if resource["resource_type"] == "lambda_function":
            told = client.get_function_configuration(FunctionName=resource["lambda_arn"])
            runtime = {
                "AWS_LAMBDA_FUNCTION_NAME": told["FunctionName"],
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(told["MemorySize"]),
            }
            yield Function(resource["name"], told["Handler"], {**told["Environment"]["Variables"], **runtime})


def quiet_ground() -> Ground:
    """Take the stage, and have its source bucket tell nobody of uploads: whoever is measured does the work."""
    s3, client = boto3.client("s3"), boto3.client("lambda")
    s3.put_bucket_notification_configuration(Bucket=os.environ["SOURCE_BUCKET"], NotificationConfiguration={})

    def invoke(name: str, event: dict[str, Any]) -> Any:
        answer = client.invoke(FunctionName=f"halftone-{STAGE}-{name}", Payload=json.dumps(event))
        return json.load(answer["Payload"])

    return Ground(s3, os.environ["SOURCE_BUCKET"], os.environ["DEST_BUCKET"], invoke)


def as_chalice_builds(app: Path) -> tuple[Path, Path]:
    """Return what Chalice alone would build: the same sources without bytecode, and botocore with all of AWS."""
    copy = app.with_name("plain")
    shutil.rmtree(copy, ignore_errors=True)
    project.copy_sources(app, copy)
    return artefacts.plain(copy)


def unpack(packages: Iterable[Path], folder: Path) -> None:
    for package in packages:
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folder)


def measured(
    function: Function, ground: Ground, built: Path, plain: Path, turns: int
) -> tuple[Mapping[str, Sequence[Start]], Sequence[str]]:
    """Start a function in turns with its floor; return the starts by kind, and what is loaded beyond the floor's."""
    seen = start(function, built, {"mode": "record", "event": EVENTS[function.name](ground)})
    codecs = start(function, built, {"mode": "codecs"})["modules"] if seen["renders"] else []
    wanted = {"services": seen["services"], "calls": seen["calls"]}
    wanted["codecs"] = [name for name in codecs if name.startswith(CODECS)]
    starts: dict[str, list[Start]] = {"built": [], "plain": [], "floor": []}
    for _ in range(turns):
        for kind, folder in (("built", built), ("plain", plain)):
            starts[kind].append(_start(function, folder, {"mode": "app", "event": EVENTS[function.name](ground)}))
        starts["floor"].append(_start(function, built, {"mode": "floor", **wanted}))
    beyond = {name.partition(".")[0] for name in seen["modules"]} - FLOOR_PACKAGES - sys.stdlib_module_names
    return starts, sorted(beyond)


def _start(function: Function, folder: Path, job: dict[str, Any]) -> Start:
    answer = start(function, folder, job)
    return Start(answer["import_cpu_ms"], answer["cpu_ms"] - answer["rendering_ms"])


def start(function: Function, folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Run one start, and return what it says of itself and, from its log, how long it rendered."""
    path = [str(folder), str(folder / artefacts.SITE)]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", str(WORKER)],
        input=json.dumps({"path": path, "handler": function.handler, "started": time.time(), **job}),
        env={**lambda_environment(), **function.environment, "LOG_LEVEL": "DEBUG"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{function.name} ({job['mode']}) failed:\n{done.stderr or done.stdout}")
    *logged, last = done.stdout.strip().splitlines()
    rendered = [json.loads(line)["cpu_ms"] for line in logged if '"Rendered"' in line]
    return {**json.loads(last), "rendering_ms": sum(rendered)}


def lambda_environment() -> dict[str, str]:
    """Return where AWS is, and the region as Lambda sets it."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_") and name != "AWS_DATA_PATH"}
    return {**kept, "AWS_REGION": kept["AWS_DEFAULT_REGION"]}


def show(function: Function, found: tuple[Mapping[str, Sequence[Start]], Sequence[str]]) -> None:
    starts, beyond = found
    whole = {kind: median(one.done for one in of_kind) for kind, of_kind in starts.items()}
    imported = median(one.imported for one in starts["built"])
    ratios = [whole["built"] / whole["floor"], whole["built"] / whole["plain"]]
    print(
        f"{function.name:14} {imported:6.0f} {whole['built']:6.0f} {whole['floor']:6.0f} {ratios[0]:6.2f}   "
        f"{whole['plain']:6.0f} {ratios[1]:6.2f}   beyond the floor: {', '.join(beyond)}",
        flush=True,
    )


if __name__ == "__main__":
    main()
