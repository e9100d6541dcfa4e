"""`python -m infra.acceptance --stage X`: make a whole stage, use it, delete it, and see that nothing is left.

It runs wherever `infra.deploy` does. Each deployment is made from a fresh clone, which knows of the stage only what was
committed.
"""

import argparse
import io
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from PIL import Image

from chalicelib.pipelines import loading
from infra import canary, chalice, inventory, places
from infra.acceptance import checks, clones, parts
from infra.acceptance.ground import Ground, expect, until_none
from infra.acceptance.trials import CHANGES, TRIALS, UNTRIED
from infra.destroy import left, summary
from infra.errors import DeployError
from infra.inventory import Inventory
from infra.places import Place

LIST = 'docs/operations.md, "Acceptance"'


def main() -> None:
    options = _options()
    stage, began, afterwards = options.stage, time.monotonic(), ""
    try:
        place = places.here()
        checks.check_unused(place, stage)
        _ask(place, stage, yes=options.yes)
        afterwards = f"\n{_afterwards(stage)}"
        with tempfile.TemporaryDirectory() as folder:
            accept(place, options, Path(folder))
    except (DeployError, ClientError, BotoCoreError, loading.PipelineError) as error:
        sys.exit(f"acceptance of stage {stage}: {error}{afterwards}")
    except KeyboardInterrupt:
        sys.exit(f"\ninterrupted{afterwards}")
    print(f"accepted in {time.monotonic() - began:.0f} s; what is still to be looked at by hand: {LIST}")


def accept(place: Place, options: argparse.Namespace, folder: Path) -> None:
    """Run every step, in this order; raises DeployError, with the name of the step that failed."""
    stage, began = options.stage, time.time()
    foreign = [name for name in (options.source_bucket, options.dest_bucket) if name]
    theirs = checks.theirs(place, foreign, inventory.take(place, stage))

    with step("deploy"):
        first = clones.fresh(folder)
        said = clones.run(first, "deploy", stage, "--canary", *_wishes(options))
        found = inventory.take(place, stage)
        ground = _ground(place, stage, first, found, said)
    with step("functions and routes are those of app.py"):
        parts.check(parts.of_project(first, stage), parts.deployed(place, found))
    for trial in TRIALS:
        with step(trial.name):
            trial.do(ground)
    with step("every function has run"):
        tried = found.functions.keys() - UNTRIED.keys()
        until_none("every function to have a log", lambda: parts.silent(place, stage, tried, began))
    with step("deploy new code from a fresh clone"):
        second = clones.fresh(folder)
        clones.commit(first, second)
        with (second / "app.py").open("a") as source:
            source.write("\n# new code\n")
        hashes = parts.hashes(place, found)
        expect("the URL of the API", clones.api_url(said), clones.api_url(clones.run(second, "deploy", stage)))
        checks.check_updated(place, found, inventory.take(place, stage), hashes)
    for trial in CHANGES:
        with step(trial.name):
            trial.do(ground)
    with step("nothing has failed"):
        checks.check_failed(place, stage)
    for bucket in foreign:
        place.session.resource("s3").Bucket(bucket).object_versions.filter(Prefix=ground.key).delete()
    if options.keep:
        print(f"the stage stays: {ground.url}\n{_afterwards(stage)}")
        return
    with step("destroy from a fresh clone"):
        clones.run(clones.fresh(folder), "destroy", stage, "--yes", "--empty-buckets")
    with step("nothing is left"):
        checks.check_left(place, stage)
        expect("the notifications of others", theirs, checks.theirs(place, foreign, found))


@contextmanager
def step(name: str) -> Iterator[None]:
    print(f"--> {name}", flush=True)
    started = time.monotonic()
    try:
        yield
    except (DeployError, ClientError, BotoCoreError) as error:
        print(f"    FAILED after {time.monotonic() - started:.1f} s", flush=True)
        raise DeployError(f"{name}: {error}") from error
    print(f"    ok, {time.monotonic() - started:.1f} s", flush=True)


def _ground(place: Place, stage: str, clone: Path, found: Inventory, said: str) -> Ground:
    config = chalice.config(clone)
    variables = config["stages"][stage]["environment_variables"]
    source = loading.load(chalice.packaged(clone, variables["PIPELINE"])).source
    if (perch := canary.perch(source)) is None:
        raise DeployError(
            "expected a pipeline that takes a format that can be written here; name one: PIPELINE=default"
        )
    key, picture = perch
    url = clones.api_url(said)
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):  # Chalice knows AWS's names only
        url = f"{endpoint}/restapis/{found.apis[0]}/{config['api_gateway_stage']}/_user_request_"
    return Ground(
        place=place, stage=stage, variables=variables, url=url, key=key, picture=picture, other=_wider(picture)
    )


def _wider(picture: bytes) -> bytes:
    data = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.resize((96, 48)).save(data, image.format)
    return data.getvalue()


def _wishes(options: argparse.Namespace) -> list[str]:
    given = {
        "--pipeline": options.pipeline,
        "--source-bucket": options.source_bucket,
        "--dest-bucket": options.dest_bucket,
    }
    return [word for name, value in given.items() if value for word in (name, value)]


def _ask(place: Place, stage: str, *, yes: bool) -> None:
    there = summary(left(place, stage, inventory.take(place, stage)))
    print(f"make stage {stage} on {place}, use it, and delete it" + (f", with what there is: {there}" if there else ""))
    if yes:
        return
    if not sys.stdin.isatty():
        raise DeployError("nobody is there to be asked; to go on without a question: YES=yes")
    if input("go on? [yes/no] ").strip() != "yes":
        raise DeployError("not agreed to, and nothing was made")


def _afterwards(stage: str) -> str:
    return f"to delete what there is of it: make destroy STAGE={stage} EMPTY_BUCKETS=yes"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.acceptance", description=__doc__)
    parser.add_argument("--stage", required=True, help="a name that no stage has yet")
    parser.add_argument("--pipeline", help="the pipeline of the stage (default: 'default')")
    parser.add_argument("--source-bucket", help="a bucket that exists, for originals (default: one of its own)")
    parser.add_argument("--dest-bucket", help="a bucket that exists, for variants (default: one of its own)")
    parser.add_argument("--keep", action="store_true", help="do not delete the stage in the end")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser.parse_args()


if __name__ == "__main__":
    main()
