"""Gain maps of JPEG photos: found in an original, and drawn and written again for a variant.

A gain map says how much brighter each part of a photo is on a display that can show more than white. It is a second
JPEG behind the first; `ultrahdr.py` knows how the two are laid out.
"""

import io
import math

import msgspec
from msgspec.structs import replace
from PIL import Image

from chalicelib.errors import CorruptImage, PermanentError
from chalicelib.imaging.boundary import named_errors
from chalicelib.imaging.decoding import decode
from chalicelib.imaging.decoding.decode import Original
from chalicelib.imaging.drawing.geometry import Plan, Point
from chalicelib.imaging.drawing.pyramid import SIDEWAYS, Pyramid
from chalicelib.imaging.hdr import ultrahdr
from chalicelib.imaging.hdr.gains import Gains
from chalicelib.imaging.metadata import Kept
from chalicelib.model.picture import Limits, Size

QUALITY = 85
"""Of the map's JPEG, whatever the variant's: what is smooth stays smooth, and it is small in any case."""

MAX_STRETCH = 0.05
"""How far the map's aspect ratio may be from the original's: a map whose sides are rounded up is a few pixels off."""


type Share = tuple[float, float]


class GainMap(msgspec.Struct, frozen=True):
    """An original's gain map, decoded, with what its levels mean."""

    gains: Gains
    pyramid: Pyramid
    share: Share
    """Its width and height as parts of the original's."""


def of(data: bytes, original: Original, limits: Limits) -> GainMap | None:
    """The gain map of an original, or None where it has none that can be used.

    A map that is broken, larger than the picture, or of another shape counts as none: the picture itself is sound.
    """
    if original.name != "jpeg":
        return None
    for file in ultrahdr.further_pictures(data):
        gains = ultrahdr.meaning(file)
        if gains is not None:
            try:
                return GainMap(gains, *_pyramid(file, original, limits))
            except PermanentError:
                return None  # each further one could take as long
    return None


def added(kept: Kept, found: GainMap, plan: Plan) -> Kept:
    """What a variant keeps, with the gain map cut, scaled and padded as its picture is."""
    file = ultrahdr.map_file(_jpeg(_drawn(found, plan)), found.gains)
    return replace(kept, xmp=ultrahdr.promising(kept.xmp, len(file)), gain_map=file)


def _pyramid(file: bytes, original: Original, limits: Limits) -> tuple[Pyramid, Share]:
    """The map as one more level of the original's picture: as it is stored, so it is turned."""
    opened = decode.open_original(file, replace(limits, max_pixels=original.size.width * original.size.height))
    stored = Size(*opened.file.size)
    upright = Size(stored.height, stored.width) if original.turn in SIDEWAYS else stored
    across, down = upright.width / original.size.width, upright.height / original.size.height
    if abs(math.log(across / down)) > MAX_STRETCH + 1 / min(stored):
        raise CorruptImage("The gain map has another shape than its picture")
    with named_errors("gain map"):
        frames = decode.decode_frames(opened, None, only_first=True)
        (image,) = (frame.image.convert("L" if opened.mode == "L" else "RGB") for frame in frames)
        pyramid = Pyramid.of(image, original.size, turn=original.turn, profile=None)
    return pyramid, (min(1.0, across), min(1.0, down))


def _drawn(found: GainMap, plan: Plan) -> Image.Image:
    """The map of a variant, as much smaller than it as the original's map is than the original.

    Where the variant is padded the map is neutral: paper does not shine.
    """
    across, down = found.share

    def at_least_one(size: Size) -> Size:
        return Size(max(1, round(size.width * across)), max(1, round(size.height * down)))

    picture = found.pyramid.draw(plan.crop, at_least_one(plan.scaled))
    if plan.canvas == plan.scaled:
        return picture
    neutral = found.gains.neutral
    canvas = Image.new(picture.mode, at_least_one(plan.canvas), neutral[0] if picture.mode == "L" else neutral)
    at = Point(round(plan.offset.left * across), round(plan.offset.top * down))
    canvas.paste(picture, at)
    return canvas


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY, subsampling="4:4:4")
    return out.getvalue()
