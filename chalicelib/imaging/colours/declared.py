"""The colour space that a file declares, by an ICC profile or by the numbers of H.273."""

from collections.abc import Iterable

from PIL import ImageFile

from chalicelib.errors import UnsupportedFormat
from chalicelib.imaging.colours import cicp, icc
from chalicelib.imaging.colours.cicp import Cicp
from chalicelib.imaging.headers.boxes import Box, Reader, collection

_GREY = frozenset({"1", "L", "I"})


def profile(file: ImageFile.ImageFile, data: bytes, name: str) -> bytes | None:
    """The ICC profile to convert from, embedded or made of the numbers; None for sRGB, and where nothing is declared.

    In AVIF and HEIC an embedded profile goes first, as in ISO/IEC 23000-22 (MIAF), 7.3.6.4; in PNG the numbers do
    (PNG, third edition, 4.3). Raises UnsupportedFormat for numbers that nobody knows, or that are for video alone.
    """
    embedded = icc.usable(file.info.get("icc_profile"))
    named = _named(data, name)
    if named is None or (embedded and name != "png"):
        return embedded
    grey = (file.mode in _GREY or file.mode.startswith("I;16")) and not file.has_transparency_data
    return cicp.profile(cicp.checked(named), grey=grey)


def _named(data: bytes, name: str) -> Cicp | None:
    match name:
        case "avif" | "heic":
            named = _of_boxes(data)
            return named and named._replace(full_range=True)  # the decoder has widened it
        case "png":
            return _of_png(data)
    return None


def _of_png(data: bytes) -> Cicp | None:
    """What the cICP chunk says (PNG, third edition, 11.3.2.6), which comes before the pixels."""
    at = 8
    while at + 12 <= len(data) and (kind := data[at + 4 : at + 8]) not in {b"IDAT", b"PLTE"}:
        length = int.from_bytes(data[at : at + 4], "big")
        if kind == b"cICP" and length == 4:
            primaries, transfer, matrix, full_range = data[at + 8 : at + 12]
            if matrix:
                raise UnsupportedFormat(f"The PNG says that its colours are coded by matrix {matrix}: expected RGB")
            return Cicp(primaries, transfer, matrix, full_range=full_range == 1)
        at += 12 + length
    return None


def _of_boxes(data: bytes) -> Cicp | None:
    """The colour space that the boxes name by numbers (`colr` of type `nclx`); None where none does.

    Of a file whose major brand is `avis` that is what the track says, as its frames are what a decoder shows.
    """
    reader = Reader(data)
    if data[8:12] == b"avis" and (moov := reader.top.get(b"moov")):
        return _of_track(reader, moov)
    found = collection(reader)
    if found is None:
        return None
    item = found.items[found.primary]
    for candidate in (item, *(found.items[at] for at in item.inputs[:1] if at in found.items)):
        if (named := _nclx(reader, candidate.properties)) is not None:
            return named
    return None


def _of_track(reader: Reader, moov: Box) -> Cicp | None:
    stsd = reader.find(moov, b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    entry = reader.find(stsd, b"av01", skip=8) if stsd else None
    return _nclx(reader, reader.boxes(entry.start + 78, entry.end)) if entry else None


def _nclx(reader: Reader, properties: Iterable[Box]) -> Cicp | None:
    for box in properties:
        if box.kind == b"colr" and reader.data[box.start : box.start + 4] == b"nclx":
            primaries, transfer, matrix = (reader.number(box.start + 4 + 2 * at, 2) for at in range(3))
            return Cicp(primaries, transfer, matrix, full_range=reader.number(box.start + 10, 1) >= 128)
    return None
