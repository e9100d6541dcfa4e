"""Where each bound lies: what real encoders write passes, and one part more than the bound does not."""

import io
import struct

import pytest
from PIL import Image

from chalicelib.errors import CorruptImage, ImageTooLarge
from chalicelib.imaging import headers
from chalicelib.imaging.decoding.decode import open_original
from chalicelib.imaging.headers import av1, bmp, gif, isobmff, jpeg, png, tiff, webp
from chalicelib.model.picture import Limits
from tests.imaging import pictures
from tests.imaging.hostile import avifs, bmps, gifs, jpegs, pngs, tiffs, webps

SMALL = pictures.scenery(40, 30)
JPEG = pictures.file_of(SMALL, "JPEG")


def refused(data, match, error=ImageTooLarge):
    with pytest.raises(error, match=match):
        headers.read(data, headers.sniff(data))


def passes(data):
    headers.read(data, headers.sniff(data))
    Image.open(io.BytesIO(data)).load()


def jpeg_with(*segments):
    return JPEG[:2] + b"".join(segments) + JPEG[2:]


def png_with(*chunks):
    return pngs.flat(8, 8, *chunks)


@pytest.mark.parametrize("sides", [(65_536, 1), (1, 65_536)])
def test_no_side_is_longer_than_that_of_a_jpeg(sides):
    with pytest.raises(ImageTooLarge, match="at most 65,535 a side"):
        open_original(pngs.flat(*sides, depth=1), Limits())
    open_original(pngs.flat(*(min(side, 65_535) for side in sides), depth=1), Limits())


# --- JPEG


def test_a_jpeg_may_have_thousands_of_segments():
    passes(jpeg_with(*[jpegs.segment(0xE5, b"FPXR")] * (jpeg.MAX_SEGMENTS - 20)))
    refused(jpeg_with(*[jpegs.segment(0xE5, b"FPXR")] * jpeg.MAX_SEGMENTS), "more than 4,000 segments")


def test_a_large_photo_of_full_segments_passes():
    """A profile in 255 segments, and a depth map in XMP's extension."""
    extension = jpegs.segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(65_000))
    profile = [jpegs.segment(0xE2, b"ICC_PROFILE\0" + bytes([number, 255]) + bytes(1_000)) for number in range(1, 256)]
    passes(jpeg_with(*profile, *[extension] * 300))


def test_what_lies_between_segments_is_bounded():
    passes(jpeg_with(b"\xff" * 4_096))
    for stray in (b"\xff", b"\0"):
        refused(jpeg_with(jpegs.segment(0xE5), stray * (jpeg.MAX_STRAY_BYTES + 2)), "bytes outside of its segments")


@pytest.mark.parametrize(
    ("segment", "what"),
    [
        (jpegs.segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + bytes(6)), "100 EXIF segments"),
        (jpegs.segment(0xED, b"Photoshop 3.0\0"), "100 Photoshop segments"),
        (jpegs.segment(0xDB, b"\0" + bytes(range(1, 65))) * 3, "20,000 bytes of quantization tables"),
    ],
)
def test_what_pillow_unpacks_is_bounded(segment, what):
    passes(jpeg_with(*[segment] * 90))
    refused(jpeg_with(*[segment] * 101), f"more than {what}")


# --- PNG


def test_a_png_may_have_data_chunks_of_a_kilobyte():
    """A file of 50 MB then has 49,000."""
    data = pngs.flat(8, 8)
    at = data.index(b"IDAT") - 4
    empty = pictures.png_file([(b"IDAT", b"")])[8:]
    passes(data[:at] + empty * 50_000 + data[at:])
    refused(data[:at] + empty * (png.MAX_CHUNKS + 1) + data[at:], "more than 200,000 chunks")


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_compressed_chunks_are_bounded(kind):
    headers.read(png_with(*[(kind, b"k\0\0")] * png.MAX_PACKED_CHUNKS), "png")
    refused(png_with(*[(kind, b"k\0\0")] * (png.MAX_PACKED_CHUNKS + 1)), "compressed texts and profiles")


# --- GIF and WebP


def test_a_gif_may_have_a_long_comment_and_small_blocks():
    picture = gifs.flat(40, 30)
    at = picture.index(b"\x2c" + bytes(4))
    comment = b"\x21\xfe" + (b"\xff" + bytes(255)) * 2_000 + b"\0"
    passes(picture[:at] + comment + picture[at:])
    long = b"\x21\xfe" + b"\1a" * (gif.MAX_BLOCKS + 1) + b"\0"
    refused(picture[:at] + long + picture[at:], "more than 500,000 blocks")
    refused(picture[:at] + b"\0" * (gif.MAX_BLOCKS + 1) + picture[at:], "more than 500,000 blocks")


@pytest.mark.parametrize("flags", [0, 2])
def test_the_chunks_of_a_webp_are_bounded(flags):
    picture = webps.flat(40, 30)[12:]
    headers.read(webps.extended(40, 30, flags, picture, webps.chunk(b"teSt") * 1_000), "webp")
    refused(webps.extended(40, 30, flags, picture, webps.chunk(b"teSt") * webp.MAX_CHUNKS), "more than 20,000 chunks")


# --- BMP


@pytest.mark.parametrize(("bits", "compression"), [(8, bmps.RLE8), (4, bmps.RLE4)])
def test_run_lengths_are_bounded(bits, compression):
    headers.read(bmps.bmp(3_840, 2_160, b"", compression=compression, bits=bits), "bmp")
    large = bmps.bmp(4_000, -2_501, b"", compression=compression, bits=bits)
    refused(large, "4,000 x 2,501 pixels in run lengths: at most 10,000,000")
    runs = bmps.bmp(20, 20, b"\0\2\0\0" * 1_000, compression=compression, bits=bits)
    refused(runs, "more run lengths than", CorruptImage)


def test_without_run_lengths_the_limit_is_that_of_any_picture():
    assert headers.read(bmps.bmp(9_000, -9_000, b""), "bmp") == (9_000, 9_000, 1)
    assert bmp.MAX_RLE_PIXELS < 9_000**2


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_the_size_of_a_bmp(mode):
    assert headers.read(pictures.file_of(SMALL.convert(mode), "BMP"), "bmp") == (40, 30, 1)


def test_the_size_of_the_oldest_bmp():
    core = struct.pack("<IHHHH", 12, 40, 30, 1, 24)
    data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 26) + core + bytes(3 * 40 * 30)
    passes(data)
    assert headers.read(data, "bmp") == (40, 30, 1)


# --- TIFF


@pytest.mark.parametrize(
    "options", [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}, {"big_tiff": True}, {"tiffinfo": {278: 1}}]
)
def test_sound_tiffs_pass(options):
    tiff.read(pictures.file_of(SMALL, "TIFF", **options))


def test_a_row_in_a_strip_passes():
    tiff.read(tiffs.strips(1, 65_535, 1, b"\0"))
    refused(tiffs.many_strips(tiff.MAX_BLOCKS + 1), "300,000 strips or tiles")


def test_a_small_picture_may_lie_in_one_large_tile_but_not_in_a_huge_one():
    tiff.read(tiffs.tiles(100, 100, (4_096, 4_096), b"", samples=4))
    refused(tiffs.tiles(100, 100, (26_000, 26_000), b"", samples=3), "100 x 100 pixels, whose .* 2,028,000,000 bytes")


def test_the_tiles_are_bounded_together():
    tiff.read(tiffs.tiles(1, 1_600, (16, 16), b""))
    refused(tiffs.tiles(1, 1_600, (3_000_000, 16), b"", samples=3), "unpack to 14,400,000,000 bytes")


def test_strips_in_one_place_are_read_each_time():
    tiff.read(tiffs.strips(10, 100, 1, bytes(1_000)))
    refused(tiffs.strips(10, 1_000, 1, bytes(1_000_000)), "strips or tiles of 1,000,000,000 bytes together")


def test_tables_of_the_specification_pass_and_longer_ones_do_not():
    transfer_function = tiffs.many_values(301, tiffs.SHORT, 3 * 65_536)
    passes(transfer_function)
    for kind in (tiffs.SHORT, tiffs.RATIONAL):
        refused(tiffs.many_values(301, kind, tiff.MAX_VALUES + 1), "250,000 numbers in its tags")
        refused(tiffs.exif_values(kind, tiff.MAX_VALUES + 1), "250,000 numbers in its tags")


def test_text_and_bytes_are_no_numbers():
    tiff.read(tiffs.many_values(270, 2, 1_000_000))


def test_scans_of_jpegs_in_a_tiff_are_bounded():
    passes(tiffs.repeated_scans(4, 3))
    refused(tiffs.repeated_scans(90, 90), "1,000,000 pixels in 8,640 scans")


def test_exif_of_too_many_numbers_is_left_out():
    block = tiffs.exif_values(tiffs.RATIONAL, tiff.MAX_VALUES + 1)
    original = open_original(png_with((b"eXIf", block)), Limits())
    assert dict(original.tags.exif) == {}


def test_directories_are_bounded_and_gone_through_once():
    tiff.check_tags(tiffs.directories(1_000, 3))
    with pytest.raises(ImageTooLarge, match="more than 4 directories of EXIF and GPS"):
        tiff.check_tags(tiffs.directories(5, 3, apart=12))
    big = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, tiff.MAX_TAGS + 1)
    refused(big, "more than 65,535 tags in a directory")


# --- AVIF


def test_the_coded_size_of_an_avif_counts():
    small = avifs.flat(160, 120)
    isobmff.read(avifs.resized(small, 9_000, 9_000))
    refused(avifs.resized(small, 11_000, 10_000), "a picture of 11,000 x 10,000 pixels")


@pytest.mark.parametrize("make", [lambda: avifs.flat(640, 480), lambda: avifs.moving(640, 480, 3)])
def test_what_a_sequence_header_says(make, monkeypatch):
    seen = []
    coded = av1.coded
    monkeypatch.setattr(av1, "coded", lambda data: seen.append(coded(data)))
    isobmff.read(make())
    assert av1.Coded(640, 480, deep=False) in seen


def test_a_picture_that_is_larger_than_it_says_is_refused(monkeypatch):
    monkeypatch.setattr(isobmff, "MAX_CANVAS", 100_000)
    refused(avifs.resized(avifs.flat(640, 480), 100, 100), "a picture of 640 x 480 pixels")


def test_deep_pictures_may_be_smaller_only(monkeypatch):
    monkeypatch.setattr(isobmff, "MAX_DEEP_CANVAS", 100_000)
    isobmff.read(avifs.flat(640, 480))
    monkeypatch.setattr(av1, "coded", lambda _: av1.Coded(640, 480, deep=True))
    refused(avifs.flat(640, 480), "at most 100,000 are allowed")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (avifs.many_items, "500,000 bytes of lists"),
        (avifs.many_references, "500,000 bytes of lists"),
        (avifs.many_samples, "20,000 frames"),
        (lambda count: avifs.with_boxes(avifs.box(b"free") * count), "20,000 boxes"),
    ],
)
def test_lists_of_an_avif_are_bounded(make, what):
    isobmff.read(make(1_000))
    refused(make(30_000), f"more than {what}")


def test_no_list_of_items_is_read_beyond_its_box():
    """Twenty thousand short lists would else be read through all that follows them, each."""
    data = bytearray(avifs.flat(64, 48))
    isobmff.read(bytes(data))
    at = data.find(b"iloc") + 10
    data[at : at + 2] = b"\xff\xff"
    with pytest.raises(CorruptImage, match="more items than it lists"):
        isobmff.read(bytes(data) + bytes(1_000_000))
