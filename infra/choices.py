"""What a stage is deployed with and its functions do not know: `deployment` in `.chalice/config.json`. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.settings import SettingsError
from infra import subscriptions
from infra.stage import Json
from infra.subscriptions import Subscription

RETENTION = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""The days that CloudWatch Logs takes (API Reference, PutRetentionPolicy)."""

KEY = "the ARN of a key, no alias", r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+"
POLICY = "the ARN of a policy", r"arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+"
TOPIC = "the ARN of an SNS topic", r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+"
ARN = {"ENCRYPTION_KEY_ARN": KEY, "PERMISSIONS_BOUNDARY": POLICY}
ARNS = {"KMS_KEY_ARNS": KEY, "ALARM_ACTIONS": TOPIC}
NAMES = {"NOTIFY", "LOG_RETENTION_DAYS", "API_THROTTLE", "DELETION_PROTECTION", *ARN, *ARNS}


@dataclass(frozen=True, slots=True)
class Throttle:
    """What the API takes: requests a second over time, and how many at once."""

    rate: int = 50
    burst: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """`subscriptions`: who else hears of completions. `alarm_actions`: the topics that hear of alarms.

    ARNs of keys: `encryption_key` is that of all that the stage keeps, empty for AWS's own; `kms_keys` are it and
    those of what the stage is attached to. `permissions_boundary` is the ARN of a policy, or empty.
    """

    subscriptions: tuple[Subscription, ...] = ()
    kms_keys: tuple[str, ...] = ()
    encryption_key: str = ""
    permissions_boundary: str = ""
    log_retention_days: int = 30
    throttle: Throttle = Throttle()
    alarm_actions: tuple[str, ...] = ()
    is_protected: bool = False


def read(config: Json, stage: str) -> Choices:
    """Read what is chosen for the stage, or for every stage; raises SettingsError with every problem."""
    chosen = {**config.get("deployment", {}), **config.get("stages", {}).get(stage, {}).get("deployment", {})}
    problems = [f"{name}: there is no such setting of a deployment" for name in sorted(chosen.keys() - NAMES)]
    for name, (expected, pattern) in (ARN | ARNS).items():
        given = _names(chosen.get(name, "")) if name in ARNS else [chosen.get(name, "")]
        problems += [
            f"{name}: expected {expected}, got {arn!r}" for arn in given if arn and not re.fullmatch(pattern, arn)
        ]
    choices = Choices(
        subscriptions=_subscriptions(chosen, problems),
        kms_keys=tuple(
            dict.fromkeys(_names(f"{chosen.get('KMS_KEY_ARNS', '')},{chosen.get('ENCRYPTION_KEY_ARN', '')}"))
        ),
        encryption_key=chosen.get("ENCRYPTION_KEY_ARN", ""),
        permissions_boundary=chosen.get("PERMISSIONS_BOUNDARY", ""),
        log_retention_days=chosen.get("LOG_RETENTION_DAYS", 30),
        throttle=_throttle(chosen.get("API_THROTTLE", {}), problems),
        alarm_actions=tuple(_names(chosen.get("ALARM_ACTIONS", ""))),
        is_protected=chosen.get("DELETION_PROTECTION", False),
    )
    if choices.log_retention_days not in RETENTION:
        days = ", ".join(map(str, RETENTION))
        problems.append(f"LOG_RETENTION_DAYS: expected one of {days}, got {choices.log_retention_days!r}")
    if not isinstance(choices.is_protected, bool):
        problems.append(f"DELETION_PROTECTION: expected true or false, got {choices.is_protected!r}")
    if problems:
        raise SettingsError("\n".join(["`deployment` in .chalice/config.json is wrong:", *problems]))
    return choices


def _throttle(chosen: Any, problems: list[str]) -> Throttle:
    try:
        throttle = Throttle(**chosen)
        if min(throttle.rate, throttle.burst) > 0:
            return throttle
    except TypeError:
        pass
    problems.append(f'API_THROTTLE: expected {{"rate": requests a second, "burst": requests at once}}, got {chosen!r}')
    return Throttle()


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
