"""libvips through pyvips: a `thumbnail_buffer` per variant, as its documentation recommends."""

from collections.abc import Callable

import pyvips

from bench.job import Job

SUFFIX = {"jpeg": ".jpg", "webp": ".webp", "avif": ".avif", "png": ".png"}


def prepare(data: bytes, job: Job) -> Callable[[], list[bytes]]:
    pyvips.cache_set_max(0)  # the same picture again and again must not be answered from libvips' cache
    return lambda: [_variant(data, side, job) for side in job.sides]


def _variant(data: bytes, side: int, job: Job) -> bytes:
    """One variant; colours are converted only where a profile is embedded, which halves the time of other pictures."""
    image = pyvips.Image.thumbnail_buffer(data, side, height=side, size="down")
    if image.get_typeof("icc-profile-data"):
        image = image.icc_transform("srgb", embedded=True)
    options = {} if job.quality is None else {"Q": job.quality}
    encoded: bytes = image.write_to_buffer(SUFFIX[job.output], keep="none", **options)
    return encoded
