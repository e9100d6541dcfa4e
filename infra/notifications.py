"""S3's notifications of a bucket: which would get in each other's way, and how to take out only one's own."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.model.pipeline import Pipeline
from chalicelib.settings import filterable

KINDS = {
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
}
"""The parts of a bucket's configuration that have filters, each with its name for who hears. EventBridge has none."""

UPLOADS = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*")
VARIANTS = ("s3:ObjectCreated:*",)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events of which keys are wanted, and by whom (an ARN, or a handler's name)."""

    target: str
    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""

    def overlaps(self, other: "Filter") -> bool:
        """Whether S3 refuses to have both: some event of some key would go to two.

        S3 User Guide, "Configuring event notifications using object key name filtering".

        >>> jpegs = Filter("a", ("s3:ObjectCreated:Put",), "in/", ".jpg")
        >>> jpegs.overlaps(Filter("b", ("s3:ObjectCreated:*",), "in/new/"))
        True
        >>> jpegs.overlaps(Filter("b", ("s3:ObjectCreated:*",), "in/", ".png"))
        False
        """
        return (
            any(_same_event(mine, its) for mine in self.events for its in other.events)
            and (self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix))
            and (self.suffix.endswith(other.suffix) or other.suffix.endswith(self.suffix))
        )

    def __str__(self) -> str:
        keys = f"{self.prefix}*{self.suffix}"
        return f"{self.target} ({', '.join(self.events)} of {keys})"


def wanted(pipeline: Pipeline, source: str, dest: str) -> dict[str, list[Filter]]:
    """Return the notifications that `app.py` asks for, by bucket."""
    found = {source: [Filter("on_upload", UPLOADS, filterable(pipeline.source.prefix) or "")]}
    if pipeline.restore:
        found.setdefault(dest, []).append(Filter("on_destination", VARIANTS))
    return found


def filters(configuration: Mapping[str, Any]) -> Iterator[Filter]:
    """Read the filters of a bucket's configuration."""
    for kind, arn in KINDS.items():
        for one in configuration.get(kind, []):
            rules = one.get("Filter", {}).get("Key", {}).get("FilterRules", [])
            values = {rule["Name"].lower(): rule["Value"] for rule in rules}
            yield Filter(one[arn], tuple(one["Events"]), values.get("prefix", ""), values.get("suffix", ""))


def without(configuration: Mapping[str, Any], functions: Collection[str]) -> dict[str, Any]:
    """Leave out the notifications of these functions (ARNs); all others stay, EventBridge's too."""
    kind = "LambdaFunctionConfigurations"
    left = {name: value for name, value in configuration.items() if name != "ResponseMetadata"}
    if kind in left:
        left[kind] = [one for one in left[kind] if one["LambdaFunctionArn"] not in functions]
    return left


def _same_event(mine: str, its: str) -> bool:
    """Whether two event types share an event: `s3:ObjectCreated:*` holds all that begin like it."""
    return mine.removesuffix("*").startswith(its.removesuffix("*")) or its.removesuffix("*").startswith(
        mine.removesuffix("*")
    )
