"""XMP: nothing private and nothing wrong goes into a variant."""

import pytest
from PIL import Image

from chalicelib.imaging.metadata import Tags, kept
from chalicelib.model.picture import Metadata, VariantSpec


def packet(body="", attributes=""):
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:p="http://ns.adobe.com/photoshop/1.0/" '
        'xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:e="http://ns.adobe.com/exif/1.0/" '
        'xmlns:t="http://ns.adobe.com/tiff/1.0/" xmlns:d="http://www.dji.com/drone-dji/1.0/" '
        'xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" xmlns:ex="http://cipa.jp/exif/1.0/" '
        'xmlns:g="http://www.w3.org/2003/01/geo/wgs84_pos#">'
        f'<rdf:Description rdf:about="" t:Make="Maker" {attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    )


def kept_xmp(xmp, **fields):
    return kept(Tags(Image.Exif(), xmp), VariantSpec(name="a", metadata=Metadata.ALL, **fields)).xmp


@pytest.mark.parametrize(
    ("body", "attributes"),
    [
        ("", 'e:GPSLatitude="48,12.5N"'),
        ("", 'd:GpsLatitude="+48.2083" d:GpsLongtitude="48"'),
        ("", 'd:AbsoluteAltitude="+48.1"'),
        ("", 'p:City="Wien48" p:State="48"'),
        ("<p:City>Wien48</p:City><p:State>48</p:State>", ""),
        ('<i:LocationCreated><rdf:Bag><rdf:li i:CityName="48"/></rdf:Bag></i:LocationCreated>', ""),
        ("<i:CountryCode>AT48</i:CountryCode><i:ProvinceState>48</i:ProvinceState>", ""),
        ("<g:lat>48.2</g:lat><g:long>16.48</g:long>", 'g:alt="480"'),
        ("<g:Point><g:lat>48.2</g:lat></g:Point>", 'i:WorldRegion="48"'),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_no_place_leaves_in_xmp_whatever_it_is_called(body, attributes, encoding):
    xmp = packet(body, attributes).encode(encoding)
    found = kept_xmp(xmp)
    assert b"48" not in found
    assert b't:Make="Maker"' in found
    assert b"48" in kept_xmp(xmp, gps=True)


@pytest.mark.parametrize("gps", [False, True])
def test_no_serial_number_leaves_in_xmp(gps):
    attributes = 'aux:SerialNumber="0048" aux:LensSerialNumber="0048" aux:OwnerName="N48" aux:Lens="50mm"'
    body = "<ex:BodySerialNumber>0048</ex:BodySerialNumber><ex:CameraOwnerName>N48</ex:CameraOwnerName>"
    body += "<d:CameraSerialNumber>48</d:CameraSerialNumber>"
    found = kept_xmp(packet(body, attributes).encode(), gps=gps)
    assert b"48" not in found
    assert b'aux:Lens="50mm"' in found


def test_the_orientation_of_xmp_is_corrected_under_any_prefix():
    found = kept_xmp(packet("<t:Orientation> 6 </t:Orientation>", 't:Orientation="8"').encode())
    assert b"<t:Orientation>1<" in found
    assert b't:Orientation="1"' in found


@pytest.mark.parametrize(
    "xmp",
    [
        b"<x:xmpmeta>",
        packet("&place;").replace("<x:", '<!DOCTYPE x [<!ENTITY place "48">]><x:', 1).encode(),
        packet("<undeclared:City/>").encode(),
        b"<a>" * 20_000 + b"</a>" * 7_000,
        ("<a>" * 9_000 + "</a>" * 9_000).encode(),
        packet().encode("utf-16")[2:],
        b"\xff\xfe\x00",
    ],
)
def test_xmp_that_does_not_parse_is_left_out(xmp):
    assert kept_xmp(xmp) == kept_xmp(xmp, gps=True) == b""
