"""What a file says about itself beside its pixels, and what of that a variant may keep."""

import msgspec
from PIL import Image, ImageFile

from chalicelib.imaging.metadata import exif, xmp
from chalicelib.model.picture import Metadata, VariantSpec

MAX_BLOCK = 65_000
"""Bytes of EXIF or XMP that fit in one segment of a JPEG; a block that is longer is left out."""


class Tags(msgspec.Struct, frozen=True):
    """The EXIF and XMP blocks of a file; both may be empty."""

    exif: Image.Exif
    xmp: bytes


class Kept(msgspec.Struct, frozen=True):
    """The EXIF and XMP blocks that go into a variant, and the gain map's file behind it; empty bytes write none."""

    exif: bytes = b""
    xmp: bytes = b""
    gain_map: bytes = b""


def read(file: ImageFile.ImageFile) -> Tags:
    """The tags of an opened file; a block that cannot be read counts as empty.

    The file gives its XMP away: Pillow would turn a picture by what that says of its orientation, where browsers turn
    it by EXIF alone.
    """
    packet = file.info.pop("xmp", b"")
    file.info.pop("XML:com.adobe.xmp", None)
    if isinstance(packet, str):
        packet = packet.encode()
    return Tags(exif.read(file), packet if isinstance(packet, bytes) else b"")


def kept(tags: Tags, spec: VariantSpec) -> Kept:
    """The metadata that a variant keeps, as its spec says; orientation is always told as upright."""
    match spec.metadata:
        case Metadata.NONE:
            return Kept()
        case Metadata.COPYRIGHT:
            return Kept(exif=_bounded(exif.of_copyright(tags.exif)))
        case Metadata.ALL:
            return Kept(
                exif=_bounded(exif.for_variant(tags.exif, gps=spec.gps)),
                xmp=_bounded(xmp.for_variant(_bounded(tags.xmp), gps=spec.gps)),
            )


def _bounded(block: bytes) -> bytes:
    return block if len(block) <= MAX_BLOCK else b""
