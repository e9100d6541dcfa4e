"""Where the variants of an image go, and where they may be. Pure."""

import hashlib
from collections.abc import Iterator

from chalicelib.errors import InvalidRequest
from chalicelib.model.order import AdHoc
from chalicelib.model.picture import Format, VariantSpec
from chalicelib.orders import is_ad_hoc_place
from chalicelib.pipelines import keys
from chalicelib.usecases.entry import Image, Location
from chalicelib.usecases.ports import Halftone


def location(wanted: AdHoc, image: Image, output: Format, halftone: Halftone, *, etag: str = "") -> Location:
    """Say where a variant goes: never where an original is, or a variant of another. Raises InvalidRequest.

    `etag` is of the version that an ad hoc variant is made of: its place is that version's own.
    """
    stage = halftone.settings
    bucket = wanted.dest_bucket or _home(wanted.spec, halftone)
    key = wanted.dest_key or keys.variant_key(
        wanted.spec,
        keys.named(image.key, bucket=None if image.bucket == stage.source_bucket else image.bucket),
        image_id=image.id,
        extension=keys.extension(output),
        version=hashlib.sha256(etag.encode()).hexdigest()[:12],
    )
    if (bucket, key) == (image.bucket, image.key) or wanted.dest_bucket == stage.source_bucket:
        field = "dest_key" if wanted.dest_key else "dest_bucket"
        raise InvalidRequest(f"{field}: {key} in {bucket} is where originals are; choose another place", field=field)
    if wanted.dest_key and (is_ad_hoc_place(key) or is_of_pipeline((bucket, key), halftone)):
        raise InvalidRequest(f"dest_key: {key} is where other variants go; choose another place", field="dest_key")
    return bucket, key


def possible_locations(image: Image, halftone: Halftone) -> set[Location]:
    """Return every place that the pipeline's variants may go to, whatever format and metadata the original has."""

    def places(spec: VariantSpec) -> Iterator[Location]:
        fixed = spec.format and not halftone.pipeline.source.instructions
        for output in (spec.format,) if spec.format and fixed else Format:
            try:
                yield location(AdHoc(spec=spec), image, output, halftone)
            except InvalidRequest:
                return  # rendering will say so, and nothing will be written there

    return {place for spec in halftone.pipeline.variants for place in places(spec)}


def is_of_pipeline(place: Location, halftone: Halftone) -> bool:
    """Tell whether a variant of the pipeline, of whatever original, could have this place."""
    bucket, key = place
    return any(bucket == _home(spec, halftone) and keys.could_be(spec, key) for spec in halftone.pipeline.variants)


def _home(spec: VariantSpec, halftone: Halftone) -> str:
    return halftone.settings.source_bucket if spec.bucket == "source" else halftone.settings.dest_bucket
