"""One deployment of a stage at a time: whoever made the parameter `/halftone/<stage>/deploying` has the stage.

SSM makes a parameter once (`Overwrite=False`), and has room before a stage's first stack. A lock that was
left behind is never broken by itself: two who find it at once could both break it, one of them the lock of the other.
"""

import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.errors import DeployError
from infra.stage import APP

EXPIRES = timedelta(hours=1)
"""After that nobody works on the stage any more. A deployment takes minutes."""


@contextmanager
def held(ssm: Any, stage: str, caller: str) -> Iterator[None]:
    """Have the stage for oneself; raises DeployError, with who has it, when somebody else does."""
    name, token, now = parameter(stage), secrets.token_hex(8), datetime.now(UTC)
    owner = f"{caller} on {socket.gethostname()}, process {os.getpid()}"
    value = {"owner": owner, "since": now.isoformat(), "until": (now + EXPIRES).isoformat(), "token": token}
    try:
        ssm.put_parameter(Name=name, Value=json.dumps(value), Type="String", Overwrite=False)
    except ssm.exceptions.ParameterAlreadyExists:
        raise DeployError(_told(stage, _read(ssm, name), now)) from None
    try:
        yield
    finally:
        try:
            if _read(ssm, name).get("token") == token:
                ssm.delete_parameter(Name=name)
        except (ClientError, BotoCoreError) as error:  # what came before says more than this would
            print(f"the stage is still locked; make unlock STAGE={stage} ({error})", flush=True)


def break_open(ssm: Any, stage: str) -> str:
    """Take away whatever lock there is; return whose it was, and an empty text where there was none."""
    name = parameter(stage)
    owner = str(_read(ssm, name).get("owner", ""))
    if owner:
        ssm.delete_parameter(Name=name)
    return owner


def parameter(stage: str) -> str:
    return f"/{APP}/{stage}/deploying"


def _read(ssm: Any, name: str) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        return {}
    return found


def _told(stage: str, lock: dict[str, str], now: datetime) -> str:
    if not lock:
        return "another deployment has just ended; try again"
    taken = f"{lock['owner']} has been working on it since {lock['since'][:19]} UTC"
    if datetime.fromisoformat(lock["until"]) < now:
        return f"{taken}, which is too long to be true; to go on: make unlock STAGE={stage}"
    return f"{taken}; wait for it, or if it died: make unlock STAGE={stage}"
