"""What the record tells of an original: cheap, because it is taken from the smallest picture at hand."""

from PIL import Image

from chalicelib.imaging import hashes
from chalicelib.imaging.decoding.decode import Original
from chalicelib.imaging.drawing import geometry
from chalicelib.imaging.drawing.geometry import Box
from chalicelib.imaging.drawing.pyramid import Pyramid
from chalicelib.imaging.drawing.resample import straight
from chalicelib.imaging.metadata import exif
from chalicelib.model.picture import OriginalInfo, Placeholder, Size


def info(original: Original) -> OriginalInfo:
    return OriginalInfo(
        format=original.name,
        width=original.size.width,
        height=original.size.height,
        bytes=original.file_bytes,
        frames=original.frames,
        mode=original.mode,
        has_alpha=original.has_alpha,
        orientation=original.orientation,
        exif=exif.described(original.tags.exif),
    )


def thumbnail(pyramid: Pyramid) -> Image.Image:
    """The whole picture within hashes.THUMBNAIL_SIDE, in RGB or RGBA."""
    size = geometry.inside(pyramid.original, Size(hashes.THUMBNAIL_SIDE, hashes.THUMBNAIL_SIDE))
    drawn = pyramid.draw(Box(0, 0, *pyramid.original), size)
    return straight(drawn) if drawn.mode == "RGBa" else drawn.convert("RGB")


def placeholder(small: Image.Image) -> Placeholder:
    return Placeholder(thumbhash=hashes.thumbhash(small), dominant_color=hashes.dominant_color(small))
