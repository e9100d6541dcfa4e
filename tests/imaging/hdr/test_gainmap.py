"""Gain maps: whole in the variants that ask for them, and no trace of them in all others."""

import io
import re
import struct
from xml.dom.minidom import parseString

import pytest
from PIL import Image, ImageOps
from PIL.MpoImagePlugin import MpoImageFile

from chalicelib.errors import CorruptImage, HalftoneError, InvalidRequest, VariantTooLarge
from chalicelib.imaging.decoding import decode
from chalicelib.imaging.hdr import gainmap, ultrahdr
from chalicelib.imaging.render import render
from chalicelib.model.picture import Fit, Format, Hdr, Limits, Metadata, Position, VariantSpec
from tests.imaging import pictures, ultrahdrs

XMP, ISO, segment = ultrahdrs.XMP, ultrahdrs.ISO, ultrahdrs.segment
HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"


def halves(width, height, mode="L"):
    """A map that is dark on the left and bright on the right."""
    image = Image.new(mode, (width, height), 40 if mode == "L" else (40, 60, 80))
    image.paste(200 if mode == "L" else (200, 180, 160), (width // 2, 0, width, height))
    return image


def photo(**options):
    return ultrahdrs.photo(pictures.scenery(400, 300), halves(100, 75), **options)


def variant(data, **options):
    return render(data, [VariantSpec(**({"name": "a"} | options))]).variants[0].data


def pair(data):
    """The two pictures of a file, as its MPF index has them; read by Pillow, which wrote neither index nor XMP."""
    with MpoImageFile(io.BytesIO(data)) as file:
        assert file.n_frames == 2
        picture = file.copy()
        file.seek(1)
        return picture, file.copy()


def parts(data):
    """The files of both, cut where the index says, which must be where one ends and the other begins."""
    at = data.index(b"MPF\0") + 4
    assert data[at : at + 4] == b"MM\0*"
    first, second, offset = (struct.unpack_from(">I", data, at + 50 + place)[0] for place in (4, 20, 24))
    assert (first, first + second) == (at + offset, len(data))
    assert data[first - 2 : first + 2] == b"\xff\xd9\xff\xd8"
    return data[:first], data[first:]


def xmp_of(jpeg):
    at = jpeg.index(XMP)
    return parseString(jpeg[at + len(XMP) : at - 2 + struct.unpack_from(">H", jpeg, at - 2)[0]])


def said(jpeg):
    """Name and value of everything that the map's XMP says in attributes."""
    (description,) = xmp_of(jpeg).getElementsByTagName("rdf:Description")
    return {name: value for (space, name), value in description.attributes.itemsNS() if space == HDRGM}


def promised(jpeg):
    (length,) = re.findall(rb'Item:Length="(\d+)"', jpeg)
    return int(length)


TRACES = (b"hdrgm", b"hdr-gain-map", b"Container", b"GainMap", b"MPF\0", b"21496", b"HDRGainMap", b"MotionPhoto")


def test_a_variant_that_asks_has_the_map_and_all_that_is_said_of_it():
    data = variant(photo(), width=200, hdr=Hdr.KEEP)
    picture, gain_map = pair(data)
    assert (picture.size, gain_map.size, gain_map.mode) == ((200, 150), (50, 38), "L")
    assert (gain_map.getpixel((5, 20)), gain_map.getpixel((45, 20))) == pytest.approx((40, 200), abs=3)
    primary, behind = parts(data)
    assert promised(primary) == len(behind)
    assert xmp_of(primary).getElementsByTagName("rdf:Description")[0].getAttribute("hdrgm:Version") == "1.0"
    assert said(behind) == ultrahdrs.META | {"Version": "1.0", "BaseRenditionIsHDR": "False"}


def test_the_map_is_described_in_binary_as_well():
    primary, behind = parts(variant(photo(), width=200, hdr=Hdr.KEEP))
    assert segment(0xE2, ISO + bytes(4)) in primary
    at = behind.index(ISO) + len(ISO)
    assert struct.unpack_from(">HHB", behind, at) == (0, 0, 0x40)
    numbers = struct.unpack_from(">iIiI iIiIiIiIiI", behind, at + 5)
    ratios = [top / below for top, below in zip(numbers[::2], numbers[1::2], strict=True)]
    assert ratios == pytest.approx([0, 2.25, -0.5, 2.25, 0.75, 0.015625, 0.0125])


@pytest.mark.parametrize(
    "binary",
    [
        ultrahdrs.iso_binary(),
        ultrahdrs.iso_binary(channels=3),
        ultrahdrs.iso_binary(one_denominator=True),
        ultrahdrs.iso_binary(flags=0),
    ],
)
def test_a_map_that_is_described_in_binary_alone_is_read(binary):
    _, behind = parts(variant(photo(said=[segment(0xE2, ISO + binary)]), width=200, hdr=Hdr.KEEP))
    assert {name: float(value) for name, value in said(behind).items() if name in ultrahdrs.META} == pytest.approx(
        {name: float(value) for name, value in ultrahdrs.META.items()}
    )


def test_a_map_of_three_channels_stays_one():
    meta = ultrahdrs.META | {"GainMapMax": ["2", "2.5", "3"]}
    original = ultrahdrs.photo(
        pictures.scenery(400, 300), halves(100, 75, "RGB"), said=[segment(0xE1, XMP + ultrahdrs.map_xmp(meta))]
    )
    data = variant(original, width=200, hdr=Hdr.KEEP)
    assert pair(data)[1].getpixel((45, 20)) == pytest.approx((200, 180, 160), abs=4)
    _, behind = parts(data)
    (entries,) = xmp_of(behind).getElementsByTagName("hdrgm:GainMapMax")
    assert [float(entry.firstChild.data) for entry in entries.getElementsByTagName("rdf:li")] == [2, 2.5, 3]
    assert behind[behind.index(ISO) + len(ISO) + 4] == 0xC0


@pytest.mark.parametrize("order", [">", "<"])
def test_indices_of_both_byte_orders_are_read(order):
    assert pair(variant(photo(order=order), hdr=Hdr.KEEP))[1].size == (100, 75)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_map_is_turned_as_its_picture_is(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = halves(100, 74)
    upright = ImageOps.exif_transpose(pictures.opened(pictures.file_of(stored, "PNG", exif=exif.tobytes())))
    original = ultrahdrs.photo(pictures.scenery(400, 296), stored, exif=exif.tobytes())
    picture, gain_map = pair(variant(original, hdr=Hdr.KEEP))
    assert (picture.width > picture.height) == (gain_map.width > gain_map.height)
    assert gain_map.size == upright.size
    for across in (0.1, 0.9):
        for down in (0.1, 0.9):
            spot = int(across * upright.width), int(down * upright.height)
            assert gain_map.getpixel(spot) == pytest.approx(upright.getpixel(spot), abs=3)


@pytest.mark.parametrize(("position", "levels"), [(Position.WEST, (40, 40)), (Position.EAST, (200, 200))])
def test_the_map_is_cropped_as_its_picture_is(position, levels):
    data = variant(photo(), width=60, height=120, fit=Fit.COVER, position=position, hdr=Hdr.KEEP)
    picture, gain_map = pair(data)
    assert (picture.size, gain_map.size) == ((60, 120), (15, 30))
    assert (gain_map.getpixel((1, 15)), gain_map.getpixel((13, 15))) == pytest.approx(levels, abs=3)


def test_the_map_is_cropped_where_the_focus_is():
    picture = Image.new("RGB", (400, 200), "white")
    picture.paste(pictures.photograph(100, 200), (300, 0))
    original = ultrahdrs.photo(picture, halves(100, 50))
    data = variant(original, width=100, height=200, fit=Fit.COVER, position=Position.ENTROPY, hdr=Hdr.KEEP)
    assert pair(data)[1].getpixel((12, 25)) == pytest.approx(200, abs=3)


def test_what_pads_a_picture_is_not_made_brighter():
    data = variant(photo(), width=200, height=200, fit=Fit.CONTAIN, background="#ffffff", hdr=Hdr.KEEP)
    picture, gain_map = pair(data)
    assert (picture.size, gain_map.size) == ((200, 200), (50, 50))
    neutral = round(255 * (0.5 / 2.75) ** 0.75)
    assert (gain_map.getpixel((25, 2)), gain_map.getpixel((25, 48))) == pytest.approx((neutral, neutral), abs=8)
    assert gain_map.getpixel((45, 25)) == pytest.approx(200, abs=3)


def test_a_file_with_a_map_still_fits_in_max_bytes():
    whole = variant(photo(), hdr=Hdr.KEEP)
    fitted = variant(photo(), hdr=Hdr.KEEP, max_bytes=len(whole) - 2_000)
    assert len(fitted) <= len(whole) - 2_000
    assert pair(fitted)[1].size == (100, 75)
    with pytest.raises(VariantTooLarge):
        variant(photo(), hdr=Hdr.KEEP, max_bytes=1_000)


def test_other_metadata_stays_beside_the_promise():
    data = variant(photo(more='dc:source="mine"'), width=200, hdr=Hdr.KEEP, metadata=Metadata.ALL)
    primary, behind = parts(data)
    assert promised(primary) == len(behind)
    assert b'dc:source="mine"' in primary
    assert primary.count(b"hdrgm:Version") == 1


@pytest.mark.parametrize("metadata", list(Metadata))
@pytest.mark.parametrize("target", list(Format))
@pytest.mark.parametrize("hdr", list(Hdr))
def test_what_has_no_map_does_not_promise_one(metadata, target, hdr):
    if (hdr, target) == (Hdr.KEEP, Format.JPEG):
        return
    data = variant(photo(more='dc:source="mine"'), width=200, metadata=metadata, format=target, hdr=hdr)
    assert not [trace for trace in TRACES if trace in data]
    assert (b"mine" in data) == (metadata is Metadata.ALL and target is not Format.GIF)


APPLE = (
    'xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/" HDRGainMap:HDRGainMapVersion="131072" '
    'xmlns:Camera="http://ns.google.com/photos/1.0/camera/" Camera:MotionPhoto="1"'
)
APPLE_MAP = ultrahdrs.packet(
    '<rdf:Description rdf:about="" xmlns:apdi="http://ns.apple.com/pixeldatainfo/1.0/">'
    "<apdi:AuxiliaryImageType>urn:com:apple:photo:2020:aux:hdrgainmap</apdi:AuxiliaryImageType></rdf:Description>"
)

UNUSABLE = {
    "Apple's own": photo(said=[segment(0xE1, XMP + APPLE_MAP)], more=APPLE),
    "nothing is said": photo(said=[]),
    "it does not parse": photo(said=[segment(0xE1, XMP + b"<x"), segment(0xE2, ISO + b"\0\0")]),
    "the base is HDR": photo(
        said=[segment(0xE1, XMP + ultrahdrs.map_xmp(ultrahdrs.META | {"BaseRenditionIsHDR": "True"}))]
    ),
    "a later version": photo(said=[segment(0xE2, ISO + b"\0\1" + ultrahdrs.iso_binary()[2:])]),
    "gains in other colours": photo(said=[segment(0xE2, ISO + ultrahdrs.iso_binary(flags=0, channels=3))]),
    "no range": photo(said=[segment(0xE1, XMP + ultrahdrs.map_xmp(ultrahdrs.META | {"HDRCapacityMax": "0"}))]),
    "no number": photo(said=[segment(0xE1, XMP + ultrahdrs.map_xmp(ultrahdrs.META | {"Gamma": "nan"}))]),
    "another shape": ultrahdrs.photo(pictures.scenery(400, 300), halves(75, 100)),
    "larger than the picture": ultrahdrs.photo(pictures.scenery(40, 30), halves(400, 300)),
    "cut off": photo()[:-600],
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_map_that_cannot_be_used_is_left_out_whole(name):
    data = variant(UNUSABLE[name], hdr=Hdr.KEEP, metadata=Metadata.ALL)
    assert not [trace for trace in TRACES if trace in data]
    assert pictures.opened(data).format == "JPEG"


def test_files_without_a_map_are_as_they_are_without_the_option():
    for name in ("JPEG", "PNG"):
        plain = pictures.file_of(pictures.scenery(200, 100), name)
        assert variant(plain, format=Format.JPEG, hdr=Hdr.KEEP) == variant(plain, format=Format.JPEG)


def test_the_map_is_bounded_as_any_original_is(monkeypatch):
    huge = pictures.file_of(Image.new("L", (8, 8)), "JPEG").replace(b"\0\x08\0\x08", struct.pack(">HH", 60_000, 60_000))
    original = ultrahdrs.joined(
        pictures.file_of(pictures.scenery(80, 80), "JPEG"),
        ultrahdrs.with_segments(huge, segment(0xE1, XMP + ultrahdrs.map_xmp())),
    )
    monkeypatch.setattr(decode, "decode_frames", None)
    assert gainmap.of(original, decode.open_original(original, Limits()), Limits()) is None


@pytest.mark.parametrize(("segments", "most"), [(1, 7), (1_000, 28)])
def test_an_index_that_names_many_pictures_is_not_followed_for_ever(segments, most):
    """A thousand lists in each segment, of eight pictures in the same place."""
    place = 8 + 2 + 12 * 1_000 + 4
    entries = struct.pack("<IIIHH", 0, 9, place + 8 * 16, 0, 0) * 8 + b"\xff\xd8"
    lists = struct.pack("<HHII", 0xB002, 7, 8 * 16, place) * 1_000
    index = segment(0xE2, b"MPF\0II*\0\x08\0\0\0" + struct.pack("<H", 1_000) + lists + bytes(4) + entries)
    data = ultrahdrs.with_segments(pictures.file_of(pictures.scenery(40, 30), "JPEG"), *[index] * segments)
    assert len(list(ultrahdr.further_pictures(data))) == most


def test_after_a_map_that_is_broken_no_other_is_decoded(monkeypatch):
    said = segment(0xE1, XMP + ultrahdrs.map_xmp())
    broken = ultrahdrs.with_segments(pictures.file_of(halves(100, 75), "JPEG"), said)[:-200]
    original = ultrahdrs.joined(pictures.file_of(pictures.scenery(400, 300), "JPEG"), broken, broken, broken)
    decoded = []
    monkeypatch.setattr(gainmap, "_pyramid", lambda *_: decoded.append(1) or broken_map())
    assert gainmap.of(original, decode.open_original(original, Limits()), Limits()) is None
    assert len(decoded) == 1


def broken_map():
    raise CorruptImage("it is broken")


def test_a_wrong_choice_is_refused():
    with pytest.raises(InvalidRequest, match="hdr: expected one of drop, keep"):
        variant(photo(), hdr="always")


def test_every_cut_and_many_flips_end_in_a_picture_or_in_words():
    data = photo()
    for at in range(20, len(data), 97):
        for broken in (data[:at], data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]):
            try:
                variant(broken, width=50, hdr=Hdr.KEEP, metadata=Metadata.ALL)
            except HalftoneError:
                continue
