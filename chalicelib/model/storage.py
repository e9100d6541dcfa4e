"""What happens to objects in the buckets."""

from typing import Literal

import msgspec


class StorageChange(msgspec.Struct, frozen=True, kw_only=True):
    """S3 says that an object came or went, or somebody wants it looked at as it is now.

    `sequencer` orders the changes of one key that S3 tells of; `etag` is of the version that came. `review` checks an
    image, `sweep` finishes what was left of it.
    """

    kind: Literal["created", "removed", "review", "sweep"]
    bucket: str
    key: str
    sequencer: str = ""
    etag: str | None = None


class Restoration(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an object in the destination bucket; `restored_to` is a key of the source bucket."""

    message: str
    bucket: str
    key: str
    restored_to: str | None = None
