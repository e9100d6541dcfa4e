"""What the use cases need of the world, and the bundle that hands it to them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from chalicelib.model.completion import Announcement
from chalicelib.model.picture import Limits, Rendering, VariantSpec
from chalicelib.model.pipeline import Pipeline
from chalicelib.settings import Settings
from chalicelib.usecases.entry import Attempt, Entry, Image, Location


class Call(msgspec.Struct, frozen=True):
    """The invocation that work is done in.

    `checkpoint` is called between steps of long work; it raises TimeIsUp when time nearly is. An image that then had
    `fair_seconds` to itself takes too long; one that had less may do better in another call. `callback_url` is told of
    what comes of the call, besides everybody else.
    """

    attempt: Attempt
    checkpoint: Callable[[], None]
    fair_seconds: float
    callback_url: str | None = None


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object of the storage whose bytes are still there: `read` fetches them, the first time.

    It raises NotFound for bytes in an archive, of which only the rest can be seen.
    """

    etag: str
    version_id: str | None
    size: int
    metadata: Mapping[str, str]
    read: Callable[[], bytes]


class Stat(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an object without reading it; `owner` is the image that it was written for, where it says so."""

    etag: str
    version_id: str | None
    size: int
    owner: str | None


class Taken(Exception):
    """There is an object already where one was to be written, or another than expected."""


class Overtaken(Exception):
    """Somebody else claimed the image in between, and writes everything after us: nothing is owed."""


class Render(Protocol):
    """Imaging, in a process that a file may kill."""

    def __call__(
        self, data: bytes, specs: Sequence[VariantSpec], *, limits: Limits, checkpoint: Callable[[], None]
    ) -> Rendering:
        """Make every variant of an original; raises a PermanentError, and what `checkpoint` raises."""


class Storage(Protocol):
    """S3. Every method raises StorageUnavailable when S3 fails."""

    def open(self, bucket: str, key: str) -> AbstractContextManager[StoredObject]:
        """Open the current version of an object; raises NotFound when there is none."""

    def stat(self, bucket: str, key: str) -> Stat | None:
        """Look at an object, or return None when there is none."""

    def put(self, place: Location, data: bytes, *, content_type: str) -> str:
        """Write a variant, marked as ours, and return its ETag."""

    def put_instead(
        self, place: Location, data: bytes, *, content_type: str, owner: str, instead_of: str | None
    ) -> str:
        """Write likewise, but only over the object with the ETag `instead_of`, None is no object; raises Taken.

        The object names `owner`, an image id.
        """

    def copy(self, source: Location, target: Location) -> None:
        """Copy an object with its content type and metadata, but not its tags.

        Raises NotFound when there is none, and InvalidRequest when it can never be copied: it is too large, the key
        too long, or its bytes are in an archive.
        """

    def remove(self, places: Mapping[Location, str | None]) -> None:
        """Remove objects, each only while it has the ETag that is given, if one is; what is gone already is fine."""


class Catalogue(Protocol):
    """DynamoDB. Every method raises CatalogueUnavailable when DynamoDB fails."""

    def get(self, image_id: str) -> Entry | None:
        """Read an entry as it was last written."""

    def change(self, entry: Entry, transition: Callable[[Entry], Entry]) -> Entry:
        """Write what the transition makes of an entry, and return what stands there then.

        Where somebody else wrote since the entry was read, the transition is made on what they left. Nothing is written
        where it returns the very entry it was given.
        """

    def unfinished(self, before: int) -> Iterator[Image]:
        """List the images that the sweep had to look at before then (Unix seconds)."""


class Completions(Protocol):
    """SNS. Raises CompletionsUnavailable when SNS fails."""

    def publish(self, announcement: Announcement) -> None:
        """Tell every subscriber."""


class Halftone(msgspec.Struct, frozen=True, kw_only=True):
    """One stage, wired. `digest` tells its pipeline and limits from every other."""

    settings: Settings
    pipeline: Pipeline
    digest: str
    render: Render
    storage: Storage
    catalogue: Catalogue
    completions: Completions


def now() -> datetime:
    """Return the time in UTC, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
