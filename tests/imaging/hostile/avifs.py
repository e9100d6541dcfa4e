"""AVIFs (AV1 Image File Format 1.1) that ask for more than their bytes let expect."""

import io
import struct
from collections.abc import Callable
from functools import lru_cache

from PIL import Image

from tests.imaging.hostile import jpegs


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


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def with_boxes(*more: bytes) -> bytes:
    """A sound file with more boxes in its `meta`; what it says of places in the file is then wrong."""
    data = flat(100, 100)
    at = data.index(b"meta") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    added = b"".join(more)
    return data[:at] + struct.pack(">I", size + len(added)) + data[at + 4 : at + size] + added + data[at + size :]


def many_items(count: int) -> bytes:
    """That many items, which decoders look up one by one."""
    items = b"".join(
        box(b"infe", struct.pack(">IHH4s", 0x02000000, at % 65_536, 0, b"av01"), b"\0") for at in range(count)
    )
    return with_boxes(box(b"iinf", struct.pack(">II", 0x01000000, count), items))


def many_references(count: int) -> bytes:
    references = b"".join(box(b"dimg", struct.pack(">IHI", at, 1, at + 1)) for at in range(1, count))
    return with_boxes(box(b"iref", struct.pack(">I", 0x01000000), references))


def unending_lists(count: int) -> bytes:
    """That many lists of places, each of which says that it goes on far behind its end."""
    return with_boxes(box(b"iloc", bytes(6), b"\xff\xff") * count) + box(b"free", bytes(500_000))


def many_samples(count: int) -> bytes:
    """A track of that many frames, which all have one size, in as many chunks."""
    data = moving(64, 64, 3)
    at = data.index(b"stsz")
    return data[: at + 8] + struct.pack(">II", 100, count) + data[at + 16 :]


FILES: dict[str, Callable[[], bytes]] = {
    "avif, 99 MP": lambda: flat(9_900, 10_000),
    "avif, RGBA, 99 MP": lambda: flat(9_900, 10_000, "RGBA"),
    "avif, RGBA, 4:4:4, 99 MP": lambda: flat(9_900, 10_000, "RGBA", "4:4:4"),
    "avif, RGBA, 4:4:4, tall, 98 MP": lambda: flat(3_000, 32_700, "RGBA", "4:4:4"),
    "avif, 16,000 x 16,000, which says it has 100 x 100": lambda: resized(flat(16_000, 16_000), 100, 100),
    "avif, 100 x 100, which says it has 9,900 x 10,000": lambda: resized(flat(100, 100), 9_900, 10_000),
    "avif, 16,000 x 16,000": lambda: flat(16_000, 16_000),
    "avif, 65,535 x 1,500": lambda: flat(65_535, 1_500),
    "avif, 2,000,000 items": lambda: many_items(2_000_000),
    "avif, 2,000,000 references": lambda: many_references(2_000_000),
    "avif, 5,000 lists that go on behind their end": lambda: unending_lists(5_000),
    "avif, 4,000,000 empty boxes": lambda: with_boxes(box(b"free") * 4_000_000),
    "avif, boxes in boxes": lambda: with_boxes(
        b"".join(struct.pack(">I4s", 8 * at, b"ipco") for at in range(100_000, 0, -1))
    ),
    "avif, 2,500,000 samples": lambda: many_samples(2_500_000),
    "avif, 6 frames of 4,000 x 4,000": lambda: moving(4_000, 4_000, 6),
}
AD_HOC: dict[str, tuple[Callable[[], bytes], int]] = {
    "avif, RGBA, 99 MP, as 5,900 x 5,900 AVIF": (lambda: flat(9_900, 10_000, "RGBA"), 5_900),
    "avif, as 4,400 x 4,400 AVIF, RGBA, 4:4:4, 99 MP": (lambda: flat(9_900, 10_000, "RGBA", "4:4:4"), 4_400),
    "jpeg, as 4,400 x 4,400 AVIF, noise, 99 MP": (lambda: jpegs.noise(9_900, 10_000, quality=60), 4_400),
}
"""With the side of the AVIF that is ordered."""
