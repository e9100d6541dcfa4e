"""JPEGs in fewer bytes than libjpeg-turbo's, for more time: jpegli chooses the coefficients, MozJPEG writes them."""

from importlib import import_module
from io import BytesIO

from PIL import Image

from chalicelib.imaging.metadata import Kept

_START = b"\xff\xd8"
_APP0, _APP1 = b"\xff\xe0", b"\xff\xe1"
_LENGTH_BYTES = 2


def small(image: Image.Image, quality: int, kept: Kept) -> bytes:
    """The progressive JPEG of a picture in L or RGB; OverflowError where metadata is too long for a segment.

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
    """`data` with its blocks in APP1 segments (Exif 2.32, 4.7.2; XMP part 3, 1.1.3), after the APP0 of JFIF."""
    blocks = []
    if kept.exif:
        blocks.append(b"Exif\0\0" + kept.exif.removeprefix(b"Exif\0\0"))
    if kept.xmp:
        blocks.append(b"http://ns.adobe.com/xap/1.0/\0" + kept.xmp)
    segments = [_APP1 + (_LENGTH_BYTES + len(block)).to_bytes(_LENGTH_BYTES) + block for block in blocks]
    end = len(_START)
    if data[end : end + 2] == _APP0:
        end += 2 + int.from_bytes(data[end + 2 : end + 4])
    return b"".join([data[:end], *segments, data[end:]])
