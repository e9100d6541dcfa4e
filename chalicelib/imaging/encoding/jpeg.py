"""JPEGs in fewer bytes than libjpeg-turbo's, for more time: jpegli chooses the coefficients, MozJPEG writes them."""

from importlib import import_module
from io import BytesIO

from PIL import Image

from chalicelib.imaging.metadata import Kept
from chalicelib.imaging.metadata.segments import APP1, EXIF, XMP, inserted, segment


def small(image: Image.Image, quality: int, kept: Kept) -> bytes:
    """The progressive JPEG of a picture in L or RGB; struct.error where metadata is too long for a segment.

    Colours have full resolution. jpegli knows no grey pictures: for those the scans are all that is better.
    """
    if image.mode == "RGB":
        data = import_module("pyjpegli").encode(image.tobytes(), image.width, image.height, quality=quality)
    else:
        out = BytesIO()
        image.save(out, "JPEG", quality=quality)
        data = out.getvalue()
    return _with_metadata(import_module("mozjpeg_lossless_optimization").optimize(data), kept)


def _with_metadata(data: bytes, kept: Kept) -> bytes:
    blocks = []
    if kept.exif:
        blocks.append(segment(APP1, EXIF + kept.exif.removeprefix(EXIF)))
    if kept.xmp:
        blocks.append(segment(APP1, XMP + kept.xmp))
    return inserted(data, blocks)
