"""An original's bytes become variants: rendered in memory first, then written."""

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from chalicelib.errors import DeadlineExceeded, EmptyObject, FileTooLarge, TimeIsUp, TransientError
from chalicelib.model.order import AdHoc
from chalicelib.model.picture import RenderedVariant, Rendering
from chalicelib.model.record import Variant
from chalicelib.usecases.entry import Image, Location
from chalicelib.usecases.locations import location
from chalicelib.usecases.ports import Call, Halftone, StoredObject
from chalicelib.usecases.take_over import put_shared

log = logging.getLogger("halftone.produce")

WRITERS = ThreadPoolExecutor(max_workers=10)
"""They stay from one image to the next, and are as many as botocore keeps connections."""

Placed = tuple[RenderedVariant, Location]
"""A rendered variant and where it goes."""


def produce(
    original: StoredObject, image: Image, wanted: Sequence[AdHoc], halftone: Halftone, call: Call
) -> tuple[Rendering, list[Placed]]:
    """Render what is wanted of an original, and say where each goes; nothing is written.

    Raises a PermanentError for an original that cannot be rendered, and TimeIsUp where it may be in another call.
    """
    started = time.perf_counter()
    limits = halftone.settings.limits
    if original.size == 0:
        raise EmptyObject("the object is empty")
    if original.size > limits.max_bytes:
        raise FileTooLarge(f"the file has {original.size:,} bytes; at most {limits.max_bytes:,} are taken")
    data = original.read()
    try:
        rendering = halftone.render(data, [one.spec for one in wanted], limits=limits, checkpoint=call.checkpoint)
    except TimeIsUp as late:
        if time.perf_counter() - started < call.fair_seconds:
            raise
        raise DeadlineExceeded("it takes longer than a function may run") from late
    cpu_ms = None if rendering.cpu_seconds is None else round(1000 * rendering.cpu_seconds, 1)
    log.debug("Rendered", extra={"image_id": image.id, "cpu_ms": cpu_ms})
    return rendering, [
        (variant, location(one, image, variant.format, halftone, etag=original.etag))
        for one, variant in zip(wanted, rendering.variants, strict=True)
    ]


def store(placed: Sequence[Placed], image: Image, halftone: Halftone) -> tuple[Variant, ...]:
    """Write a pipeline's variants, side by side, and return them in their order.

    When one fails, the others have ended too; of several errors, one with something in flight is raised.
    """
    writes = [WRITERS.submit(_stored, rendered, place, image, halftone) for rendered, place in placed]
    wait(writes)
    errors = [error for write in writes if (error := write.exception())]
    for error in errors:
        if isinstance(error, TransientError) and error.in_flight:
            raise error
    return tuple(write.result() for write in writes)


def stored_variant(rendered: RenderedVariant, place: Location, etag: str) -> Variant:
    """Describe a rendered variant that lies in its place."""
    return Variant(
        name=rendered.spec.name,
        bucket=place[0],
        key=place[1],
        format=rendered.format,
        content_type=rendered.content_type,
        width=rendered.width,
        height=rendered.height,
        bytes=len(rendered.data),
        etag=etag,
    )


def _stored(rendered: RenderedVariant, place: Location, image: Image, halftone: Halftone) -> Variant:
    if halftone.pipeline.shared_keys:
        etag = put_shared(rendered, place, image, halftone)
    else:
        etag = halftone.storage.put(place, rendered.data, content_type=rendered.content_type)
    return stored_variant(rendered, place, etag)
