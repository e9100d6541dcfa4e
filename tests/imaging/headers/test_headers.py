"""What is told from a file's structure alone."""

import struct
import zlib

import pytest
from PIL import Image

from chalicelib.errors import CorruptImage, ImageTooLarge, UnsupportedFormat
from chalicelib.imaging import headers
from chalicelib.imaging.headers import Header
from tests.imaging import pictures

SMALL = pictures.scenery(40, 30)
MOVING = {"save_all": True, "append_images": [SMALL.rotate(90), SMALL.rotate(180)], "duration": 50}


def ftyp(*brands):
    body = b"ftyp" + brands[0] + b"\0\0\0\0" + b"".join(brands)
    return struct.pack(">I", 4 + len(body)) + body


@pytest.mark.parametrize(
    ("data", "name"),
    [
        *(
            (pictures.file_of(SMALL, name), name.lower())
            for name in ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP")
        ),
        (pictures.file_of(SMALL, "TIFF", big_tiff=True), "tiff"),
        (pictures.file_of(SMALL, "PPM"), None),
        (pictures.file_of(SMALL, "ICO"), None),
        (pictures.file_of(SMALL, "JPEG2000"), None),
        (pictures.file_of(SMALL, "EPS"), None),
        (ftyp(b"heic", b"mif1"), "heic"),
        (ftyp(b"mif1", b"avif"), "avif"),
        (ftyp(b"isom", b"mp42"), None),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"x", None),
    ],
)
def test_sniff(data, name):
    if name is None:
        with pytest.raises(UnsupportedFormat, match="expected JPEG, PNG"):
            headers.sniff(data)
    else:
        assert headers.sniff(data) == name


@pytest.mark.parametrize(
    ("name", "options", "frames"),
    [
        ("JPEG", {}, 1),
        ("JPEG", {"progressive": True}, 1),
        ("PNG", {}, 1),
        ("PNG", MOVING, 3),
        ("PNG", {**MOVING, "default_image": True}, 2),
        ("WEBP", {}, 1),
        ("WEBP", {"lossless": True}, 1),
        ("WEBP", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}, 1),
        ("WEBP", MOVING, 3),
        ("GIF", {}, 1),
        ("GIF", MOVING, 3),
    ],
)
def test_size_and_frames(name, options, frames):
    data = pictures.file_of(SMALL, name, **options)
    assert headers.read(data, headers.sniff(data)) == Header(40, 30, frames)


def test_a_webp_is_limited_to_what_its_decoder_can_hold():
    wide = (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (7999).to_bytes(3, "little")).ljust(27, b"\0")
    assert headers.read(wide + (6249).to_bytes(3, "little"), "webp") == Header(8000, 6250)
    with pytest.raises(ImageTooLarge, match="8,000 x 6,251 pixels: a WebP may have 50,000,000"):
        headers.read(wide + (6250).to_bytes(3, "little"), "webp")


def test_the_decoder_is_asked_where_it_reads_a_header_without_pixels():
    assert headers.read(pictures.file_of(SMALL, "TIFF"), "tiff") is None


def test_a_gif_frame_over_the_edge_makes_the_canvas_larger():
    data = pictures.gif((2, 2), [pictures.RED], [((1, 1, 5, 4), [0] * 12, 1, 0, None)], loop=None)
    assert headers.read(data, "gif") == Header(5, 4, 1)


@pytest.mark.parametrize(
    ("marker", "precision", "message"),
    [(0xC1, 12, "12 bits a sample"), (0xC3, 8, "lossless"), (0xC5, 8, "hierarchical"), (0xCB, 8, "lossless")],
)
def test_kinds_of_jpeg_that_no_decoder_knows_are_refused_by_name(marker, precision, message):
    frame = struct.pack(">BBHBHHB", 0xFF, marker, 11, precision, 8, 8, 1) + b"\x01\x11\0"
    with pytest.raises(UnsupportedFormat, match=message):
        headers.read(b"\xff\xd8" + frame + b"\xff\xd9", "jpeg")


@pytest.mark.parametrize("progressive", [True, False])
def test_a_jpeg_that_repeats_its_scans_is_refused(progressive):
    data = pictures.file_of(Image.new("RGB", (5000, 2000)), "JPEG", progressive=progressive)
    if not progressive:  # a baseline file whose first scan has one component of three
        scan = data.index(b"\xff\xda")
        data = data[:scan] + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + data[scan:]
    scan = data.index(b"\xff\xda")
    assert headers.read(data, "jpeg") == Header(5000, 2000)
    bomb = data[:scan] + data[scan : scan + 10] * 200 + data[scan:]
    with pytest.raises(ImageTooLarge, match=r"5000 x 2000 pixels in 2\d\d scans"):
        headers.read(bomb, "jpeg")


def test_the_decoder_refuses_more_scans_after_one_that_holds_everything():
    """Which is why those need no counting."""
    data = pictures.file_of(SMALL, "JPEG")
    scan = data.index(b"\xff\xda")
    with pytest.raises(OSError, match=r"broken data stream|truncated"):
        pictures.opened(data[:-2] + data[scan:-2] * 2 + data[-2:])


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("length", [3, 8, 12, 15, 20])
def test_a_file_that_ends_in_its_header_is_corrupt(name, length):
    with pytest.raises(CorruptImage):
        headers.read(pictures.file_of(SMALL, name)[:length], name.lower())


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"tRNS", b"IDAT"])
def test_a_flipped_bit_in_what_a_png_shows_is_corrupt(kind):
    data = bytearray(pictures.file_of(SMALL.quantize(8), "PNG", transparency=1))
    data[data.index(kind) + 4] ^= 4
    with pytest.raises(CorruptImage, match="checksum"):
        headers.read(bytes(data), "png")


def test_a_png_without_an_end_is_corrupt():
    with pytest.raises(CorruptImage, match="truncated"):
        headers.read(pictures.file_of(SMALL, "PNG")[:-12], "png")


def test_a_png_with_a_second_header_is_corrupt():
    """A decoder would go by the last one."""
    small, large = (struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0) for side in (8, 3000))
    pixels = zlib.compress(bytes(3001 * 3000))
    data = pictures.png_file([(b"IHDR", small), (b"IHDR", large), (b"IDAT", pixels), (b"IEND", b"")])
    with pytest.raises(CorruptImage, match="two headers"):
        headers.read(data, "png")


def test_a_jpeg_cannot_hide_its_header_behind_a_stray_byte():
    """What a decoder passes over must not be taken for a segment, whose length would lead to another frame header."""
    true, small = pictures.file_of(SMALL, "JPEG"), pictures.file_of(Image.new("L", (8, 8)), "JPEG")[2:-2]
    hidden = struct.pack(">HHH", 0xFF00, 6, 0xFFFE) + struct.pack(">H", len(small) + 2) + small
    assert headers.read(b"\xff\xd8" + hidden + true[2:], "jpeg") == Header(40, 30)
