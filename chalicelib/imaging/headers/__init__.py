"""What a file is and how much it would unpack to, read from its first bytes and its structure: no decoder runs.

A file's name and content type are not asked: both lie. Each format has a module, which also refuses what would cost a
decoder more than a picture of that size may: too many parts to go through, or too much to be held.
"""

from collections.abc import Callable

from chalicelib.errors import CorruptImage, UnsupportedFormat
from chalicelib.imaging.headers import bmp, gif, isobmff, jpeg, png, tiff, webp
from chalicelib.imaging.headers.header import Header, check_sides

__all__ = ["Header", "check_sides", "read", "sniff"]

READABLE = "JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP or HEIC"

_SIGNATURES = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"BM", "bmp"),
)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}
_READERS: dict[str, Callable[[bytes], Header | None]] = {
    "jpeg": jpeg.read,
    "png": png.read,
    "webp": webp.read,
    "gif": gif.read,
    "tiff": tiff.read,
    "bmp": bmp.read,
    "avif": isobmff.read,
    "heic": isobmff.read,
}


def sniff(data: bytes) -> str:
    """The name of the format that the bytes are in; UnsupportedFormat when it is none on the allow-list."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    brands = _brands(data) if data[4:8] == b"ftyp" else set()
    for known, name in ((_AVIF_BRANDS, "avif"), (_HEIC_BRANDS, "heic")):
        if brands & known:
            return name
    raise UnsupportedFormat(
        f"The bytes are no image that can be read: expected {READABLE}, got {data[:8].hex(' ')} ..."
    )


def read(data: bytes, name: str) -> Header | None:
    """The header of a file of format `name`; None for those whose decoder tells the size without unpacking pixels.

    Raises CorruptImage where the structure ends early, UnsupportedFormat for kinds of a format that no decoder here
    knows, and ImageTooLarge for what keeps a decoder busy, or takes more memory than its pixels do.
    """
    try:
        return _READERS[name](data)
    except IndexError as error:
        raise CorruptImage(f"The {name} file ends in the middle of its header") from error


def _brands(data: bytes) -> set[bytes]:
    """The major and compatible brands of an ISO base media file (ISO/IEC 14496-12, 4.3)."""
    end = min(int.from_bytes(data[:4], "big"), 1024)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
