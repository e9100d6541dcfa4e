"""What a stage is deployed with and its functions do not know: `deployment` in `.chalice/config.json`. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib import subscriptions
from chalicelib.settings import SettingsError
from chalicelib.subscriptions import Subscription
from infra.stage import Json

NAMES = {"NOTIFY", "KMS_KEY_ARNS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """`subscriptions`: who else hears of completions. `kms_keys`: ARNs of the keys that buckets and the rest have."""

    subscriptions: tuple[Subscription, ...] = ()
    kms_keys: tuple[str, ...] = ()


def read(config: Json, stage: str) -> Choices:
    """Read what is chosen for the stage, or for every stage; raises SettingsError with every problem."""
    chosen = {**config.get("deployment", {}), **config.get("stages", {}).get(stage, {}).get("deployment", {})}
    problems = [f"{name}: there is no such setting of a deployment" for name in sorted(chosen.keys() - NAMES)]
    choices = Choices(
        subscriptions=_subscriptions(chosen, problems), kms_keys=tuple(_names(chosen.get("KMS_KEY_ARNS", "")))
    )
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
