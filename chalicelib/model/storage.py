"""What happens to objects in the buckets."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageChange:
    """S3 says that an object came or went.

    `sequencer` orders the changes of one key. One without, such as an event made by hand, asks to look at the object
    as it is now.
    """

    kind: Literal["created", "removed"]
    bucket: str
    key: str
    sequencer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """What became of an object in the destination bucket; `restored_to` is a key of the source bucket."""

    message: str
    bucket: str
    key: str
    restored_to: str | None = None
