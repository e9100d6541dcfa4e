"""What is wrong with a file beside its picture, and does not keep a browser from showing that, is put right here.

Pillow would refuse the whole file for it. A file that needs nothing is handed on as it is.
"""

import re
import struct
import zlib
from typing import NamedTuple

from chalicelib.errors import CorruptImage

MAX_CHUNKS = 200_000
"""Of a PNG; one that has more is not gone through."""

MAX_UNPACKED = 1 << 20
"""Bytes of a compressed text or profile that Pillow takes (`PngImagePlugin.MAX_TEXT_CHUNK`)."""

PADDING = 8
"""Equal bytes at the end of a JPEG without an end marker: the rest of it was never written."""

LOOKAHEAD = bytes(16)
"""What libjpeg reads ahead of the last pixels of a JPEG, whatever it is; too little for a further block of pixels."""

_SIGNATURE_BYTES = 8
_END = b"\0\0\0\0IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
_CONTROL_BYTES = 26
_LETTERS = {b"acTL": "a", b"fcTL": "c", b"fdAT": "d", b"IDAT": "I"}
_ORDER = re.compile("ac?I+(cd+)*")
_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})
_READ = {
    b"iCCP": b"",
    b"zTXt": b"Raw profile type exif",
    b"iTXt": b"XML:com.adobe.xmp",
}
"""The compressed chunks that tell of a picture, each with its keyword, or with none where all are read."""


class _Chunk(NamedTuple):
    kind: bytes
    start: int
    end: int

    def content(self, data: bytes) -> bytes:
        return data[self.start + 8 : self.end - 4]

    def number(self, data: bytes) -> int:
        """What the first four bytes of the content say."""
        return int.from_bytes(data[self.start + 8 : min(self.start + 12, self.end - 4)], "big")


def mended(data: bytes, name: str) -> bytes:
    """The file, of format `name`, as its decoder can read it; raises CorruptImage where its end is missing."""
    match name:
        case "png":
            return _mended_png(data)
        case "jpeg":
            return _mended_jpeg(data)
        case _:
            return data


def _mended_jpeg(data: bytes) -> bytes:
    """The file, with something to read ahead where junk is in place of its end marker.

    The marker itself is not put back: at one the decoder would take a picture that lacks rows for a whole one.
    """
    end = data.rfind(b"\xff\xd9")
    if end >= 0 and data.find(b"\xff\xda", end) < 0:
        return data
    if len(set(data[-PADDING:])) == 1:
        raise CorruptImage("The jpeg file is truncated: it has no end marker")
    return data + LOOKAHEAD


def _mended_png(data: bytes) -> bytes:
    """The file without a broken animation and what Pillow would stumble over, and with its end chunk."""
    chunks = _chunks(data)
    if not chunks or len(chunks) > MAX_CHUNKS:
        return data
    still = any(chunk.kind in _ANIMATION for chunk in chunks) and not _moves(data, chunks)
    seen: set[bytes] = set()
    kept = [
        chunk
        for chunk in chunks
        if not (still and chunk.kind in _ANIMATION) and not (chunk.kind in _READ and _is_dropped(data, chunk, seen))
    ]
    end = b"" if chunks[-1].kind == b"IEND" or not _END.startswith(data[chunks[-1].end :]) else _END
    if len(kept) == len(chunks) and not end:
        return data
    view = memoryview(data)
    return b"".join([view[:_SIGNATURE_BYTES], *(view[chunk.start : chunk.end] for chunk in kept), end])


def _chunks(data: bytes) -> list[_Chunk]:
    """The whole chunks up to the end chunk (PNG, third edition, 5.3), or MAX_CHUNKS and one."""
    chunks: list[_Chunk] = []
    at, kind = _SIGNATURE_BYTES, b""
    while at + 12 <= len(data) and kind != b"IEND" and len(chunks) <= MAX_CHUNKS:
        kind, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            break
        chunks.append(_Chunk(kind, at, end))
        at = end
    return chunks


def _is_dropped(data: bytes, chunk: _Chunk, seen: set[bytes]) -> bool:
    """Whether a compressed text or profile is of no use: another one, unreadable, or a second one of its kind."""
    keyword, _, rest = chunk.content(data).partition(b"\0")
    if chunk.kind == b"iTXt":
        compressed, rest = rest[:1] == b"\1", rest[1:]
        if not compressed:
            return False
    if chunk.kind in seen or not keyword.startswith(_READ[chunk.kind]) or rest[:1] != b"\0":
        return True
    seen.add(chunk.kind)
    packed = rest[1:]
    if chunk.kind == b"iTXt":  # a language and a translated keyword come first
        packed = packed.partition(b"\0")[2].partition(b"\0")[2]
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(packed, MAX_UNPACKED)
    except zlib.error:
        return True
    return bool(unpacking.unconsumed_tail)


def _moves(data: bytes, chunks: list[_Chunk]) -> bool:
    """Whether the animation is sound; of one that is not, browsers show the still image (PNG, third edition, 4.9).

    That is: one true count of frames before the pixels, data for each frame, sequence numbers without a gap, and
    frames that lie on the canvas.
    """
    parts = [chunk for chunk in chunks if chunk.kind in _ANIMATION or chunk.kind == b"IDAT"]
    order = "".join(_LETTERS[chunk.kind] for chunk in parts)
    numbered = [chunk for chunk in parts if chunk.kind in {b"fcTL", b"fdAT"}]
    if not _ORDER.fullmatch(order) or [chunk.number(data) for chunk in numbered] != [*range(len(numbered))]:
        return False
    frames = [chunk.content(data) for chunk in parts if chunk.kind == b"fcTL"]
    canvas = struct.unpack_from(">II", data, _SIGNATURE_BYTES + 8)
    whole = order.startswith("ac")
    return len(frames) == parts[0].number(data) and all(
        _lies_on(canvas, frame, whole=whole and index == 0) for index, frame in enumerate(frames)
    )


def _lies_on(canvas: tuple[int, ...], control: bytes, *, whole: bool) -> bool:
    """Whether a frame control chunk is complete, and its frame within the canvas, or `whole` all of it (11.3.2.2)."""
    if len(control) < _CONTROL_BYTES:
        return False
    width, height, left, top = (int.from_bytes(control[at : at + 4], "big") for at in (4, 8, 12, 16))
    if whole:
        return (width, height, left, top) == (*canvas, 0, 0)
    return 0 < width <= canvas[0] - left and 0 < height <= canvas[1] - top
