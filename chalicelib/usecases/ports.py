"""What the use cases need of the world, as protocols, and the one bundle that hands it to them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Protocol

from chalicelib.identity import image_id
from chalicelib.model.completion import Announcement, Completion, Handover
from chalicelib.model.order import AdHoc, ResizeOrder
from chalicelib.model.pipeline import Pipeline
from chalicelib.model.record import Record
from chalicelib.model.workflow import Workflow
from chalicelib.settings import Settings

Location = tuple[str, str]
"""A bucket and a key."""


@dataclass(frozen=True)
class Image:
    """Which original is meant."""

    bucket: str
    key: str

    @cached_property
    def id(self) -> str:
        """The image id."""
        return image_id(self.bucket, self.key)


@dataclass(frozen=True, slots=True)
class Worker:
    """Who works: one invocation, which Lambda ends at `until` (Unix seconds), if it lives so long.

    `delivery` names the delivery of an event: Lambda's retries of one event share it, a duplicate of the event has
    another. Lambda may also deliver an event twice under one name, even at once: `nonce` tells such twins apart.
    """

    delivery: str
    until: int
    nonce: str


@dataclass(frozen=True, slots=True)
class Call:
    """The invocation that work is done in.

    `checkpoint` is called between steps of long work; it raises TimeIsUp when time nearly is. An image that then had
    `fair_seconds` to itself takes too long; one that had less may do better in another call. `callback_url` is told of
    what comes of the call, besides everybody else.
    """

    worker: Worker
    checkpoint: Callable[[], None]
    fair_seconds: float
    callback_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object of the storage whose bytes are still there: `read` fetches them, the first time.

    It raises NotFound for bytes in an archive, of which only the rest can be seen.
    """

    etag: str
    version_id: str | None
    size: int
    metadata: Mapping[str, str]
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """All that the catalogue holds of an image: its record, and what keeps workers on it from undoing one another.

    `generation` grows with every claim and every save, so that each can tell that nothing has happened since;
    `owner` is who claimed last, or None when all is said and done. `claimants` are those who claimed and have not said
    that they are done, dead ones included. `places` are all locations that any of them may have written to. `extras`
    are the ad-hoc variants of the version `extras_etag`; `digest` tells which pipeline the record was settled by.
    """

    record: Record
    generation: int
    owner: Worker | None
    sequencer: str | None = None
    claimants: frozenset[Worker] = frozenset()
    places: frozenset[Location] = frozenset()
    extras: tuple[AdHoc, ...] = ()
    extras_etag: str | None = None
    digest: str | None = None

    def dead(self, moment: datetime) -> frozenset[Worker]:
        """Return the claimants that can have done nothing since `moment`; clocks may be a minute apart."""
        return frozenset(claimant for claimant in self.claimants if claimant.until + 60 < moment.timestamp())


@dataclass(frozen=True, slots=True)
class Newer:
    """Grounds for a claim: a change of the object that is newer than what was dealt with, by S3's sequencer.

    The same change once more is grounds when it was settled by another pipeline than `digest`.
    """

    sequencer: str
    digest: str


@dataclass(frozen=True, slots=True)
class Since:
    """Grounds for a claim: nothing has happened to the entry since this generation; 0 is before there was one.

    They hold only for what was seen of the object after the entry was read.
    """

    generation: int


class Overtaken(Exception):
    """A claim or a save came too late; `entry` is what stands in its place."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(f"image {entry.record.image_id} is at generation {entry.generation}")
        self.entry = entry


class Storage(Protocol):
    """S3. Every method raises StorageUnavailable when S3 fails."""

    def open(self, bucket: str, key: str) -> AbstractContextManager[StoredObject]:
        """Open the current version of an object; raises NotFound when there is none."""

    def etag(self, bucket: str, key: str) -> str | None:
        """Return the ETag of an object, or None when there is none."""

    def put(self, bucket: str, key: str, data: bytes, *, content_type: str) -> str:
        """Write a variant, marked as ours, and return its ETag."""

    def copy(self, source: Location, target: Location) -> None:
        """Copy an object with its content type and metadata, but not its tags.

        Raises NotFound when there is none, and InvalidRequest when it can never be copied: it is too large, the key
        too long, or its bytes are in an archive.
        """

    def remove(self, locations: Iterable[Location]) -> None:
        """Remove objects; one that is gone already is fine."""


class Catalogue(Protocol):
    """DynamoDB. Every method raises CatalogueUnavailable when DynamoDB fails."""

    def get(self, image_id: str) -> Entry | None:
        """Read an entry as it was last written."""

    def claim(self, record: Record, grounds: Newer | Since, *, worker: Worker, places: Iterable[Location]) -> Entry:
        """Begin work on a version; raises Overtaken when the grounds do not hold.

        The record keeps `created_at` and `variants` of the stored one: they are in the buckets until replaced.
        """

    def extend(self, entry: Entry, *, worker: Worker, places: Iterable[Location]) -> Entry:
        """Begin work on more variants of a settled entry, which stays as it is; raises Overtaken when it changed."""

    def save(
        self,
        entry: Entry,
        record: Record,
        *,
        worker: Worker,
        digest: str,
        extras: Sequence[AdHoc],
        dead: Collection[Worker] = (),
    ) -> None:
        """Settle an entry; raises Overtaken when it changed since.

        `dead` are claimants that need no looking after any more, because everything was written after their end.
        """

    def disturb(self, entry: Entry, *, worker: Worker) -> None:
        """Make the work under way on an entry start its writing over; raises Overtaken when it changed."""

    def leave(self, entry: Entry, *, worker: Worker) -> None:
        """Say that a worker is done with an entry."""

    def seal(self, image_id: str, *, delivery: str) -> None:
        """Say that what a delivery settled has been announced, should the delivery come again."""


class Completions(Protocol):
    """SNS. Raises CompletionsUnavailable when SNS fails."""

    def publish(self, announcement: Announcement) -> None:
        """Tell every subscriber."""


class Target(Protocol):
    """Something behind the completions topic that wants to hear of each one."""

    name: str

    def deliver(self, completion: Completion) -> None:
        """Hand one completion over; after any exception but a PermanentError another attempt may end better."""


class Redelivery(Protocol):
    """The function that tries one target again, by itself and for as long as Lambda does."""

    def hand_over(self, handover: Handover) -> None:
        """Leave a target to it; raises CompletionsUnavailable when it cannot be reached."""


class Deferral(Protocol):
    """The function that carries out orders nobody waits for."""

    def hand_over(self, order: ResizeOrder) -> None:
        """Leave an order to it; raises WorkflowsUnavailable when it cannot be reached."""


class Workflows(Protocol):
    """Step Functions. Every method raises WorkflowsUnavailable when Step Functions fails."""

    def start(self, task: Mapping[str, Any]) -> str:
        """Start a run of the state machine with this input, and return its id."""

    def find(self, execution_id: str) -> Workflow | None:
        """Tell how a run of this state machine, and of no other, stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlets:
    """What stands behind the completions topic of one stage, wired.

    `targets` hear of every completion; `webhook` makes a target of the URL that a caller gave.
    """

    targets: tuple[Target, ...]
    webhook: Callable[[str], Target]
    redelivery: Redelivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Halftone:
    """One stage, wired. `digest` tells its pipeline from every other."""

    settings: Settings
    pipeline: Pipeline
    digest: str
    storage: Storage
    catalogue: Catalogue
    completions: Completions


def now() -> datetime:
    """Return the time in UTC, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
