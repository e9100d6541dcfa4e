"""HEIC: what is shown of it, and what is refused before a decoder runs."""

import io
import itertools
import struct
import sys

import pillow_heif
import pytest
from PIL import Image, ImageOps

from chalicelib.errors import CorruptImage, HalftoneError, ImageTooLarge, UnsupportedFormat
from chalicelib.imaging.headers import boxes, heic
from chalicelib.imaging.render import render
from chalicelib.model.picture import Format, Limits, VariantSpec
from tests.imaging import heics, pictures

PNG = VariantSpec(name="png", format=Format.PNG)
WHITE, RED, GREEN, BLUE = (255, 255, 255), (200, 40, 30), (30, 180, 60), (40, 50, 190)


def shown(data):
    return pictures.opened(render(data, [PNG]).variants[0].data)


def close(picture, spot, colour):
    assert picture.getpixel(spot) == pytest.approx(colour, abs=4)


def quarters():
    picture = Image.new("RGB", (64, 128), WHITE)
    for colour, at in ((RED, (0, 0)), (GREEN, (32, 0)), (BLUE, (0, 64))):
        picture.paste(colour, (*at, at[0] + 32, at[1] + 64))
    return picture


def test_heic_without_its_decoder_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif.as_plugin", None)
    with pytest.raises(UnsupportedFormat, match="pip install pi-heif"):
        render(heics.heic([heics.plain(64, 64, RED)]), [])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_upright(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = ImageOps.exif_transpose(pictures.opened(pictures.file_of(quarters(), "PNG", exif=exif.tobytes())))
    rendering = render(heics.encoded(quarters(), exif=exif.tobytes()), [PNG])
    variant = pictures.opened(rendering.variants[0].data)
    assert (rendering.original.format, rendering.original.orientation) == ("heic", 1)
    assert (rendering.original.width, rendering.original.height) == variant.size == upright.size
    for x, y in itertools.product((0.25, 0.75), repeat=2):
        spot = round(x * upright.width), round(y * upright.height)
        close(variant, spot, upright.getpixel(spot))


def test_it_is_turned_before_it_is_mirrored_or_after_as_its_properties_come():
    turned = quarters().transpose(Image.Transpose.ROTATE_90)
    mirrored = heics.heic([heics.coded(quarters(), heics.irot(1), heics.imir(1))])
    picture, expected = shown(mirrored), ImageOps.mirror(turned)
    assert picture.size == (128, 64)
    for spot in ((20, 20), (100, 20), (20, 50), (100, 50)):
        close(picture, spot, expected.getpixel(spot))


def test_tiles_make_one_picture_with_a_rotation_of_the_whole():
    tiles = [heics.plain(64, 64, colour) for colour in (RED, GREEN, BLUE, WHITE)]
    whole = heics.grid(2, 2, 100, 120, [2, 3, 4, 5], heics.irot(3))
    picture = shown(heics.heic([whole, *tiles]))
    assert picture.size == (120, 100)
    for spot, colour in (((100, 20), RED), ((100, 80), GREEN), ((20, 20), BLUE), ((20, 80), WHITE)):
        close(picture, spot, colour)


def test_the_primary_picture_is_shown_and_not_the_first():
    picture = shown(heics.heic([heics.plain(64, 64, RED), heics.plain(96, 64, BLUE)], primary=2))
    assert picture.size == (96, 64)
    close(picture, (10, 10), BLUE)


def test_depth_and_thumbnails_are_not_shown():
    depth, thumbnail = heics.plain(64, 64, "grey"), heics.plain(64, 64, GREEN)
    depth.properties.append(heics.auxiliary(heics.DEPTH))
    depth.refers, thumbnail.refers = {b"auxl": [1]}, {b"thmb": [1]}
    rendering = render(heics.heic([heics.plain(128, 128, RED), depth, thumbnail]), [PNG])
    picture = pictures.opened(rendering.variants[0].data)
    assert (rendering.original.frames, rendering.original.has_alpha) == (1, False)
    assert (picture.mode, picture.size) == ("RGB", (128, 128))
    close(picture, (10, 10), RED)


def test_alpha_stays():
    picture = quarters().convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    variant = shown(heics.encoded(picture))
    assert variant.mode == "RGBA"
    assert variant.getpixel((10, 32))[3] == pytest.approx(64, abs=4)


def test_ten_bits_are_read():
    levels = struct.pack("<3H", 800 << 6, 400 << 6, 200 << 6) * (64 * 64)
    out = pillow_heif.from_bytes("RGB;16", (64, 64), levels)
    picture = shown(_saved(out))
    close(picture, (30, 30), (200, 100, 50))


def test_a_film_without_a_still_is_not_supported():
    data = heics.box(b"ftyp", b"hevc" + bytes(4) + b"msf1hevc") + heics.box(b"moov", bytes(8))
    with pytest.raises(UnsupportedFormat, match="film without a still"):
        render(data, [PNG])


def test_pictures_of_another_coding_are_not_supported():
    item = heics.plain(64, 64, RED)
    item.kind = b"j2k1"
    with pytest.raises(UnsupportedFormat, match="'j2k1': expected HEVC"):
        render(heics.heic([item]), [PNG])


def _saved(out):
    file = io.BytesIO()
    out.save(file, quality=100, chroma=444)
    return file.getvalue()


def _lying_bitstream():
    """A parameter set of 16,384 x 16,384 where the box says 64 x 64."""
    item = heics.plain(64, 64, RED)
    item.properties[0] = _with_size(item.properties[0])
    return heics.heic([item])


def _with_size(hvcc):
    at = 8 + 23
    out = hvcc[:at]
    for _ in range(hvcc[at - 1]):
        kind, count = hvcc[at] & 63, int.from_bytes(hvcc[at + 1 : at + 3], "big")
        out, at = out + hvcc[at : at + 3], at + 3
        for _ in range(count):
            length = int.from_bytes(hvcc[at : at + 2], "big")
            unit = hvcc[at + 2 : at + 2 + length]
            at += 2 + length
            if kind == 33:
                head = "".join(f"{byte:08b}" for byte in unit.replace(b"\0\0\3", b"\0\0")[:15])
                unit = _bytes(head + _golomb(0) + _golomb(1) + _golomb(16_384) + _golomb(16_384))
            out += struct.pack(">H", len(unit)) + unit
    return struct.pack(">I", len(out)) + out[4:]


def _golomb(value):
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits


def _bytes(bits):
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def _lying_grid():
    item = heics.grid(1, 1, 30_000, 30_000, [2])
    item.properties[0] = heics.ispe(64, 64)
    return heics.heic([item, heics.plain(64, 64, RED)])


def _nested():
    tile = heics.plain(64, 64, RED)
    return heics.heic([*(heics.grid(1, 1, 64, 64, [number + 1]) for number in range(1, 8)), tile])


def _many_items():
    tile = heics.plain(64, 64, RED)
    return heics.heic([tile] * (boxes.MAX_ITEMS + 1))


def _circle():
    return heics.heic([heics.grid(1, 1, 64, 64, [2]), heics.grid(1, 1, 64, 64, [1])])


HOSTILE = {
    "a huge box": (lambda: heics.heic([_sized(40_000, 40_000)]), ImageTooLarge),
    "a bitstream that is larger than its box": (_lying_bitstream, ImageTooLarge),
    "a grid that is larger than its box": (_lying_grid, ImageTooLarge),
    "an overlay that is larger than its box": (
        lambda: heics.heic([_lying_overlay(), heics.plain(64, 64, RED)]),
        ImageTooLarge,
    ),
    "alpha as large as a large picture": (
        lambda: heics.heic([_sized(9_000, 9_000), _alpha(9_000, 9_000)]),
        ImageTooLarge,
    ),
    "many tiles": (
        lambda: heics.heic([heics.grid(50, 50, 3200, 3200, [2] * 2500), heics.plain(64, 64, RED)]),
        ImageTooLarge,
    ),
    "large tiles in a small grid": (
        lambda: heics.heic([heics.grid(20, 20, 64, 64, [2] * 400), _sized(4_000, 4_000)]),
        ImageTooLarge,
    ),
    "many items": (_many_items, ImageTooLarge),
    "many references": (
        lambda: heics.heic([heics.overlay(64, 64, [2] * 20_001), heics.plain(64, 64, RED)]),
        ImageTooLarge,
    ),
    "many boxes": (
        lambda: heics.heic([heics.plain(64, 64, RED)]) + heics.box(b"free", b"") * 20_000,
        ImageTooLarge,
    ),
    "many parameter sets": (lambda: heics.heic([_many_parameter_sets(30_000)]), ImageTooLarge),
    "grids in grids": (_nested, UnsupportedFormat),
    "a grid of itself": (_circle, UnsupportedFormat),
    "a tile that is not there": (lambda: heics.heic([heics.grid(1, 1, 64, 64, [9])]), CorruptImage),
    "no primary picture": (lambda: heics.heic([heics.plain(64, 64, RED)], primary=9), CorruptImage),
}


def _sized(width, height):
    item = heics.plain(64, 64, RED)
    item.properties[1] = heics.ispe(width, height)
    return item


def _alpha(width, height):
    item = _sized(width, height)
    item.properties.append(heics.auxiliary(heics.ALPHA))
    item.refers = {b"auxl": [1]}
    return item


def _many_parameter_sets(count):
    item = heics.plain(64, 64, RED)
    item.properties[0] = heics.box(b"hvcC", bytes(22) + b"\1" + struct.pack(">BH", 32, count) + bytes(2 * count))
    return item


def _lying_overlay():
    item = heics.overlay(30_000, 30_000, [2])
    item.properties[0] = heics.ispe(64, 64)
    return item


@pytest.mark.parametrize("name", HOSTILE)
def test_what_would_take_a_decoder_too_much_is_refused_before_it_runs(name, monkeypatch):
    make, error = HOSTILE[name]
    data = make()
    monkeypatch.setitem(sys.modules, "pi_heif.as_plugin", _NoDecoder)
    with pytest.raises(error) as raised:
        render(data, [PNG])
    assert type(raised.value) is error


class _NoDecoder:
    @staticmethod
    def HeifImageFile(_):  # noqa: N802 - the decoder's name
        raise AssertionError("the decoder ran")


@pytest.mark.parametrize("kind", [b"Ex\xe9f", b"mime\0\xff\xfe"], ids=["kind", "content type"])
def test_metadata_of_a_kind_that_is_no_text_crashes_nothing(kind):
    item = heics.Item(kind, b"data", [], {b"cdsc": [1]})
    with pytest.raises(CorruptImage, match="a kind that is no text"):
        render(heics.heic([heics.plain(64, 64, RED), item]), [PNG])


@pytest.mark.parametrize(("kind", "at"), [(b"ipma", 8), (b"iloc", 10)])
def test_a_list_ends_with_its_box(kind, at):
    data = heics.heic([heics.plain(64, 64, RED)]) + heics.box(b"free", bytes(10_000))
    start = data.index(kind) + at
    reader = boxes.Reader(data[:start] + b"\xff\xff" + data[start + 2 :])
    with pytest.raises(CorruptImage, match="promises more items than it lists"):
        boxes.collection(reader)


def test_a_configuration_that_tiles_share_is_read_once():
    tile = heics.plain(64, 64, RED)
    reader = boxes.Reader(heics.heic([tile] * 40))
    found = boxes.collection(reader)
    seen = reader.seen
    for item in found.items.values():
        (configuration,) = (box for box in item.properties if box.kind == b"hvcC")
        assert heic.configured_area(reader, configuration) == 64 * 64
    assert reader.seen - seen < 20


def test_a_sound_file_passes_the_check():
    heic.check(heics.heic([heics.grid(2, 2, 128, 128, [2] * 4), heics.plain(64, 64, RED)]), Limits())


def test_every_cut_of_a_file_ends_in_words():
    data = heics.heic([heics.grid(1, 1, 64, 64, [2]), heics.plain(64, 64, RED)])
    for end in range(12, len(data), 7):
        try:
            render(data[:end], [PNG])
        except HalftoneError:
            continue
