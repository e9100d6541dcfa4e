"""What a file is and how much it would unpack to, read from its first bytes and its chunk structure: no decoder runs.

A file's name and content type are not asked: both lie.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from chalicelib.errors import CorruptImage, ImageTooLarge, UnsupportedFormat

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
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_PROGRESSIVE = {0xC2, 0xCA}
_JPEG_DECODABLE = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
_PNG_PICTURE = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"fcTL", b"fdAT"}
_JPEG_BARE = {0x00, 0x01, *range(0xD0, 0xD9)}
"""Markers without a length; 0x00 is a byte of data that strayed, which decoders pass over."""

MAX_WEBP_CANVAS = 50_000_000
"""Pixels: the decoder takes 12 bytes for each, and thirty bytes of file can ask for 268 million of them."""

MAX_SCANNED_PIXELS = 2_000_000_000
"""Pixels times scans of a JPEG: a hundred scans of 20 megapixels, where encoders write one to a dozen."""


class Header(NamedTuple):
    """Pixels of the canvas as stored, before orientation, and the frames that are laid on it."""

    width: int
    height: int
    frames: int = 1


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
    """The header of a file of format `name`, or None for the formats whose decoder reads it without unpacking pixels.

    Raises CorruptImage where the structure ends early, UnsupportedFormat for kinds of a format that no decoder here
    knows, and ImageTooLarge for a JPEG that repeats its scans to keep a decoder busy.
    """
    reader = _READERS.get(name)
    if reader is None:
        return None
    try:
        return reader(data)
    except IndexError as error:
        raise CorruptImage(f"The {name} file ends in the middle of its header") from error


def _brands(data: bytes) -> set[bytes]:
    """The major and compatible brands of an ISO base media file (ISO/IEC 14496-12, 4.3)."""
    end = min(int.from_bytes(data[:4], "big"), 1024)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}


def _jpeg(data: bytes) -> Header:
    """Walk the marker segments to the first scan (ITU-T T.81, B.2)."""
    frame: tuple[int, int] | None = None
    at = 2
    while True:
        at = data.find(b"\xff", at)
        if at < 0:
            raise CorruptImage("The jpeg file has no scan")
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker in _JPEG_FRAMES:
            _check_jpeg_kind(data, at, marker)
            frame = marker, at
        elif marker in {0xD9, 0xDA}:
            if frame is None:
                raise CorruptImage("The jpeg file has no frame header before its first scan")
            return _jpeg_header(data, *frame, scan=at)
        if marker not in _JPEG_BARE:
            at += _u16(data, at)


def _check_jpeg_kind(data: bytes, at: int, marker: int) -> None:
    precision = data[at + 2]
    if precision != 8:
        raise UnsupportedFormat(f"The JPEG has {precision} bits a sample: expected 8")
    if marker not in _JPEG_DECODABLE:
        raise UnsupportedFormat("The JPEG is lossless or hierarchical: expected baseline, extended or progressive")


def _jpeg_header(data: bytes, marker: int, at: int, *, scan: int) -> Header:
    """The size from the frame header at `at`; refused is a file whose scans would keep a decoder busy for too long.

    Scans are counted only where the first one does not hold everything: a decoder stops after one that does.
    """
    height, width, components = _u16(data, at + 3), _u16(data, at + 5), data[at + 7]
    if width * height == 0:
        raise CorruptImage("The jpeg file says that it has no pixels")
    if marker in _JPEG_PROGRESSIVE or data[scan + 2] < components:
        scans = data.count(b"\xff\xda\0", scan) + 1
        if width * height * scans > MAX_SCANNED_PIXELS:
            raise ImageTooLarge(f"The JPEG has {width} x {height} pixels in {scans} scans, too many to go through")
    return Header(width, height)


def _png(data: bytes) -> Header:
    """Walk the chunks (PNG, third edition, 5.3); an APNG's frames are counted by their control chunks.

    Checksums are compared here, because Pillow skips those of the pixel data.
    """
    kinds = []
    for kind, content, checksum in _png_chunks(data):
        if kind in _PNG_PICTURE and zlib.crc32(content) != checksum:
            raise CorruptImage(f"The png file is damaged: the checksum of a {kind.decode()} chunk is wrong")
        kinds.append(kind)
    if kinds.count(b"IHDR") > 1:
        raise CorruptImage("The png file has two headers")
    if not kinds or kinds[0] != b"IHDR" or kinds[-1] != b"IEND":
        raise CorruptImage("The png file is truncated: its chunks do not run from header to end")
    width, height = _u32(data, 16), _u32(data, 20)
    if width * height == 0:
        raise CorruptImage("The png file says that it has no pixels")
    return Header(width, height, max(kinds.count(b"fcTL"), 1) if b"acTL" in kinds else 1)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """The kind, the kind and data together, and the checksum of each whole chunk, up to the end chunk."""
    view = memoryview(data)
    at, kind = 8, b""
    while at + 12 <= len(data) and kind != b"IEND":
        kind, end = data[at + 4 : at + 8], at + 8 + _u32(data, at)
        if end + 4 <= len(data):
            yield kind, view[at + 4 : end], _u32(data, end)
        at = end + 4


def _webp(data: bytes) -> Header:
    """The canvas, and the number of its frames (RFC 9649, 2.7)."""
    header = _webp_header(data)
    if header.width * header.height > MAX_WEBP_CANVAS:
        raise ImageTooLarge(
            f"The WebP image has {header.width:,} x {header.height:,} pixels: a WebP may have {MAX_WEBP_CANVAS:,}"
        )
    return header


def _webp_header(data: bytes) -> Header:
    kind = data[12:16]
    if kind == b"VP8 ":
        return Header(_u16le(data, 26) & 0x3FFF, _u16le(data, 28) & 0x3FFF)
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return Header((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind != b"VP8X":
        raise CorruptImage("The webp file has no image chunk")
    width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    frames = sum(kind == b"ANMF" for kind in _riff_chunks(data)) if data[20] & 2 else 1
    return Header(width, height, max(frames, 1))


def _riff_chunks(data: bytes) -> Iterator[bytes]:
    at = 12
    while at + 8 <= len(data):
        yield data[at : at + 4]
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + (length & 1)


def _gif(data: bytes) -> Header:
    """Walk the blocks (GIF89a, appendix B); a frame that hangs over the screen makes the canvas larger."""
    width, height = _u16le(data, 6), _u16le(data, 8)
    at = 13 + _color_table_bytes(data[10])
    frames = 0
    while at < len(data) and data[at] != 0x3B:
        if data[at] == 0x2C and at + 10 < len(data):
            left, top, wide, high = (_u16le(data, at + 1 + 2 * field) for field in range(4))
            width, height = max(width, left + wide), max(height, top + high)
            frames += 1
            at = _after_sub_blocks(data, at + 11 + _color_table_bytes(data[at + 9]))
        elif data[at] == 0x21:
            at = _after_sub_blocks(data, at + 2)
        else:
            at += 1
    if width * height == 0 or frames == 0:
        raise CorruptImage("The gif file has no frame")
    return Header(width, height, frames)


def _color_table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_sub_blocks(data: bytes, at: int) -> int:
    end = len(data)
    while at < end and data[at]:
        at += 1 + data[at]
    return at + 1


def _u16(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


def _u16le(data: bytes, at: int) -> int:
    return data[at + 1] << 8 | data[at]


def _u32(data: bytes, at: int) -> int:
    return _u16(data, at) << 16 | _u16(data, at + 2)


_READERS: dict[str, Callable[[bytes], Header]] = {"jpeg": _jpeg, "png": _png, "webp": _webp, "gif": _gif}
