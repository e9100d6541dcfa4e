"""Pictures and files for tests, written from their specifications: nothing here uses the code under test."""

import io
import random
import struct
import zlib
from collections.abc import Sequence

from PIL import Image

Pixel = tuple[int, ...]
Rows = list[list[Pixel]]

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def file_of(image: Image.Image, name: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def image_of(rows: Sequence[Sequence[Pixel]], mode: str = "RGB") -> Image.Image:
    """The picture with those pixels, as a list of rows."""
    image = Image.new(mode, (len(rows[0]), len(rows)))
    image.putdata([pixel for row in rows for pixel in row])
    return image


def scenery(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Smooth colours with some edges: what resizing and compression have something to do with."""
    bands = [Image.linear_gradient("L").rotate(turn).resize((width, height)) for turn in (0, 90, 180)]
    picture = Image.merge("RGB", bands)
    picture.paste((200, 30, 40), (width // 4, height // 4, width // 2, height // 2))
    if mode in {"RGBA", "LA"}:
        picture = picture.convert(mode[:-1])
        picture.putalpha(Image.radial_gradient("L").resize((width, height)))
        return picture
    return picture.convert(mode)


def photograph(width: int, height: int) -> Image.Image:
    """Scenery with a camera's noise, the same every time: nothing that a PNG could store in few bytes."""
    noise = Image.frombytes("RGB", (width, height), random.Random(3).randbytes(3 * width * height))
    return Image.blend(scenery(width, height), noise, 0.1)


def difference(one: Image.Image, other: Image.Image) -> tuple[int, float]:
    """The largest and the mean difference of any channel of two pictures of one size and mode."""
    assert (one.size, one.mode) == (other.size, other.mode)
    pairs = list(zip(one.tobytes(), other.tobytes(), strict=True))
    gaps = [abs(left - right) for left, right in pairs]
    return max(gaps), sum(gaps) / len(gaps)


# --- PNG (third edition), with what Pillow cannot write


def png(header: tuple[int, int, int, int], scanlines: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG from width, height, bit depth and colour type, unfiltered scanlines, and chunks to go before the data."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0)), *chunks, (b"IDAT", zlib.compress(scanlines))]
    return png_file([*parts, (b"IEND", b"")])


def png_file(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def apng(size: tuple[int, int], frames: Sequence[tuple[bytes, int, int, int]], plays: int) -> bytes:
    """An RGBA APNG: each frame is RGBA pixels of the whole canvas, milliseconds, dispose op and blend op."""
    width, height = size
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)),
        (b"acTL", struct.pack(">II", len(frames), plays)),
    ]
    sequence = 0
    for number, (pixels, milliseconds, dispose, blend) in enumerate(frames):
        control = struct.pack(">IIIIIHHBB", sequence, width, height, 0, 0, milliseconds, 1000, dispose, blend)
        chunks.append((b"fcTL", control))
        sequence += 1
        lines = b"".join(b"\0" + pixels[at : at + 4 * width] for at in range(0, len(pixels), 4 * width))
        if number == 0:
            chunks.append((b"IDAT", zlib.compress(lines)))
        else:
            chunks.append((b"fdAT", struct.pack(">I", sequence) + zlib.compress(lines)))
            sequence += 1
    return png_file([*chunks, (b"IEND", b"")])


# --- TIFF (revision 6.0) and BigTIFF, of one uncompressed strip


def tiff(
    size: tuple[int, int],
    pixels: bytes,
    photometric: int,
    bits: tuple[int, ...],
    *,
    compression: int = 1,
    order: str = "<",
    big: bool = False,
    extra: tuple[int, int] | None = None,
) -> bytes:
    """A TIFF of whole-number samples, pixel by pixel; `extra` is a further tag with one short."""
    width, height = size
    tags: dict[int, tuple[int, ...]] = {
        256: (width,),
        257: (height,),
        258: bits,
        259: (compression,),
        262: (photometric,),
        277: (len(bits),),
        278: (height,),
        279: (len(pixels),),
    }
    if extra:
        tags[extra[0]] = extra[1:]
    start, entry, room, number = (16, 20, 8, "Q") if big else (8, 12, 4, "I")
    beside = start + struct.calcsize(order + ("Q" if big else "H")) + entry * (len(tags) + 1) + room
    wide = struct.pack(f"{order}{len(bits)}H", *bits)
    tags[273] = (beside + len(wide),)
    directory = struct.pack(order + ("Q" if big else "H"), len(tags))
    for tag, values in sorted(tags.items()):
        short = tag not in {273, 279}
        data = struct.pack(f"{order}{len(values)}{'H' if short else number}", *values)
        at = data.ljust(room, b"\0") if len(data) <= room else struct.pack(order + number, beside)
        directory += struct.pack(f"{order}HH{number}", tag, 3 if short else 16 if big else 4, len(values)) + at
    head = struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0, start) if big else (42, start)))
    return (b"II" if order == "<" else b"MM") + head + directory + bytes(room) + wide + pixels


# --- GIF89a, with disposal methods as one likes


def gif(
    size: tuple[int, int],
    palette: Sequence[Pixel],
    frames: Sequence[tuple[tuple[int, int, int, int], Sequence[int], int, int, int | None]],
    *,
    loop: int | None,
) -> bytes:
    """A GIF of at most four colours: each frame is a box, colour indices, hundredths, disposal, transparent index."""
    out = b"GIF89a" + struct.pack("<HHBBB", *size, 0b1000_0001, 0, 0)
    out += b"".join(bytes(colour) for colour in [*palette, *[(0, 0, 0)] * (4 - len(palette))])
    if loop is not None:
        out += b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", loop) + b"\0"
    for (left, top, right, bottom), indices, hundredths, disposal, transparent in frames:
        flags = disposal << 2 | (transparent is not None)
        out += b"\x21\xf9\x04" + struct.pack("<BHB", flags, hundredths, transparent or 0) + b"\0"
        out += b"\x2c" + struct.pack("<HHHHB", left, top, right - left, bottom - top, 0)
        out += b"\x02" + _uncompressed_lzw(indices) + b"\0"
    return out + b";"


def _uncompressed_lzw(indices: Sequence[int]) -> bytes:
    """LZW of minimum code size 2 that clears its table before every index, so that all codes have 3 bits."""
    bits, length = 0, 0
    for code in [code for index in indices for code in (4, index)] + [5]:
        bits |= code << length
        length += 3
    data = bits.to_bytes((length + 7) // 8, "little")
    blocks = [data[at : at + 255] for at in range(0, len(data), 255)]
    return b"".join(bytes([len(block)]) + block for block in blocks)


# --- ICC profiles (ICC.1:2001-04)

Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

SRGB: Matrix = ((0.43607, 0.38515, 0.14307), (0.22249, 0.71687, 0.06061), (0.01392, 0.09708, 0.71410))
DISPLAY_P3: Matrix = ((0.51512, 0.29198, 0.15710), (0.24120, 0.69225, 0.06657), (-0.00105, 0.04189, 0.78407))
ADOBE_RGB: Matrix = ((0.60974, 0.20528, 0.14919), (0.31111, 0.62567, 0.06322), (0.01947, 0.06087, 0.74457))
PROPHOTO: Matrix = ((0.79767, 0.13519, 0.03134), (0.28804, 0.71188, 0.00009), (0.0, 0.0, 0.82491))
"""Red, green and blue of each space as columns of XYZ, adapted to D50 (the specifications' tables, after Bradford)."""


def rgb_profile(primaries: Matrix, gamma: float) -> bytes:
    """A display profile of three primaries and one gamma."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    columns = [tuple(row[column] for row in primaries) for column in range(3)]
    tags = [(b"wtpt", _xyz((0.9642, 1.0, 0.8249)))]
    tags += [(name, _xyz(column)) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)]
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return icc_profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey_profile(gamma: float) -> bytes:
    """A display profile of one channel."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    return icc_profile(b"mntr", b"GRAY", b"XYZ ", [(b"wtpt", _xyz((0.9642, 1.0, 0.8249))), (b"kTRC", curve)])


def cmyk_profile(corners: dict[Pixel, tuple[float, float, float]], other: tuple[float, float, float]) -> bytes:
    """A printer profile: Lab of some of the 16 corners of the ink cube (inks 0 or 1), `other` of all the rest."""
    grid = [
        corners.get((cyan, magenta, yellow, black), other)
        for cyan in (0, 1)
        for magenta in (0, 1)
        for yellow in (0, 1)
        for black in (0, 1)
    ]
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
    table += b"".join(struct.pack(">i", 65536 if at % 4 == 0 else 0) for at in range(9))
    table += ramp * 4
    table += b"".join(bytes([round(light * 2.55), round(a + 128), round(b + 128)]) for light, a, b in grid)
    table += ramp * 3
    return icc_profile(b"prtr", b"CMYK", b"Lab ", [(b"wtpt", _xyz((0.9642, 1.0, 0.8249))), (b"A2B0", table)])


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def icc_profile(kind: bytes, space: bytes, connection: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    text = b"a test's own\0"
    described = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    tags = [(b"desc", described), (b"cprt", b"text\0\0\0\0none\0"), *tags]
    at = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags:
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12s4s", at + len(body), b"\0\0\0\0", 0x02400000, kind, space, connection, bytes(12), b"acsp"
    )
    head += bytes(28) + _xyz((0.9642, 1.0, 0.8249))[8:]
    return head.ljust(128, b"\0") + table + body


def srgb_of_linear(linear: Sequence[float]) -> Pixel:
    """8-bit sRGB of linear light (IEC 61966-2-1)."""
    clipped = [min(max(light, 0.0), 1.0) for light in linear]
    coded = [12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055 for light in clipped]
    return tuple(round(255 * light) for light in coded)


def srgb_of_xyz(xyz: Sequence[float]) -> Pixel:
    """8-bit sRGB of a D50 XYZ, by Cramer's rule on the matrix of sRGB's primaries."""
    whole = _determinant(SRGB)
    linear = []
    for column in range(3):
        rows = [[xyz[row] if at == column else SRGB[row][at] for at in range(3)] for row in range(3)]
        linear.append(_determinant(rows) / whole)
    return srgb_of_linear(linear)


def srgb_of_rgb(primaries: Matrix, gamma: float, pixel: Pixel) -> Pixel:
    """8-bit sRGB of a pixel in the space of those primaries and that gamma."""
    light = [(channel / 255) ** gamma for channel in pixel]
    return srgb_of_xyz([sum(row[column] * light[column] for column in range(3)) for row in primaries])


def srgb_of_lab(lab: Sequence[float]) -> Pixel:
    """8-bit sRGB of CIE L*a*b* under D50 (CIE 15, 8.2.1.1, inverted)."""
    light, a, b = lab
    y = (light + 16) / 116
    roots = (y + a / 500, y, y - b / 200)
    shares = [root**3 if root > 6 / 29 else 3 * (6 / 29) ** 2 * (root - 4 / 29) for root in roots]
    return srgb_of_xyz([share * white for share, white in zip(shares, (0.9642, 1.0, 0.8249), strict=True)])


def _determinant(rows: Sequence[Sequence[float]]) -> float:
    (a, b, c), (d, e, f), (g, h, i) = rows
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
