"""What a stage is deployed with and its functions do not know: `deployment` in `.chalice/config.json`. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib import subscriptions
from chalicelib.settings import SettingsError
from chalicelib.subscriptions import Subscription
from infra.stage import Json

_POLICY = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+")
RETENTION = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""The days that CloudWatch Logs takes (API Reference, PutRetentionPolicy)."""

NAMES = {"NOTIFY", "KMS_KEY_ARNS", "PERMISSIONS_BOUNDARY", "LOG_RETENTION_DAYS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """`subscriptions`: who else hears of completions. `kms_keys`: ARNs of the keys that buckets and the rest have.

    `permissions_boundary` is the ARN of a policy, or empty.
    """

    subscriptions: tuple[Subscription, ...] = ()
    kms_keys: tuple[str, ...] = ()
    permissions_boundary: str = ""
    log_retention_days: int = 30


def read(config: Json, stage: str) -> Choices:
    """Read what is chosen for the stage, or for every stage; raises SettingsError with every problem."""
    chosen = {**config.get("deployment", {}), **config.get("stages", {}).get(stage, {}).get("deployment", {})}
    problems = [f"{name}: there is no such setting of a deployment" for name in sorted(chosen.keys() - NAMES)]
    choices = Choices(
        subscriptions=_subscriptions(chosen, problems),
        kms_keys=tuple(_names(chosen.get("KMS_KEY_ARNS", ""))),
        permissions_boundary=chosen.get("PERMISSIONS_BOUNDARY", ""),
        log_retention_days=chosen.get("LOG_RETENTION_DAYS", 30),
    )
    if choices.permissions_boundary and not _POLICY.fullmatch(choices.permissions_boundary):
        problems.append(f"PERMISSIONS_BOUNDARY: expected the ARN of a policy, got {choices.permissions_boundary!r}")
    if choices.log_retention_days not in RETENTION:
        days = ", ".join(map(str, RETENTION))
        problems.append(f"LOG_RETENTION_DAYS: expected one of {days}, got {choices.log_retention_days!r}")
    if problems:
        raise SettingsError("\n".join(["`deployment` in .chalice/config.json is wrong:", *problems]))
    return choices


def _subscriptions(chosen: Mapping[str, str], problems: list[str]) -> tuple[Subscription, ...]:
    found: dict[str, Subscription] = {}
    for number, entry in enumerate(_names(chosen.get("NOTIFY", "")), start=1):
        try:
            subscription = subscriptions.parse(entry)
        except ValueError as error:
            problems.append(f"NOTIFY: number {number}: {error}")
            continue
        if subscription.endpoint in found:
            problems.append(f"NOTIFY: number {number}: expected each address once, got {subscription.endpoint} again")
        found[subscription.endpoint] = subscription
    return tuple(found.values())


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
