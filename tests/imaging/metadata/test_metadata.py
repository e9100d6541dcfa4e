"""What is told of a picture, and what leaves with its variants: never where it was taken, unless asked."""

import struct
from contextlib import suppress

import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from PIL.PngImagePlugin import PngInfo

from chalicelib.errors import PermanentError
from chalicelib.imaging.metadata import Tags, kept
from chalicelib.imaging.render import render
from chalicelib.model.picture import Format, Metadata, VariantSpec
from tests.imaging import pictures

XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 tiff:Orientation="6" exif:GPSLatitude="48,12.5N" exif:GPSLongitude='16,22.1E' tiff:Make="Maker">
<exif:GPSAltitude>171/1</exif:GPSAltitude><tiff:Orientation>6</tiff:Orientation></rdf:Description></rdf:RDF></x:xmpmeta>"""

TARGETS = [Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF]


def tagged():
    exif = Image.Exif()
    exif[Base.Make] = "Maker"
    exif[Base.Model] = "Model 1\0"
    exif[Base.Orientation] = 6
    exif[Base.Artist] = "An Artist"
    exif[Base.Copyright] = "(c) An Artist"
    details = exif.get_ifd(IFD.Exif)
    details[Base.LensModel] = "Lens 50mm"
    details[Base.DateTimeOriginal] = "2024:05:01 12:34:56"
    details[Base.OffsetTimeOriginal] = "+02:00"
    details[Base.ExposureTime] = 0.008
    details[Base.FNumber] = 2.8
    details[Base.ISOSpeedRatings] = 200
    details[Base.MakerNote] = b"secret of the maker"
    place = exif.get_ifd(IFD.GPSInfo)
    place[GPS.GPSLatitudeRef] = "N"
    place[GPS.GPSLatitude] = (48.0, 12.0, 30.0)
    return exif


def photo(name="JPEG", exif=None):
    return pictures.file_of(pictures.scenery(60, 40), name, exif=tagged() if exif is None else exif, xmp=XMP)


def variant(target, **fields):
    data = render(photo(), [VariantSpec(name="a", width=20, format=target, **fields)]).variants[0].data
    image = pictures.opened(data)
    return data, image, image.getexif()


def test_the_record_tells_of_the_camera_and_never_of_the_place():
    exif = render(photo(), []).original.exif
    assert exif == {
        "make": "Maker",
        "model": "Model 1",
        "artist": "An Artist",
        "copyright": "(c) An Artist",
        "lens": "Lens 50mm",
        "taken_at": "2024-05-01T12:34:56+02:00",
        "exposure_time": "0.008",
        "f_number": "2.8",
        "iso": "200",
    }


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_record_reads_every_format_that_has_exif(name):
    original = render(pictures.file_of(pictures.scenery(60, 40), name, exif=tagged()), []).original
    assert original.exif["make"] == "Maker"
    assert original.orientation == 6


@pytest.mark.parametrize("target", list(Format))
def test_nothing_is_kept_by_default(target):
    data, image, exif = variant(target)
    assert dict(exif) == {}
    assert not {"icc_profile", "xmp", "exif", "comment", "XML:com.adobe.xmp"} & {
        key for key in image.info if image.info[key]
    }
    assert b"Maker" not in data


@pytest.mark.parametrize("target", TARGETS)
def test_copyright_keeps_who_and_nothing_else(target):
    data, _, exif = variant(target, metadata=Metadata.COPYRIGHT)
    assert dict(exif) == {Base.Artist: "An Artist", Base.Copyright: "(c) An Artist"}
    assert b"Maker" not in data


@pytest.mark.parametrize("target", TARGETS)
def test_all_keeps_exif_and_xmp_upright_and_without_the_place(target):
    data, image, exif = variant(target, metadata=Metadata.ALL)
    assert exif[Base.Make] == "Maker"
    assert exif.get(Base.Orientation, 1) == 1
    assert exif.get_ifd(IFD.Exif)[Base.LensModel] == "Lens 50mm"
    assert dict(exif.get_ifd(IFD.GPSInfo)) == {}
    assert IFD.GPSInfo not in exif
    assert b"secret of the maker" not in data
    xmp = image.info.get("xmp") or image.info["XML:com.adobe.xmp"].encode()
    assert b"GPS" not in xmp
    assert b'tiff:Make="Maker"' in xmp
    assert b'tiff:Orientation="1"' in xmp
    assert b"<tiff:Orientation>1<" in xmp


@pytest.mark.parametrize("target", TARGETS)
def test_the_place_is_kept_when_asked_for(target):
    _, image, exif = variant(target, metadata=Metadata.ALL, gps=True)
    assert exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] == (48.0, 12.0, 30.0)
    assert b"48,12.5N" in (image.info.get("xmp") or image.info["XML:com.adobe.xmp"].encode())


def test_rendering_one_variant_takes_nothing_from_the_next():
    specs = [
        VariantSpec(name="without", metadata=Metadata.ALL),
        VariantSpec(name="with", metadata=Metadata.ALL, gps=True),
    ]
    without, with_place = (pictures.opened(made.data).getexif() for made in render(photo(), specs).variants)
    assert IFD.GPSInfo not in without
    assert IFD.GPSInfo in with_place


def test_blocks_that_fit_in_no_jpeg_segment_are_left_out():
    exif = tagged()
    exif[Base.ImageDescription] = "x" * 70_000
    data = pictures.file_of(pictures.scenery(60, 40), "PNG", exif=exif)
    made = render(data, [VariantSpec(name="a", format=Format.JPEG, metadata=Metadata.ALL)]).variants[0]
    assert dict(pictures.opened(made.data).getexif()) == {}


@pytest.mark.parametrize(
    "block", [b"Exif\0\0", b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_a_broken_block_does_not_break_the_picture(block):
    data = pictures.file_of(pictures.scenery(60, 40), "JPEG", exif=block)
    rendering = render(data, [VariantSpec(name="a", metadata=Metadata.ALL)])
    assert rendering.original.orientation == 1
    assert rendering.original.exif == {}


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_the_orientation_of_xmp_turns_nothing(name):
    options = {"tiffinfo": {700: XMP}} if name == "TIFF" else {"xmp": XMP}
    if name == "PNG":
        chunks = PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", XMP)
        options = {"pnginfo": chunks}
    picture = pictures.scenery(60, 40)
    rendering = render(pictures.file_of(picture, name, **options), [VariantSpec(name="a", format=Format.PNG)])
    made = pictures.opened(rendering.variants[0].data)
    assert b"tiff:Orientation" in pictures.file_of(picture, name, **options)
    assert rendering.original.orientation == 1
    assert made.size == (60, 40)
    assert pictures.difference(made, picture)[1] < 10


def test_a_tag_whose_value_lies_beyond_the_file_costs_itself_alone():
    data = bytearray(pictures.file_of(pictures.scenery(60, 40), "TIFF", exif=tagged()))
    at = data.find(struct.pack("<HH", Base.Copyright, 2))
    data[at + 8 : at + 12] = struct.pack("<I", 10**6)
    rendering = render(bytes(data), [VariantSpec(name="a", format=Format.JPEG, metadata=Metadata.ALL)])
    assert "copyright" not in rendering.original.exif
    assert (rendering.original.exif["make"], rendering.original.orientation) == ("Maker", 6)
    assert pictures.opened(rendering.variants[0].data).getexif()[Base.Make] == "Maker"


@pytest.mark.parametrize("tag", [262, Base.Make, IFD.Exif, IFD.GPSInfo])
@pytest.mark.parametrize("kind", [2, 3, 4, 5, 12, 13, 99])
@pytest.mark.parametrize("count", [0, 1, 2, 10**6, 2**32 - 1])
def test_no_tag_of_a_tiff_breaks_more_than_its_picture(tag, kind, count):
    data = bytearray(pictures.file_of(pictures.scenery(60, 40), "TIFF", exif=tagged().tobytes()))
    at = next(at for at in range(len(data)) if data[at : at + 2] == struct.pack("<H", tag) and data[at + 3] == 0)
    data[at + 2 : at + 12] = struct.pack("<HII", kind, count, 10**6)
    spec = VariantSpec(name="a", format=Format.JPEG, metadata=Metadata.ALL, gps=True)
    with suppress(PermanentError):
        render(bytes(data), [spec])


def test_a_tiff_keeps_its_words_and_not_its_layout():
    data = pictures.file_of(pictures.scenery(60, 40), "TIFF", exif=tagged())
    made = render(data, [VariantSpec(name="a", format=Format.JPEG, metadata=Metadata.ALL)]).variants[0]
    exif = pictures.opened(made.data).getexif()
    assert exif[Base.Make] == "Maker"
    assert not {Base.ImageWidth, Base.StripOffsets, Base.Compression} & set(exif)


def test_a_value_that_cannot_be_written_costs_the_block_and_not_the_picture(monkeypatch):
    monkeypatch.setattr(Image.Exif, "tobytes", lambda _: 1 / 0)
    assert kept(Tags(tagged(), b""), VariantSpec(name="a", metadata=Metadata.ALL)).exif == b""


@pytest.mark.parametrize("stamp", ["0000:00:00", "yesterday", "2024-05-01 10:00:00"])
def test_a_time_that_is_none_is_left_out(stamp):
    exif = Image.Exif()
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = stamp
    assert "taken_at" not in render(photo(exif=exif), []).original.exif


def test_values_are_printable_and_short():
    exif = Image.Exif()
    exif[Base.Make] = "a\x07b\nc" + "d" * 1000
    text = render(photo(exif=exif), []).original.exif["make"]
    assert text.startswith("abcddd")
    assert len(text) == 200


@pytest.mark.parametrize("raw", ["© Zoë 2024".encode(), "© Zoë 2024".encode("latin-1")])
@pytest.mark.parametrize("choice", [Metadata.COPYRIGHT, Metadata.ALL])
def test_names_beyond_ascii_survive_to_the_byte(raw, choice):
    exif = Image.Exif()
    exif[Base.Copyright] = raw
    rendering = render(
        pictures.file_of(pictures.scenery(60, 40), "JPEG", exif=exif),
        [VariantSpec(name="a", width=20, metadata=choice)],
    )
    assert rendering.original.exif["copyright"] == "© Zoë 2024"
    assert raw + b"\0" in rendering.variants[0].data
    assert render(rendering.variants[0].data, []).original.exif["copyright"] == "© Zoë 2024"


@pytest.mark.parametrize("gps", [False, True])
def test_no_serial_number_leaves_in_exif(gps):
    exif = tagged()
    for tag in (Base.BodySerialNumber, Base.LensSerialNumber, Base.CameraOwnerName):
        exif.get_ifd(IFD.Exif)[tag] = "N0048"
    spec = VariantSpec(name="a", format=Format.JPEG, metadata=Metadata.ALL, gps=gps)
    made = render(photo(exif=exif), [spec]).variants[0].data
    assert b"N0048" not in made
    assert pictures.opened(made).getexif().get_ifd(IFD.Exif)[Base.LensModel] == "Lens 50mm"
