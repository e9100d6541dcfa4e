"""`python -m infra.deploy COMMAND --stage X`: a stage's stack, then Chalice's part of it, and the way back.

AWS and the local cloud are deployed the same way; boto3's own settings (AWS_PROFILE, AWS_DEFAULT_REGION,
AWS_ENDPOINT_URL) say where to.
"""

import argparse
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import settings
from chalicelib.pipelines import loading
from infra import artefacts, chalice, inventory, lock, places
from infra.deployment import Wishes, deploy
from infra.destroy import destroy
from infra.errors import DeployError

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = {
    "deploy": "create or update the stage",
    "destroy": "delete everything of the stage",
    "state": "write down for `chalice deploy` what there is of the stage",
    "unlock": "let the stage be deployed although a deployment that died has it",
}


def main() -> None:
    options = _options()
    try:
        place = places.here()
        if options.command == "deploy":
            named = {"source": options.source_bucket, "dest": options.dest_bucket}
            given = {role: name for role, name in named.items() if name}
            deploy(place, options.stage, options.project, Wishes(options.pipeline, given, options.canary))
        elif options.command == "destroy":
            agreed = _agreed if not options.yes else lambda _: True
            destroy(place, options.stage, empty_buckets=options.empty_buckets, agreed=agreed)
            chalice.memory(options.project, options.stage).unlink(missing_ok=True)
        elif options.command == "state":
            found = inventory.take(place, options.stage)
            chalice.remember(options.project, options.stage, inventory.deployed(found))
            print(f"wrote {chalice.memory(options.project, options.stage)}")
        else:
            owner = lock.break_open(place.client("ssm"), options.stage)
            print(f"took the lock of {owner}" if owner else "nobody has the stage")
    except (
        DeployError,
        artefacts.ArtefactError,
        loading.PipelineError,
        settings.SettingsError,
        ClientError,
        BotoCoreError,
    ) as error:
        sys.exit(f"{options.command} of stage {options.stage}: {error}")


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise DeployError("nobody is there to be asked; to delete without a question: YES=yes")
    return input(f"{question} [yes/no] ").strip() == "yes"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command, what in COMMANDS.items():
        own = commands.add_parser(command, help=what)
        own.add_argument("--stage", required=True, help="a name of your choice: dev, prod, ...")
        own.add_argument("--project", type=Path, default=ROOT, help="the Chalice project (default: this checkout)")
        if command == "deploy":
            own.add_argument("--pipeline", help="the pipeline of the stage (default: as it is, or 'default')")
            own.add_argument("--source-bucket", help="a bucket that exists, for originals (default: one of its own)")
            own.add_argument("--dest-bucket", help="a bucket that exists, for variants (default: one of its own)")
            own.add_argument("--canary", action=argparse.BooleanOptionalAction, help="default: the first time only")
        if command == "destroy":
            own.add_argument("--empty-buckets", action="store_true", help="delete the pictures too, for good")
            own.add_argument("--yes", action="store_true", help="do not ask")
    return parser.parse_args()


if __name__ == "__main__":
    main()
