"""Seeded pictures with the statistics of photographs, so that everybody measures the same without downloading any.

A scene is a dead-leaves picture (occluding shapes with power-law sizes: the edges and the scale invariance of natural
images, Lee, Mumford and Huang 2001) under texture whose amplitude falls as 1/f (Field 1987), with a smooth sky, lines
of text, a lens blur and sensor noise. As JPEG of quality 92 it takes 2.5 to 4 bits per pixel, like a camera's file.
"""

import string
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from scipy import fft

from bench.cases import Case

type Plane = NDArray[np.float32]

LEAVES = 4000
SKY = 0.35  # share of the height that fades from smooth sky to textured ground
TEXTURE_LEVELS = 13.0  # standard deviation in levels of 255, as are the noise's
NOISE_LEVELS = 3.2
LENS_BLUR_PIXELS = 0.7
TEXT_LINES = 14

_SINCE = Path(__file__).stat().st_mtime


def ensure(case: Case) -> None:
    """Write the case's picture where it is missing, or older than this module; a file of the user's own stays."""
    if case.picture is None or (case.source.exists() and case.source.stat().st_mtime > _SINCE):
        return
    case.source.parent.mkdir(parents=True, exist_ok=True)
    scene(*case.picture.size, case.picture.seed).save(case.source, **case.picture.save)


def scene(width: int, height: int, seed: int) -> Image.Image:
    """The RGB picture of that size and seed; the same one for the same versions of numpy, scipy and Pillow."""
    rng = np.random.default_rng(seed)
    canvas = _dead_leaves(width, height, rng)
    _write_text(canvas, rng)
    pixels = np.array(canvas.filter(ImageFilter.GaussianBlur(LENS_BLUR_PIXELS)), dtype=np.float32)
    ground = np.linspace(0.0, 1.0 / SKY, height, dtype=np.float32)[:, None].clip(0.05, 1.0)
    texture = _pink_noise(width, height, rng) * ground * TEXTURE_LEVELS
    for channel in range(3):
        pixels[:, :, channel] += texture + _sensor_noise(width, height, rng)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _dead_leaves(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Shapes over a gradient sky, later ones in front; radii follow r**-3 from a 400th to a 5th of the height."""
    sky = np.linspace((96, 148, 214), (226, 222, 206), height).astype(np.uint8)
    canvas = Image.fromarray(np.repeat(sky[:, None, :], width, axis=1))
    draw = ImageDraw.Draw(canvas)
    smallest, largest = height / 400, height / 5
    radii = smallest / np.sqrt(1 - rng.random(LEAVES) * (1 - (smallest / largest) ** 2))
    for radius in radii:
        x, y = rng.uniform(0, width), height * (SKY + (1 - SKY) * rng.beta(1.2, 1.0))
        light = rng.uniform(0.2, 1.0)
        colour = tuple(int(light * channel) for channel in rng.integers(90, 256, 3))
        if rng.random() < 0.5:
            squash = radius * rng.uniform(0.3, 1.0)
            draw.ellipse((x - radius, y - squash, x + radius, y + squash), fill=colour)
        else:
            draw.regular_polygon((x, y, radius), int(rng.integers(3, 7)), rotation=int(rng.integers(360)), fill=colour)
    return canvas


def _write_text(canvas: Image.Image, rng: np.random.Generator) -> None:
    """A poster of random words on `canvas`, in sizes from a headline to small print."""
    width, height = canvas.size
    draw = ImageDraw.Draw(canvas)
    left, top = int(width * 0.62), int(height * 0.50)
    draw.rectangle((left, top, int(width * 0.96), int(height * 0.93)), fill=(236, 232, 222))
    letters = list(string.ascii_letters + "    ")
    y = float(top)
    for line in range(TEXT_LINES):
        size = max(height * 0.045 * 0.86**line, 9.0)
        words = "".join(rng.choice(letters, int(width * 0.32 / (size * 0.56))))
        draw.text((left + size / 2, y), words, fill=(28, 26, 40), font=ImageFont.load_default(size))
        y += size * 1.25


def _pink_noise(width: int, height: int, rng: np.random.Generator) -> Plane:
    """A field of mean 0 and standard deviation 1 whose amplitude spectrum falls as 1/f."""
    spectrum = fft.rfft2(rng.standard_normal((height, width), dtype=np.float32))
    frequency = np.hypot(fft.fftfreq(height)[:, None], fft.rfftfreq(width)[None, :]).astype(np.float32)
    frequency[0, 0] = np.inf
    field: Plane = fft.irfft2(spectrum / frequency, (height, width))
    return field / field.std()


def _sensor_noise(width: int, height: int, rng: np.random.Generator) -> Plane:
    """White noise smoothed over 2x2 pixels, as demosaicing leaves it."""
    noise = rng.standard_normal((height + 1, width + 1), dtype=np.float32)
    smooth: Plane = (noise[1:, 1:] + noise[1:, :-1] + noise[:-1, 1:] + noise[:-1, :-1]) * np.float32(0.5 * NOISE_LEVELS)
    return smooth
