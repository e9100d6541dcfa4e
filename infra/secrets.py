"""`python -m infra.secrets --stage X`: put what webhooks need into Parameter Store, and nowhere else.

A secret is made if there is none; the URLs are read from the standard input, so that they stand in no shell's history.
"""

import argparse
import base64
import getpass
import sys
from collections.abc import Collection
from secrets import token_bytes
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.settings import SettingsError
from chalicelib.webhooks import message, secrets
from chalicelib.webhooks.secrets import SECRET, URLS, SecretsError
from infra import stage as stages


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.secrets", description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--new-secret", action="store_true", help="replace the secret that there is")
    options = parser.parse_args()
    ask = "URLs that hear of every completion, separated by commas (nothing: as they are; -: none): "
    urls = (getpass.getpass(ask) if sys.stdin.isatty() else sys.stdin.readline()).strip()
    try:
        keep(boto3.client("ssm"), options.stage, urls, new_secret=options.new_secret)
    except (SecretsError, ClientError, BotoCoreError) as error:
        sys.exit(f"secrets of stage {options.stage}: {error}")


def keep(ssm: Any, stage: str, urls: str, *, new_secret: bool) -> None:
    """Put the stage's parameters in place: the URLs unless they are empty, and a secret if it has none or a new one.

    Raises SecretsError before anything is written.
    """
    present = _present(ssm, stage)
    wanted = dict(present)
    if new_secret or SECRET not in present:
        wanted[SECRET] = message.SECRET_PREFIX + base64.b64encode(token_bytes(32)).decode()
    if urls:
        wanted[URLS] = "" if urls == "-" else urls
    secrets.read(wanted, hosts=None)
    for name, value in wanted.items():
        if value and value != present.get(name):
            ssm.put_parameter(Name=_prefix(stage) + name, Value=value, Type="SecureString", Overwrite=True)
            print(f"{_prefix(stage)}{name}: {'replaced' if name in present else 'written'}")
    if not wanted.get(URLS) and URLS in present:
        ssm.delete_parameter(Name=_prefix(stage) + URLS)
        print(f"{_prefix(stage)}{URLS}: deleted")


def check(ssm: Any, stage: str, hosts: Collection[str]) -> None:
    """Raise SettingsError unless the stage's webhooks have what they need; without hosts there are none."""
    if not hosts:
        return
    try:
        secrets.read(_present(ssm, stage), hosts)
    except SecretsError as error:
        raise SettingsError(f"{error}\nTo write them: make secrets STAGE={stage}") from error


def names(ssm: Any, stage: str) -> list[str]:
    """List the stage's parameters that there are."""
    return [one["Name"] for one in ssm.get_parameters(Names=_names(stage))["Parameters"]]


def forget(ssm: Any, stage: str) -> list[str]:
    """Delete the stage's parameters, and return the names of those that there were."""
    gone: list[str] = ssm.delete_parameters(Names=_names(stage))["DeletedParameters"]
    return gone


def _present(ssm: Any, stage: str) -> dict[str, str]:
    found = ssm.get_parameters(Names=_names(stage), WithDecryption=True)["Parameters"]
    return {one["Name"].removeprefix(_prefix(stage)): one["Value"] for one in found}


def _names(stage: str) -> list[str]:
    return [_prefix(stage) + name for name in secrets.PARAMETERS]


def _prefix(stage: str) -> str:
    return f"/{stages.stack(stage)}/"
