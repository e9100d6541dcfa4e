"""AVIFs (AV1 Image File Format 1.1) that ask for more than their bytes let expect."""

import io
import struct
from collections.abc import Callable
from functools import lru_cache

from PIL import Image


@lru_cache(maxsize=2)
def flat(width: int, height: int, mode: str = "RGB", subsampling: str = "4:2:0") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), (10, 90, 200, 128)[: len(mode)]).save(
        out, "AVIF", speed=10, quality=50, subsampling=subsampling
    )
    return out.getvalue()


def resized(data: bytes, width: int, height: int) -> bytes:
    """The file with another size in its image spatial extents (ISO/IEC 23008-12, 6.5.3), its pixels as they were."""
    at = 0
    while (at := data.find(b"ispe", at + 1)) > 0:
        data = data[: at + 8] + struct.pack(">II", width, height) + data[at + 16 :]
    return data


def moving(width: int, height: int, count: int) -> bytes:
    out = io.BytesIO()
    first, *others = [Image.new("RGB", (width, height), (number, 0, 0)) for number in range(count)]
    first.save(out, "AVIF", speed=10, save_all=True, append_images=others)
    return out.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "avif, 99 MP": lambda: flat(9_900, 10_000),
    "avif, RGBA, 99 MP": lambda: flat(9_900, 10_000, "RGBA"),
    "avif, RGBA, 4:4:4, 99 MP": lambda: flat(9_900, 10_000, "RGBA", "4:4:4"),
    "avif, RGBA, 4:4:4, tall, 99 MP": lambda: flat(1_800, 55_000, "RGBA", "4:4:4"),
    "avif, 16,000 x 16,000, which says it has 100 x 100": lambda: resized(flat(16_000, 16_000), 100, 100),
    "avif, 100 x 100, which says it has 9,900 x 10,000": lambda: resized(flat(100, 100), 9_900, 10_000),
    "avif, 16,000 x 16,000": lambda: flat(16_000, 16_000),
    "avif, 65,535 x 1,500": lambda: flat(65_535, 1_500),
    "avif, 6 frames of 4,000 x 4,000": lambda: moving(4_000, 4_000, 6),
}
AD_HOC: dict[str, Callable[[], bytes]] = {
    "avif, RGBA, 99 MP, as 5,900 x 5,900 AVIF": lambda: flat(9_900, 10_000, "RGBA"),
    "avif, RGBA, 4:4:4, 99 MP, as 5,900 x 5,900 AVIF": lambda: flat(9_900, 10_000, "RGBA", "4:4:4"),
}
