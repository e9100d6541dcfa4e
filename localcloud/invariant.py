"""What must hold of a stage that has dealt with all its events (`docs/events.md`), looked up in buckets and table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import md5
from typing import Protocol

from chalicelib.errors import PermanentError
from chalicelib.identity import image_id
from chalicelib.imaging.render import render
from chalicelib.model import Completion, Pipeline, Record, Status
from chalicelib.pipelines import variant_key
from chalicelib.usecases.ports import Entry, Location

Stored = Mapping[Location, str]
"""Where variants are, and their ETags."""


class Seen(Protocol):
    """A stage as far as it is looked at here."""

    source: str
    dest: str
    pipeline: Pipeline

    def original(self, key: str) -> bytes | None: ...
    def entry(self, key: str) -> Entry | None: ...
    def variants(self) -> Stored: ...


def violations(stage: Seen, keys: Iterable[str], said: Sequence[Completion]) -> Iterator[str]:
    """Say where the stage is not as it must be, a sentence each; `said` is all that was ever announced."""
    listed: dict[Location, str] = {}
    for key in keys:
        entry = stage.entry(key)
        if entry is None:
            yield f"{key}: there is no record"
            continue
        record = entry.record
        listed |= _listed(record)
        yield from (f"{key}: {what}" for what in _wrong(stage, key, record))
        own = [completion for completion in said if completion.key == key]
        if not _announced(record, own):
            yield f"{key}: that it is {record.status} was never announced"
    stored = stage.variants()
    for place in sorted(stored.keys() | listed.keys()):
        if stored.get(place) != listed.get(place):
            yield f"{place[1]}: stored is {stored.get(place)}, on record {listed.get(place)}"


def _wrong(stage: Seen, key: str, record: Record) -> Iterator[str]:
    """Compare a record with what its original, as it is now, has to become: rendered again, here."""
    data = stage.original(key)
    status, expected = _expected(stage, key, data)
    if record.status is not status:
        yield f"it is {record.status} and has to be {status}"
    if data is not None and record.etag != _etag(data):
        yield f"the record is of version {record.etag}, and the original is {_etag(data)}"
    if record.status is status and _listed(record) != expected:
        yield f"its variants are {_listed(record)} and have to be {expected}"


def _expected(stage: Seen, key: str, data: bytes | None) -> tuple[Status, Stored]:
    if data is None:
        return Status.DELETED, {}
    try:
        rendering = render(data, stage.pipeline.variants)
    except PermanentError:
        return Status.FAILED, {}
    identity = image_id(stage.source, key)
    extensions = [made.format.value.replace("jpeg", "jpg") for made in rendering.variants]
    return Status.READY, {
        (stage.dest, variant_key(made.spec, key, image_id=identity, extension=extension)): _etag(made.data)
        for made, extension in zip(rendering.variants, extensions, strict=True)
    }


def _announced(record: Record, said: Sequence[Completion]) -> bool:
    """Tell whether subscribers know of what is on record; what they never heard of may go without a word."""
    if record.status is Status.DELETED and not said:
        return True
    states = [(completion.status, completion.variants, completion.error) for completion in said]
    return (record.status, record.variants, record.error) in states


def _listed(record: Record) -> dict[Location, str]:
    return {(variant.bucket, variant.key): variant.etag for variant in record.variants}


def _etag(data: bytes) -> str:
    return md5(data, usedforsecurity=False).hexdigest()
