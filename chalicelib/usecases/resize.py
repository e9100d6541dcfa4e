"""Somebody asks for variants of one original, now."""

import time
from collections.abc import Sequence
from dataclasses import replace

from chalicelib.errors import ForbiddenBucket, InvalidRequest, UnknownVariant
from chalicelib.identity import image_id
from chalicelib.model import Record, RenderedVariant, ResizeOrder, Status, Variant, VariantSpec
from chalicelib.pipelines import is_original
from chalicelib.usecases.announce import announce
from chalicelib.usecases.ports import Checkpoint, Halftone, Location, StoredObject, now
from chalicelib.usecases.produce import Place, by_pipeline, locations, produce


def resize(order: ResizeOrder, halftone: Halftone, checkpoint: Checkpoint) -> Record:
    """Make the variants that the order asks for, and return the record with them and the ones it had before.

    Variants of an older version of the original, and ones that the new ones replace at another place, are removed.
    Raises ForbiddenBucket, UnknownVariant, InvalidRequest, NotFound and whatever the original's bytes give cause for;
    the record is not touched then.
    """
    _check_buckets(order, halftone)
    specs = _specs(order, halftone)
    started = time.perf_counter()
    with halftone.storage.open(order.bucket, order.key) as original:
        stored = halftone.catalogue.get(image_id(order.bucket, order.key))
        record = _record(order, original, stored, halftone)
        made = produce(original, record, specs, _place(order, record, halftone), halftone, checkpoint)
    before = stored.variants if stored else ()
    kept = before if stored and stored.etag == made.etag else ()
    variants = _merged(kept, made.variants)
    halftone.storage.remove(locations(before) - locations(variants))
    outcome = replace(
        made, variants=variants, updated_at=now(), processing_ms=round(1000 * (time.perf_counter() - started))
    )
    halftone.catalogue.save(outcome, None)
    announce(outcome, halftone)
    return outcome


def _check_buckets(order: ResizeOrder, halftone: Halftone) -> None:
    for bucket in filter(None, (order.bucket, order.dest_bucket)):
        if bucket not in halftone.settings.allowed_buckets:
            raise ForbiddenBucket(f"bucket {bucket} is not on this stage's allow-list")


def _specs(order: ResizeOrder, halftone: Halftone) -> Sequence[VariantSpec]:
    if order.adhoc:
        return (order.adhoc,)
    named = {spec.name: spec for spec in halftone.pipeline.variants}
    wanted = order.variants if order.variants is not None else tuple(named)
    for name in wanted:
        if name not in named:
            raise UnknownVariant(f"variants: expected names out of {', '.join(named)}, got {name!r}", field="variants")
    return [named[name] for name in dict.fromkeys(wanted)]


def _record(order: ResizeOrder, original: StoredObject, stored: Record | None, halftone: Halftone) -> Record:
    moment = now()
    return Record(
        image_id=image_id(order.bucket, order.key),
        status=Status.PROCESSING,
        bucket=order.bucket,
        key=order.key,
        etag=original.etag,
        version_id=original.version_id,
        pipeline=halftone.pipeline.name,
        created_at=stored.created_at if stored else moment,
        updated_at=moment,
    )


def _place(order: ResizeOrder, record: Record, halftone: Halftone) -> Place:
    """Place variants where the order says, else where their specs say; never on an original."""
    by_spec = by_pipeline(record, halftone)

    def place(variant: RenderedVariant) -> Location:
        bucket, key = by_spec(variant)
        bucket, key = order.dest_bucket or bucket, order.dest_key or key
        own = bucket == halftone.settings.source_bucket and is_original(halftone.pipeline.source, key)
        if own or (bucket, key) == (order.bucket, order.key):
            field = "dest_key" if order.dest_key else "dest_bucket"
            raise InvalidRequest(
                f"{field}: {key} in {bucket} is where originals are; choose another place", field=field
            )
        return bucket, key

    return place


def _merged(kept: Sequence[Variant], made: Sequence[Variant]) -> tuple[Variant, ...]:
    """Put new variants in the place of the ones with their names, and the others at the end."""
    return tuple(({variant.name: variant for variant in kept} | {variant.name: variant for variant in made}).values())
