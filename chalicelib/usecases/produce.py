"""An original's bytes become variants: rendered in memory first, then written."""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from chalicelib.errors import EmptyObject, FileTooLarge, InvalidRequest
from chalicelib.imaging.render import render
from chalicelib.model.order import AdHoc
from chalicelib.model.picture import Format, RenderedVariant, Rendering, VariantSpec
from chalicelib.model.record import Variant
from chalicelib.orders import is_ad_hoc_place
from chalicelib.pipelines.keys import could_be, extension, variant_key
from chalicelib.usecases.ports import Call, Halftone, Image, Location, StoredObject

log = logging.getLogger("halftone.produce")

WRITERS = ThreadPoolExecutor(max_workers=10)
"""They stay from one image to the next, and are as many as botocore keeps connections."""

Placed = tuple[RenderedVariant, Location]
"""A rendered variant and where it goes."""


def produce(
    original: StoredObject, image: Image, wanted: Sequence[AdHoc], halftone: Halftone, call: Call
) -> tuple[Rendering, list[Placed]]:
    """Render what is wanted of an original, and say where each goes; nothing is written.

    Raises a PermanentError for an original that cannot be rendered.
    """
    limits = halftone.settings.limits
    if original.size == 0:
        raise EmptyObject("the object is empty")
    if original.size > limits.max_bytes:
        raise FileTooLarge(f"the file has {original.size:,} bytes; at most {limits.max_bytes:,} are taken")
    specs = [extra.spec for extra in wanted]
    data = original.read()
    started = time.process_time()
    rendering = render(data, specs, limits=limits, checkpoint=call.checkpoint)
    log.info("Rendered", extra={"image_id": image.id, "cpu_ms": round(1000 * (time.process_time() - started), 1)})
    return rendering, [
        (variant, _location(extra, image, variant.format, halftone))
        for extra, variant in zip(wanted, rendering.variants, strict=True)
    ]


def store(placed: Sequence[Placed], halftone: Halftone) -> tuple[Variant, ...]:
    """Write variants, side by side, and return them in their order; when one fails, the others have ended too."""
    writes = [WRITERS.submit(_stored, variant, location, halftone) for variant, location in placed]
    wait(writes)
    return tuple(write.result() for write in writes)


def possible_places(wanted: Iterable[AdHoc], image: Image, halftone: Halftone) -> set[Location]:
    """Return every location that the variants may go to, whatever format the original turns out to have."""

    def places(extra: AdHoc) -> Iterator[Location]:
        formats = (extra.spec.format,) if extra.spec.format else Format
        for output in formats:
            try:
                yield _location(extra, image, output, halftone)
            except InvalidRequest:
                return  # rendering will say so, and nothing will be written there

    return {place for extra in wanted for place in places(extra)}


def _location(extra: AdHoc, image: Image, output: Format, halftone: Halftone) -> Location:
    """Say where a variant goes: never where an original is, or a variant of another. Raises InvalidRequest.

    Originals of other buckets than the source bucket have theirs in the key, so that two of one key do not meet.
    """
    named = image.key if image.bucket == halftone.settings.source_bucket else f"{image.bucket}/{image.key}"
    bucket = extra.dest_bucket or _home(extra.spec, halftone)
    key = extra.dest_key or variant_key(extra.spec, named, image_id=image.id, extension=extension(output))
    if (bucket, key) == (image.bucket, image.key) or (extra.dest_bucket == halftone.settings.source_bucket):
        field = "dest_key" if extra.dest_key else "dest_bucket"
        raise InvalidRequest(f"{field}: {key} in {bucket} is where originals are; choose another place", field=field)
    if extra.dest_key and (
        is_ad_hoc_place(key)
        or any(bucket == _home(spec, halftone) and could_be(spec, key) for spec in halftone.pipeline.variants)
    ):
        raise InvalidRequest(f"dest_key: {key} is where other variants go; choose another place", field="dest_key")
    return bucket, key


def _home(spec: VariantSpec, halftone: Halftone) -> str:
    return halftone.settings.source_bucket if spec.bucket == "source" else halftone.settings.dest_bucket


def _stored(variant: RenderedVariant, location: Location, halftone: Halftone) -> Variant:
    bucket, key = location
    return Variant(
        name=variant.spec.name,
        bucket=bucket,
        key=key,
        format=variant.format,
        content_type=variant.content_type,
        width=variant.width,
        height=variant.height,
        bytes=len(variant.data),
        etag=halftone.storage.put(bucket, key, variant.data, content_type=variant.content_type),
    )
