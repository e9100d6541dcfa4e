"""The work itself: an original's bytes become stored variants. Ingest and resize both come through here."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from chalicelib.errors import EmptyObject, FileTooLarge
from chalicelib.imaging.render import render
from chalicelib.model import Format, Limits, Record, RenderedVariant, Status, Variant, VariantSpec
from chalicelib.pipelines import variant_key
from chalicelib.usecases.ports import Checkpoint, Halftone, Location, StoredObject

Place = Callable[[RenderedVariant], Location]
"""Says where a variant goes."""


def produce(
    original: StoredObject,
    record: Record,
    specs: Sequence[VariantSpec],
    place: Place,
    halftone: Halftone,
    checkpoint: Checkpoint,
) -> Record:
    """Render and store the variants, and return the record that describes them, ready but not saved.

    Its `variants` are the new ones only. Raises a PermanentError for an original that cannot be rendered, before
    anything is stored, and a TransientError when storing fails.
    """
    rendering = render(
        _bytes(original, halftone.settings.limits), specs, limits=halftone.settings.limits, checkpoint=checkpoint
    )
    places = [place(variant) for variant in rendering.variants]
    with ThreadPoolExecutor(max_workers=max(1, len(places))) as pool:
        variants = tuple(
            pool.map(lambda variant, location: _store(variant, location, halftone), rendering.variants, places)
        )
    return replace(
        record,
        status=Status.READY,
        original=rendering.original,
        placeholder=rendering.placeholder,
        perceptual_hash=rendering.perceptual_hash,
        variants=variants,
        error=None,
    )


def by_pipeline(record: Record, halftone: Halftone) -> Place:
    """Place variants where their specs say."""
    buckets = {"source": halftone.settings.source_bucket, "destination": halftone.settings.dest_bucket}

    def place(variant: RenderedVariant) -> Location:
        extension = "jpg" if variant.format is Format.JPEG else variant.format.value
        key = variant_key(variant.spec, record.key, image_id=record.image_id, extension=extension)
        return buckets[variant.spec.bucket], key

    return place


def locations(variants: Sequence[Variant]) -> set[Location]:
    """Return where the variants are."""
    return {(variant.bucket, variant.key) for variant in variants}


def _bytes(original: StoredObject, limits: Limits) -> bytes:
    if original.size == 0:
        raise EmptyObject("the object is empty")
    if original.size > limits.max_bytes:
        raise FileTooLarge(f"the file has {original.size:,} bytes; at most {limits.max_bytes:,} are taken")
    return original.read()


def _store(variant: RenderedVariant, location: Location, halftone: Halftone) -> Variant:
    bucket, key = location
    etag = halftone.storage.put(bucket, key, variant.data, content_type=variant.content_type)
    return Variant(
        name=variant.spec.name,
        bucket=bucket,
        key=key,
        format=variant.format,
        content_type=variant.content_type,
        width=variant.width,
        height=variant.height,
        bytes=len(variant.data),
        etag=etag,
    )
