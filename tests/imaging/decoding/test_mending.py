"""What is wrong beside a picture does not keep it from being shown; what is wrong with it does."""

import struct
import zlib

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from chalicelib.errors import CorruptImage, UnsupportedFormat
from chalicelib.imaging.decoding import mending
from chalicelib.imaging.decoding.mending import mended
from chalicelib.imaging.render import render
from chalicelib.model.picture import Format, Metadata, VariantSpec
from tests.imaging import pictures

PNG = VariantSpec(name="a", format=Format.PNG, lossless=True)
PIXELS = [bytes((*colour, 255)) * 64 for colour in (pictures.RED, pictures.GREEN)]
SOUND = pictures.apng((8, 8), [(pixels, 100, 0, 0) for pixels in PIXELS], 0)
DEFAULT = pictures.RED


def chunks_of(data):
    """The chunks of a PNG as kind and content."""
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def changed(kind, content, which=0, chunks=None):
    """The animation with the content of a chunk replaced: the `which`-th of its kind."""
    chunks = list(chunks or chunks_of(SOUND))
    at = [index for index, chunk in enumerate(chunks) if chunk[0] == kind][which]
    chunks[at] = (kind, content(chunks[at][1]))
    return pictures.png_file(chunks)


def moved(at, to):
    chunks = chunks_of(SOUND)
    chunks.insert(to, chunks.pop(at))
    return pictures.png_file(chunks)


def without(*places):
    return pictures.png_file([chunk for at, chunk in enumerate(chunks_of(SOUND)) if at not in places])


def with_repeated(at):
    chunks = chunks_of(SOUND)
    return pictures.png_file([*chunks[: at + 1], *chunks[at:]])


IHDR, ACTL, FCTL, IDAT, NEXT_FCTL, FDAT, IEND = range(7)

BROKEN = {
    "no frames promised": changed(b"acTL", lambda _: bytes(8)),
    "fewer frames promised": changed(b"acTL", lambda _: struct.pack(">II", 1, 0)),
    "more frames promised": changed(b"acTL", lambda _: struct.pack(">II", 3, 0)),
    "count cut short": changed(b"acTL", lambda _: b"\0\0"),
    "count repeated": with_repeated(ACTL),
    "count after the pixels": moved(ACTL, IDAT),
    "no count": without(ACTL),
    "sequence starts late": changed(b"fcTL", lambda content: b"\0\0\0\1" + content[4:]),
    "gap in the sequence": changed(b"fdAT", lambda content: b"\0\0\0\7" + content[4:]),
    "sequence repeats": changed(b"fcTL", lambda content: bytes(4) + content[4:], 1),
    "frame control repeated": with_repeated(NEXT_FCTL),
    "frame control missing": without(NEXT_FCTL),
    "frame control cut short": changed(b"fcTL", lambda content: content[:20], 1),
    "frame data missing": without(FDAT),
    "frame data before its control": moved(FDAT, NEXT_FCTL),
    "frame beyond the canvas": changed(b"fcTL", lambda content: content[:12] + b"\0\0\0\5" + content[16:], 1),
    "frame of no size": changed(b"fcTL", lambda content: content[:4] + bytes(4) + content[8:], 1),
    "first frame smaller than the canvas": changed(b"fcTL", lambda content: content[:4] + b"\0\0\0\7" + content[8:]),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_of_a_broken_animation_the_still_image_is_shown(data):
    rendering = render(data, [PNG])
    assert rendering.original.frames == 1
    made = pictures.opened(rendering.variants[0].data)
    assert getattr(made, "n_frames", 1) == 1
    assert made.convert("RGB").getcolors() == [(64, DEFAULT)]


def test_a_sound_animation_moves():
    rendering = render(SOUND, [PNG])
    assert rendering.original.frames == 2
    assert mended(SOUND, "png") is SOUND


def test_a_default_image_may_stand_beside_the_animation():
    chunks = chunks_of(SOUND)
    control = chunks[FCTL][1]
    frames = [(b"fcTL", control), (b"fdAT", struct.pack(">I", 1) + chunks[IDAT][1])]
    data = pictures.png_file([chunks[IHDR], (b"acTL", struct.pack(">II", 1, 0)), chunks[IDAT], *frames, chunks[IEND]])
    assert mended(data, "png") is data


def noisy_png(*extra, **options):
    """A PNG of several chunks of pixels, with further ones before them."""
    data = pictures.file_of(pictures.photograph(200, 200), "PNG", **options)
    chunks = chunks_of(data)
    return pictures.png_file([chunks[0], *extra, *chunks[1:]])


@pytest.mark.parametrize("missing", range(1, 13))
def test_a_png_needs_no_whole_end_chunk(missing):
    whole = pictures.file_of(pictures.photograph(40, 30), "PNG")
    made = render(whole[:-missing], [PNG]).variants[0].data
    assert pictures.opened(made).tobytes() == pictures.photograph(40, 30).tobytes()


def test_a_png_needs_all_its_pixels():
    chunks = chunks_of(noisy_png())
    assert sum(kind == b"IDAT" for kind, _ in chunks) > 1
    with pytest.raises(CorruptImage):
        render(pictures.png_file(chunks[:-2]), [PNG])
    with pytest.raises(CorruptImage):
        render(pictures.png_file(chunks)[:-40], [PNG])


LONG = zlib.compress(bytes(3_000_000))

BESIDE = {
    "profile packed in an unknown way": (b"iCCP", b"name\0\7" + zlib.compress(b"profile")),
    "profile that is too long": (b"iCCP", b"name\0\0" + LONG),
    "profile of nothing": (b"iCCP", b"name"),
    "text that is too long": (b"zTXt", b"Comment\0\0" + LONG),
    "text packed in an unknown way": (b"zTXt", b"Comment\0\7" + LONG),
    "EXIF that is too long": (b"zTXt", b"Raw profile type exif\0\0" + LONG),
    "international text that is too long": (b"iTXt", b"Comment\0\1\0\0\0" + LONG),
    "XMP that is too long": (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LONG),
    "XMP that does not unpack": (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0zzzz"),
}


@pytest.mark.parametrize("chunk", BESIDE.values(), ids=BESIDE)
def test_what_a_decoder_stumbles_over_beside_the_pixels_is_left_out(chunk):
    spec = VariantSpec(name="a", format=Format.PNG, metadata=Metadata.ALL)
    made = render(noisy_png(chunk), [spec]).variants[0].data
    assert pictures.opened(made).tobytes() == pictures.photograph(200, 200).tobytes()


def test_what_tells_of_the_picture_stays():
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "<x/>", zip=True)
    text.add_text("Software", "short")
    profile = pictures.rgb_profile(pictures.ADOBE_RGB, 2.2)
    data = noisy_png((b"zTXt", b"Comment\0\0" + LONG), pnginfo=text, icc_profile=profile)
    kept = pictures.opened(mended(data, "png"))
    assert kept.info["icc_profile"] == profile
    assert kept.info["xmp"] == b"<x/>"
    assert kept.info["Software"] == "short"
    assert "Comment" not in kept.info


def test_a_second_profile_is_not_unpacked(monkeypatch):
    """However many there are: each could take a megabyte."""
    unpacked = []
    start = zlib.decompressobj

    def noted():
        unpacked.append(1)
        return start()

    monkeypatch.setattr(mending.zlib, "decompressobj", noted)
    mended(noisy_png(*[(b"iCCP", b"name\0\0" + LONG)] * 50), "png")
    assert len(unpacked) == 1


def test_a_png_of_too_many_chunks_is_not_gone_through():
    data = pictures.png_file([(b"IHDR", bytes(13)), *[(b"teXt", b"")] * (mending.MAX_CHUNKS + 5)])
    assert mended(data, "png") is data


@pytest.mark.parametrize("tail", [b"", b"\xff", b"\0\0", b"ab", b"\xff\0", b"some junk, of any length"])
@pytest.mark.parametrize("size", [(33, 21), (640, 480)])
def test_a_jpeg_may_have_junk_in_place_of_its_end_marker(size, tail):
    whole = pictures.file_of(pictures.photograph(*size), "JPEG")
    made = render(whole[:-2] + tail, [PNG]).variants[0].data
    assert pictures.opened(made).tobytes() == pictures.opened(whole).tobytes()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [20, 100, 2000])
@pytest.mark.parametrize("tail", [b"", b"ab", bytes(5000), b"\xff" * 5000])
def test_a_jpeg_that_lacks_rows_is_truncated_whatever_it_ends_in(progressive, missing, tail):
    whole = pictures.file_of(pictures.photograph(320, 240), "JPEG", progressive=progressive)
    with pytest.raises(CorruptImage, match="truncated"):
        render(whole[:-missing] + tail, [PNG])


def test_the_end_marker_of_a_thumbnail_is_not_the_pictures():
    small = pictures.file_of(Image.new("RGB", (16, 16)), "JPEG")
    whole = pictures.file_of(pictures.photograph(320, 240), "JPEG")
    segment = b"\xff\xe2" + struct.pack(">H", len(small) + 2) + small
    data = whole[:2] + segment + whole[2:]
    render(data, [PNG])
    with pytest.raises(CorruptImage, match="truncated"):
        render(data[:-100], [PNG])


@pytest.mark.parametrize(("order", "big"), [("<", True), ("<", False), (">", False)])
def test_a_tiff_may_be_a_big_one(order, big):
    picture = pictures.scenery(60, 40)
    data = pictures.tiff((60, 40), picture.tobytes(), 2, (8, 8, 8), order=order, big=big)
    assert pictures.opened(render(data, [PNG]).variants[0].data).tobytes() == picture.tobytes()


def test_pillow_reads_no_big_tiff_whose_numbers_begin_with_the_high_byte():
    with pytest.raises(UnsupportedFormat):
        render(pictures.tiff((1, 1), bytes(3), 2, (8, 8, 8), order=">", big=True), [PNG])


def test_a_tiff_may_be_in_lab():
    data = pictures.tiff((1, 1), bytes((128, 60, 226)), 8, (8, 8, 8))
    found = pictures.opened(render(data, [PNG]).variants[0].data).getpixel((0, 0))
    expected = pictures.srgb_of_lab((128 / 2.55, 60, -30))
    assert all(abs(one - other) <= 3 for one, other in zip(found, expected, strict=True))


UNKNOWN = {
    "16-bit grey with alpha": pictures.tiff((2, 2), bytes(16), 1, (16, 16), extra=(338, 2)),
    "16-bit Lab": pictures.tiff((2, 2), bytes(24), 8, (16, 16, 16)),
    "compression that nobody knows": pictures.tiff((2, 2), bytes(12), 2, (8, 8, 8), compression=34712),
    "BMP of an unknown compression": b"BM" + struct.pack("<IIIIiiHHII", 66, 0, 54, 40, 2, 2, 1, 24, 9, 12) + bytes(36),
}


@pytest.mark.parametrize("data", UNKNOWN.values(), ids=UNKNOWN)
def test_what_no_decoder_knows_is_of_an_unsupported_format_and_not_damaged(data):
    with pytest.raises(UnsupportedFormat, match="of a kind that cannot be decoded"):
        render(data, [PNG])
