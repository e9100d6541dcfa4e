"""How near a variant is to the same picture resized without shortcuts and without compression."""

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps
from scipy import ndimage
from ssimulacra2 import compute_ssimulacra2

type Plane = NDArray[np.float64]

WINDOW_SIGMA = 1.5
WINDOW_RADIUS = 5
SMALLEST_FOR_SSIMULACRA2 = 256  # its six scales, each half of the last, end at no less than 8 pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """SSIM is 1 for equal pictures. SSIMULACRA2 is 100 for them, 90 when nobody sees a difference, 70 when few do.

    SSIMULACRA2 is None for a picture too small for its scales.
    """

    ssim: float
    ssimulacra2: float | None


def scores(source: Path, variant: Path) -> Scores:
    """Both scores of the file `variant` against the reference made of the file `source`."""
    with Image.open(variant) as image:
        pixels = image.convert("RGB")
    reference = _reference(source, pixels.size)
    perceptual = None
    if min(pixels.size) >= SMALLEST_FOR_SSIMULACRA2:
        perceptual = float(compute_ssimulacra2(_as_png(reference), _as_png(pixels)))
    return Scores(ssim=_ssim_of(reference, pixels), ssimulacra2=perceptual)


def ssim_score(source: Path, variant: Path) -> float:
    """The SSIM of the file `variant` against the reference made of the file `source`."""
    with Image.open(variant) as image:
        pixels = image.convert("RGB")
    return _ssim_of(_reference(source, pixels.size), pixels)


def ssim(first: Plane, second: Plane) -> float:
    """The mean structural similarity of two grey planes of 0 to 255, where the window lies wholly inside.

    Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural similarity",
    2004, equation 13, with the constants (K1 0.01, K2 0.03) and the 11x11 Gaussian window of its section III.B.
    """
    stability_1, stability_2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_1, mean_2 = _window(first), _window(second)
    variance_1 = _window(first * first) - mean_1 * mean_1
    variance_2 = _window(second * second) - mean_2 * mean_2
    covariance = _window(first * second) - mean_1 * mean_2
    similarity = ((2 * mean_1 * mean_2 + stability_1) * (2 * covariance + stability_2)) / (
        (mean_1 * mean_1 + mean_2 * mean_2 + stability_1) * (variance_1 + variance_2 + stability_2)
    )
    inside = similarity[WINDOW_RADIUS:-WINDOW_RADIUS, WINDOW_RADIUS:-WINDOW_RADIUS]
    return float(inside.mean())


def _window(plane: Plane) -> Plane:
    weighted: Plane = ndimage.gaussian_filter(plane, WINDOW_SIGMA, radius=WINDOW_RADIUS)
    return weighted


def _ssim_of(reference: Image.Image, pixels: Image.Image) -> float:
    """The SSIM of the luma (ITU-R BT.601) of two pictures."""
    first, second = (np.asarray(image.convert("L"), dtype=np.float64) for image in (reference, pixels))
    return ssim(first, second)


@lru_cache(maxsize=4)
def _reference(source: Path, size: tuple[int, int]) -> Image.Image:
    """The whole picture resized by Pillow's Lanczos to `size`, the variant's own: engines round a side differently."""
    return _upright_srgb(source).resize(size, Image.Resampling.LANCZOS)


@lru_cache(maxsize=1)
def _upright_srgb(source: Path) -> Image.Image:
    """The picture fully decoded, turned upright, with its colour profile converted to sRGB."""
    with Image.open(source) as image:
        profile = image.info.get("icc_profile")
        upright = ImageOps.exif_transpose(image)
    if profile:
        embedded, srgb = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(upright, embedded, srgb, outputMode="RGB")
        assert converted is not None  # it is only when the conversion is in place
        return converted
    return upright.convert("RGB")


def _as_png(image: Image.Image) -> BytesIO:
    """What the implementation of SSIMULACRA2 can open; it takes files only."""
    file = BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file
