"""The check that chaos ends with finds what is wrong: each case is one thing out of order."""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.identity import image_id
from chalicelib.imaging.render import render
from chalicelib.model.completion import Completion, CompletionEvent
from chalicelib.model.picture import Format
from chalicelib.model.pipeline import Pipeline
from chalicelib.model.record import Failure, Record, Status, Variant
from chalicelib.pipelines import loading
from chalicelib.usecases.entry import Entry, Location
from chalicelib.usecases.ports import now
from localcloud.invariant import Version, violations
from tests.conftest import picture

KEY = "photo.jpg"
OLDER = Version("1", b"no picture either")


def etag(data: bytes) -> str:
    return md5(data).hexdigest()


@dataclass
class Seen:
    """A stage with one image, as it must be."""

    source: str = "originals"
    dest: str = "variants"
    pipeline: Pipeline = field(default_factory=lambda: loading.load("default"))
    history: list[Version] = field(default_factory=list)
    record: Record | None = None
    stored: dict[Location, str] = field(default_factory=dict)
    said: list[Completion] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    key: str = KEY

    def versions(self, key: str) -> list[Version]:
        assert key == self.key
        return self.history

    def entry(self, key: str) -> Entry | None:
        assert key == self.key
        return Entry(record=self.record, revision=2) if self.record else None

    def leased(self) -> list[str]:
        return self.held

    def variants(self) -> dict[Location, str]:
        return self.stored

    def found(self) -> list[str]:
        return list(violations(self, [self.key], self.said))


def whole(status: Status, data: bytes | None, variants: tuple[Variant, ...], code: str | None = None) -> Seen:
    moment, error = now(), Failure(code=code, message="why") if code else None
    record = Record(
        image_id=image_id("originals", KEY),
        status=status,
        bucket="originals",
        key=KEY,
        etag=etag(data) if data is not None else None,
        version_id="2" if data is not None else None,
        pipeline="default",
        created_at=moment,
        updated_at=moment,
        variants=variants,
        error=error,
    )
    completion = Completion(
        event=CompletionEvent.READY,
        image_id=record.image_id,
        bucket=record.bucket,
        key=KEY,
        etag=record.etag,
        version_id=record.version_id,
        generation=1,
        status=status,
        pipeline="default",
        variants=variants,
        error=error,
        processing_ms=None,
        original_bytes=None,
        occurred_at=moment,
    )
    stored = {(variant.bucket, variant.key): variant.etag for variant in variants}
    return Seen(history=[Version("2", data), OLDER], record=record, stored=stored, said=[completion])


def ready() -> Seen:
    data = picture()
    variants = tuple(
        Variant(
            name=made.spec.name,
            bucket="variants",
            key=f"{made.spec.name}/{KEY}",
            format=Format.JPEG,
            content_type="image/jpeg",
            width=made.width,
            height=made.height,
            bytes=len(made.data),
            etag=etag(made.data),
        )
        for made in render(data, loading.load("default").variants).variants
    )
    return whole(Status.READY, data, variants)


def test_what_is_in_order_is_found_so() -> None:
    assert ready().found() == []
    assert whole(Status.FAILED, b"no picture", (), "unsupported_format").found() == []
    assert whole(Status.DELETED, None, ()).found() == []


def test_what_nobody_ever_heard_of_may_go_silently() -> None:
    seen = whole(Status.DELETED, None, ())
    seen.said = []
    assert seen.found() == []


def changed(**changes: Any) -> Callable[[Seen], None]:
    def change(seen: Seen) -> None:
        assert seen.record
        seen.record = replace(seen.record, **changes)

    return change


def lose(seen: Seen) -> None:
    seen.record = None


def overwrite(seen: Seen) -> None:
    seen.history.insert(0, Version("3", picture(300, 400)))


def overwrite_with_the_same(seen: Seen) -> None:
    seen.history.insert(0, Version("3", picture()))


def delete(seen: Seen) -> None:
    seen.history.insert(0, Version("3", None))


def leave_behind(seen: Seen) -> None:
    seen.stored["variants", "thumbnail/other.jpg"] = "x"


def hold(seen: Seen) -> None:
    seen.held.append(KEY)


def miss(seen: Seen) -> None:
    seen.stored.popitem()


def replace_bytes(seen: Seen) -> None:
    seen.stored["variants", f"thumbnail/{KEY}"] = "stale"


def say_nothing(seen: Seen) -> None:
    seen.said.clear()


def say_more(**changes: Any) -> Callable[[Seen], None]:
    def change(seen: Seen) -> None:
        seen.said.append(replace(seen.said[0], **changes))

    return change


def say_another_reason(seen: Seen) -> None:
    other = Failure(code="corrupt_image", message="")
    seen.said.append(replace(seen.said[0], status=Status.FAILED, variants=(), error=other))


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lose, "there is no record"),
        (changed(status=Status.PROCESSING), "it is processing and has to be ready"),
        (changed(etag="older"), "the record is of version 2, older"),
        (changed(variants=()), "its variants are"),
        (overwrite, "the record is of version 2"),
        (overwrite_with_the_same, "the record is of version 2"),
        (delete, "it is ready and has to be deleted"),
        (leave_behind, "thumbnail/other.jpg: stored is x, on record None"),
        (hold, "somebody still holds its lease"),
        (miss, "stored is None, on record"),
        (replace_bytes, "stored is stale, on record"),
        (say_nothing, "was never announced"),
        (say_more(status=Status.DELETED, variants=()), "comes of no version"),
        (say_more(variants=()), "comes of no version"),
        (say_another_reason, "comes of no version"),
    ],
)
def test_what_is_out_of_order_is_told(harm: Callable[[Seen], None], told: str) -> None:
    seen = ready()
    harm(seen)
    assert any(told in violation for violation in seen.found()), seen.found()


def test_an_order_that_failed_says_nothing_of_the_image() -> None:
    seen, failure = ready(), Failure(code="not_found", message="")
    seen.said.append(replace(seen.said[0], event=CompletionEvent.ORDER_FAILED, status=None, error=failure))
    assert seen.found() == []


def test_an_original_whose_name_begins_like_a_place_of_ours_has_variants_of_its_own() -> None:
    seen = ready()
    (version, *_), record = seen.history, seen.record
    assert record
    moved = {spec.name: f"{spec.name}/@/{KEY}" for spec in seen.pipeline.variants}
    variants = tuple(replace(variant, key=moved[variant.name]) for variant in record.variants)
    changes: dict[str, Any] = {"key": f"/{KEY}", "variants": variants}
    seen.record = replace(record, **changes)
    seen.said = [replace(seen.said[0], **changes)]
    seen.stored = {(variant.bucket, variant.key): variant.etag for variant in variants}
    seen.history, seen.key = [version], f"/{KEY}"
    assert seen.found() == []


def test_what_an_earlier_version_came_to_may_have_been_announced() -> None:
    seen, failure = ready(), Failure(code="unsupported_format", message="")
    seen.said.append(replace(seen.said[0], status=Status.FAILED, variants=(), error=failure))
    assert seen.found() == []


def test_what_was_announced_before_a_variant_was_renamed_is_in_order() -> None:
    seen = ready()
    specs = tuple(replace(spec, name=f"old-{spec.name}") for spec in seen.pipeline.variants)
    former = tuple(replace(one, name=f"old-{one.name}", key=f"old-{one.key}") for one in seen.said[0].variants)
    seen.said.append(replace(seen.said[0], variants=former))
    assert any("comes of no version" in what for what in seen.found())
    assert list(violations(seen, [KEY], seen.said, former=[replace(seen.pipeline, variants=specs)])) == []


def test_a_failure_for_another_reason_is_told() -> None:
    seen = whole(Status.FAILED, b"no picture", (), "corrupt_image")
    assert any("its error is corrupt_image and has to be unsupported_format" in what for what in seen.found())
