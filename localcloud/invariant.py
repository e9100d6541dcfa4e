"""What must hold of a stage that has dealt with all its events (`docs/events.md`), looked up in buckets and table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import md5
from typing import Protocol

from chalicelib.errors import PermanentError
from chalicelib.identity import image_id
from chalicelib.imaging.render import render
from chalicelib.model.completion import Completion, CompletionEvent
from chalicelib.model.picture import VariantSpec
from chalicelib.model.pipeline import Pipeline
from chalicelib.model.record import Record, Status, Variant
from chalicelib.pipelines.keys import named, variant_key
from chalicelib.usecases.entry import Entry, Location

Stored = Mapping[Location, str]
"""Where variants are, and their ETags."""


@dataclass(frozen=True, slots=True)
class Version:
    """What was uploaded; `data` of None says that it was deleted."""

    id: str | None
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Result:
    """What a version comes to: `code` is that of the error for which it failed.

    `status` is None only in what was announced of an image that nobody knows.
    """

    status: Status | None
    variants: Stored
    code: str | None = None


class Seen(Protocol):
    """A stage as far as it is looked at here; the first of the versions is the latest."""

    source: str
    dest: str
    pipeline: Pipeline

    def versions(self, key: str) -> Sequence[Version]: ...
    def entry(self, key: str) -> Entry | None: ...
    def leased(self) -> Iterable[str]: ...
    def variants(self) -> Stored: ...


def violations(
    stage: Seen, keys: Iterable[str], said: Sequence[Completion], former: Sequence[Pipeline] = ()
) -> Iterator[str]:
    """Say where the stage is not as it must be, a sentence each; `said` is all that was ever announced.

    Which versions were on record for a while cannot be seen from here. What was announced has to be what one of them
    comes to, as a whole, with the stage's pipeline or one of its `former` ones.
    """
    listed: dict[Location, str] = {}
    for key in keys:
        entry = stage.entry(key)
        if entry is None:
            yield f"{key}: there is no record"
            continue
        record = entry.record
        listed |= _listed(record.variants)
        versions = stage.versions(key)
        pipelines = (stage.pipeline, *former)
        results = [_result(stage, pipeline, key, version.data) for pipeline in pipelines for version in versions]
        yield from (f"{key}: {what}" for what in _wrong(record, versions[0], results[0]))
        own = [one for one in said if one.key == key and one.event is not CompletionEvent.ORDER_FAILED]
        if not _announced(record, own):
            yield f"{key}: that it is {record.status} was never announced"
        for completion in own:
            if _said(completion) not in results:
                yield f"{key}: {_said(completion)} was announced, and comes of no version"
    yield from (f"{key}: somebody still holds its lease" for key in stage.leased())
    stored = stage.variants()
    for place in sorted(stored.keys() | listed.keys()):
        if stored.get(place) != listed.get(place):
            yield f"{place[1]}: stored is {stored.get(place)}, on record {listed.get(place)}"


def _wrong(record: Record, latest: Version, result: Result) -> Iterator[str]:
    """Compare a record with what its original, as it is now, has to become."""
    if record.status is not result.status:
        yield f"it is {record.status} and has to be {result.status}"
        return
    if latest.data is not None and (record.etag, record.version_id) != (_etag(latest.data), latest.id):
        yield (
            f"the record is of version {record.version_id}, {record.etag}, "
            f"and the original is {latest.id}, {_etag(latest.data)}"
        )
    if _code(record) != result.code:
        yield f"its error is {_code(record)} and has to be {result.code}"
    if _listed(record.variants) != result.variants:
        yield f"its variants are {_listed(record.variants)} and have to be {result.variants}"


def _result(stage: Seen, pipeline: Pipeline, key: str, data: bytes | None) -> Result:
    """Say what a version has to become: rendered again, here."""
    if data is None:
        return Result(Status.DELETED, {})
    try:
        made = _rendered(data, pipeline.variants)
    except PermanentError as error:
        return Result(Status.FAILED, {}, error.code)
    identity = image_id(stage.source, key)
    variants = {
        (stage.dest, variant_key(spec, named(key), image_id=identity, extension=extension)): etag
        for spec, extension, etag in made
    }
    return Result(Status.READY, variants)


@cache
def _rendered(data: bytes, specs: tuple[VariantSpec, ...]) -> tuple[tuple[VariantSpec, str, str], ...]:
    """Return the extension and the ETag of each variant."""
    return tuple(
        (made.spec, made.format.value.replace("jpeg", "jpg"), _etag(made.data)) for made in render(data, specs).variants
    )


def _announced(record: Record, said: Sequence[Completion]) -> bool:
    """Tell whether subscribers know of what is on record; what they never heard of may go without a word."""
    if record.status is Status.DELETED and not said:
        return True
    states = [(completion.status, completion.variants, completion.error) for completion in said]
    return (record.status, record.variants, record.error) in states


def _said(completion: Completion) -> Result:
    return Result(completion.status, _listed(completion.variants), _code(completion))


def _code(told: Record | Completion) -> str | None:
    return told.error.code if told.error else None


def _listed(variants: Iterable[Variant]) -> dict[Location, str]:
    return {(variant.bucket, variant.key): variant.etag for variant in variants}


def _etag(data: bytes) -> str:
    return md5(data, usedforsecurity=False).hexdigest()
