"""The fastest decoder at hand and nothing else, at the scale that Halftone asks for.

That is libvips for PNG, which undoes its filters with SIMD. For JPEG and WebP none is faster than Halftone's own.
"""

from collections.abc import Callable

import pyvips

from bench.engines import floor, halftone
from bench.job import Job


def prepare(data: bytes, job: Job) -> Callable[[], list[bytes]]:
    pyvips.cache_set_max(0)
    calls = floor.calls_of(halftone.prepare(data, job))

    def make() -> list[bytes]:
        if job.source_format == "png":
            pyvips.Image.new_from_buffer(data, "", access="sequential").write_to_memory()
        else:
            floor.decode(data, job.source_format, calls)
        return [b"" for _ in job.sides]

    return make
