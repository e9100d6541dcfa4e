"""BMP: the size, and what run lengths cost."""

from chalicelib.errors import CorruptImage, ImageTooLarge
from chalicelib.imaging.headers.header import Header
from chalicelib.imaging.headers.numbers import u16le, u32le

MAX_RLE_PIXELS = 10_000_000
"""Of a BMP with run lengths, which Pillow unpacks in Python, at up to half a microsecond a pixel. Screenshots of 4K
have 8,300,000."""

_OLDEST = 12
_RLE = {1, 2}


def read(data: bytes) -> Header:
    """The size from the header of any version (Windows GDI, BITMAPCOREHEADER and BITMAPINFOHEADER).

    Run lengths of more than two bytes a pixel, the worst that an encoder can do, are full of what shows nothing.
    """
    if u32le(data, 14) == _OLDEST:
        width, height, compression = u16le(data, 18), u16le(data, 20), 0
    else:
        width, height, compression = u32le(data, 18), u32le(data, 22), u32le(data, 30)
        height = 2**32 - height if height > 0xFF00_0000 else height
    if width * height == 0:
        raise CorruptImage("The bmp file says that it has no pixels")
    if compression in _RLE:
        if width * height > MAX_RLE_PIXELS:
            raise ImageTooLarge(
                f"The BMP has {width:,} x {height:,} pixels in run lengths: at most {MAX_RLE_PIXELS:,} are allowed"
            )
        if len(data) - u32le(data, 10) > 2 * width * height + 4 * height + 1_000:
            raise CorruptImage("The bmp file has more run lengths than its pixels can have")
    return Header(width, height)
