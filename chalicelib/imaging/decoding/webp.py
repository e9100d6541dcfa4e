"""Still WebP pictures, decoded in one go by the libwebp that Pillow is linked with.

Pillow decodes stills too with libwebp's animation decoder, which takes sixteen bytes a pixel and hands them over in
blocks: that is a quarter more time and twice the memory.
"""

import ctypes
from typing import Any

from PIL import Image, _webp
from PIL.WebPImagePlugin import WebPImageFile

_ANIMATION = 0x02
"""The bit in the flags of a VP8X chunk that says so (WebP Container Specification, Extended File Format)."""

_decode = ctypes.CDLL(_webp.__file__).WebPDecodeRGBAInto  # what a library is linked with is found through it
_decode.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_decode.restype = ctypes.c_void_p


class WebPFile(WebPImageFile):
    """Pillow's file, except for how the pixels of a still are decoded; ValueError if they are damaged."""

    def _open(self) -> None:
        super()._open()
        assert self.fp is not None
        self.fp.seek(0)
        header = self.fp.read(21)
        self._still = header[12:16] != b"VP8X" or not header[20] & _ANIMATION

    def load(self) -> Any:
        if not self._still:
            return super().load()
        if self._im is None:
            self._decoder = None  # it holds two canvases
            self.im = self._decoded().im
        return Image.Image.load(self)

    def _decoded(self) -> Image.Image:
        assert self.fp is not None
        self.fp.seek(0)
        data = self.fp.read()
        width, height = self.size
        pixels = bytearray(4 * width * height)
        start = ctypes.addressof(ctypes.c_char.from_buffer(pixels))
        if not _decode(data, len(data), start, len(pixels), 4 * width):
            raise ValueError("libwebp cannot decode the picture")
        return Image.frombytes(self.mode, self.size, pixels, "raw", self.rawmode)
