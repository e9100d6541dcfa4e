"""Animations of noise, as long as the default limits let them be: each frame is encoded for several variants."""

import io
import random
from collections.abc import Callable

from PIL import Image

WIDTH, HEIGHT = 640, 480


def noise(name: str, count: int, **options: object) -> bytes:
    frames = [_palette_noise(seed) if name == "GIF" else _noise(seed) for seed in range(count)]
    out = io.BytesIO()
    frames[0].save(out, name, save_all=True, append_images=frames[1:], duration=40, **options)
    return out.getvalue()


def _noise(seed: int) -> Image.Image:
    return Image.frombytes("RGB", (WIDTH, HEIGHT), random.Random(seed).randbytes(3 * WIDTH * HEIGHT))


def _palette_noise(seed: int) -> Image.Image:
    frame = Image.frombytes("P", (WIDTH, HEIGHT), random.Random(seed).randbytes(WIDTH * HEIGHT))
    frame.putpalette(random.Random(seed).randbytes(768))
    return frame


FILES: dict[str, Callable[[], bytes]] = {
    "gif, 58 frames of noise, 18 MP": lambda: noise("GIF", 58),
    "apng, 45 frames of noise, 14 MP": lambda: noise("PNG", 45, compress_level=1),
    "webp, 58 frames of noise, 18 MP": lambda: noise("WEBP", 58, quality=30, method=0),
    "avif, 58 frames of noise, 18 MP": lambda: noise("AVIF", 58, quality=40, speed=10),
}
