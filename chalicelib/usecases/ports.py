"""What the use cases need of the world, as protocols, and the one bundle that hands it to them."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from chalicelib.model import Completion, Pipeline, Record
from chalicelib.settings import Settings

Checkpoint = Callable[[], None]
"""Called between steps of long work; raises DeadlineExceeded when the function's time is nearly up."""

Location = tuple[str, str]
"""A bucket and a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object of the storage whose bytes are still there: `read` fetches them, once."""

    etag: str
    version_id: str | None
    size: int
    metadata: Mapping[str, str]
    read: Callable[[], bytes]


class Storage(Protocol):
    """S3. Every method raises StorageUnavailable when S3 fails."""

    def open(self, bucket: str, key: str) -> AbstractContextManager[StoredObject]:
        """Open the current version of an object; raises NotFound when there is none."""

    def put(self, bucket: str, key: str, data: bytes, *, content_type: str) -> str:
        """Write a variant, marked as ours, and return its ETag."""

    def remove(self, locations: Iterable[Location]) -> None:
        """Remove objects; one that is gone already is fine."""


class Catalogue(Protocol):
    """DynamoDB. Every method raises CatalogueUnavailable when DynamoDB fails."""

    def get(self, image_id: str) -> Record | None:
        """Read a record as it was last written."""

    def claim(self, record: Record, sequencer: str | None) -> Record | None:
        """Begin work on a version; None when a newer change was seen, or this one has been dealt with.

        Keeps what the stored record has of `created_at` and `variants`: they are in the buckets until replaced.
        """

    def save(self, record: Record, sequencer: str | None) -> bool:
        """Write the outcome; false, and nothing written, when a newer change has been claimed since."""


class Completions(Protocol):
    """SNS. Raises CompletionsUnavailable when SNS fails."""

    def publish(self, completion: Completion) -> None:
        """Tell every subscriber."""


class Target(Protocol):
    """Something behind the completions topic that wants to hear of each one."""

    name: str

    def deliver(self, completion: Completion) -> None:
        """Hand one completion over; any exception counts as not delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halftone:
    """One stage, wired."""

    settings: Settings
    pipeline: Pipeline
    storage: Storage
    catalogue: Catalogue
    completions: Completions
    targets: tuple[Target, ...]


def now() -> datetime:
    """Return the time in UTC, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
