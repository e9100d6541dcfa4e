"""The loop of most tutorials: for each variant, open, turn upright, resize with Lanczos, save. Pillow's defaults."""

from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageOps

from bench.job import Job


def prepare(data: bytes, job: Job) -> Callable[[], list[bytes]]:
    return lambda: [_variant(data, side, job) for side in job.sides]


def _variant(data: bytes, side: int, job: Job) -> bytes:
    image = ImageOps.exif_transpose(Image.open(BytesIO(data)))
    image = image.resize(_inside(image.size, side), Image.Resampling.LANCZOS)
    if job.output == "jpeg" and image.mode != "RGB":
        image = image.convert("RGB")
    output = BytesIO()
    image.save(output, job.output.upper(), **({} if job.quality is None else {"quality": job.quality}))
    return output.getvalue()


def _inside(size: tuple[int, int], side: int) -> tuple[int, int]:
    scale = min(side / max(size), 1.0)
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)
