"""Halftone itself: all variants from one `render`, which also describes the original (hashes, colour, EXIF)."""

from collections.abc import Callable

from bench.job import Job
from chalicelib.imaging.render import render
from chalicelib.model.picture import Format, VariantSpec


def prepare(data: bytes, job: Job) -> Callable[[], list[bytes]]:
    specs = [
        VariantSpec(name=str(side), width=side, height=side, format=Format(job.output), quality=job.quality)
        for side in job.sides
    ]
    return lambda: [variant.data for variant in render(data, specs).variants]
