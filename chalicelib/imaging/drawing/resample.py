"""Scaling, and what alpha needs before and after it; here alone is known whether SIMD code or Pillow does it."""

import math
from itertools import pairwise

from PIL import Image

from chalicelib.model.picture import Size

try:
    from cykooz_resizer.alpha import AlphaMulDiv
    from cykooz_resizer.resize import Resizer
    from cykooz_resizer.structs import CropBox, FilterType, ResizeAlg, ResizeOptions
except ImportError:
    HAS_SIMD = False
else:
    HAS_SIMD = True

MODES = ("L", "RGB", "RGBa", "CMYK")

SMALL_BYTES = 2_000_000
SHARE = 6
"""The resizer keeps a horizontal pass whole: work in bands keeps it under SMALL_BYTES, or a SHARE-th of the picture.

That saves a tenth of a typical job's peak memory, and costs 2 % of its time, as each band computes its weights anew.
"""

type Area = tuple[float, float, float, float]


def resample(image: Image.Image, size: Size, area: Area | None = None, *, simd: bool = HAS_SIMD) -> Image.Image:
    """The part `area` of `image` (left, top, right, bottom; None is all of it), scaled to `size` by Lanczos.

    `image` is in one of MODES, alpha being premultiplied; the answer is a new image in the same mode. `simd=False`
    leaves the work to Pillow, which gives the same picture within a few levels, several times slower.
    """
    assert image.mode in MODES
    left, top, right, bottom = area or (0, 0, *image.size)
    if not simd:
        return image.resize(size, Image.Resampling.LANCZOS, box=(left, top, right, bottom))
    bands = _bands(size, right - left, bottom - top)
    if bands == 1:
        return _scaled(image, size, (left, top, right, bottom))
    scaled = Image.new(image.mode, size, None)
    rows = (bottom - top) / size.height
    for first, end in pairwise(size.height * band // bands for band in range(bands + 1)):
        part = left, top + first * rows, right, top + end * rows
        scaled.paste(_scaled(image, Size(size.width, end - first), part), (0, first))
    return scaled


def windowed(plane: Image.Image, area: Area) -> Image.Image:
    """The means of Gaussian windows in `area` of `plane` (mode F), one for each 3 x 3 pixels; sigma is 1.5 pixels.

    Windows reach beyond the area, and end at the plane's edges.
    """
    left, top, right, bottom = area
    size = Size(round((right - left) / 3), round((bottom - top) / 3))
    if not HAS_SIMD:
        return plane.resize(size, Image.Resampling.BILINEAR, area)
    means = Image.new("F", size, None)
    options = ResizeOptions(
        resize_alg=ResizeAlg.convolution(FilterType.gaussian), crop_box=CropBox(left, top, right - left, bottom - top)
    )
    Resizer().resize_pil(plane, means, options)  # type: ignore[no-untyped-call]
    return means


def _bands(size: Size, width: float, height: float) -> int:
    between = 4 * size.width * height
    if between <= SMALL_BYTES:
        return 1
    return math.ceil(min(SHARE * size.width / width, between / SMALL_BYTES, size.height))


def _scaled(image: Image.Image, size: Size, area: Area) -> Image.Image:
    left, top, right, bottom = area
    scaled = Image.new(image.mode, size, None)
    options = ResizeOptions(
        resize_alg=ResizeAlg.convolution(FilterType.lanczos3),
        crop_box=CropBox(left, top, _length(left, right, image.width), _length(top, bottom, image.height)),
    )
    Resizer().resize_pil(image, scaled, options)  # type: ignore[no-untyped-call]
    return scaled


def _length(start: float, end: float, side: int) -> float:
    """`end - start`, less what rounding would add beyond the image, which the resizer refuses."""
    length = end - start
    return length if start + length <= side else math.nextafter(side - start, 0)


def premultiplied(image: Image.Image, *, simd: bool = HAS_SIMD) -> Image.Image:
    """`image` (RGBA) with colour multiplied by alpha (RGBa), which may be the same object, changed."""
    if not simd:
        return image.convert("RGBa")
    AlphaMulDiv().multiply_alpha_pil_inplace(image)  # type: ignore[no-untyped-call]
    return image


def straight(image: Image.Image, *, simd: bool = HAS_SIMD) -> Image.Image:
    """A new image (RGBA) of `image` (RGBa), with colour divided by alpha again."""
    return AlphaMulDiv().divide_alpha_pil(image) if simd else image.convert("RGBA")  # type: ignore[no-untyped-call]
