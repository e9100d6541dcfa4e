"""What the levels of a gain map mean, in the two forms that files say it in: XMP and binary."""

import math
import struct
from typing import Any

import msgspec

from chalicelib.errors import CorruptImage
from chalicelib.imaging.metadata import xmp

HDRGM = "http://ns.adobe.com/hdr-gain-map/1.0/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

_MULTICHANNEL, _IN_BASE_COLOURS, _ONE_DENOMINATOR, _BACKWARD = 0x80, 0x40, 0x08, 0x04
_MOST_STOPS = 64
_BELOW = 1_000_000

type Channels = tuple[float, float, float]


class Gains(msgspec.Struct, frozen=True):
    """What a map's levels mean, for red, green and blue (Ultra HDR 1.0, "Metadata"); all but gamma and offsets log2."""

    least: Channels
    most: Channels
    gamma: Channels
    offset_sdr: Channels
    offset_hdr: Channels
    capacity_min: float
    capacity_max: float

    @property
    def neutral(self) -> tuple[int, int, int]:
        """The levels of the map that change nothing, or change least."""
        levels = []
        for least, most, gamma in zip(self.least, self.most, self.gamma, strict=True):
            share = min(max(-least / (most - least), 0.0), 1.0) if most > least else 0.0
            levels.append(round(255 * math.pow(share, gamma)))
        return levels[0], levels[1], levels[2]


def _checked(found: Gains) -> Gains:
    """Gains that make sense, and whose base is the darker rendition, as the base of a variant is."""
    numbers = (*found.least, *found.most, *found.gamma, *found.offset_sdr, *found.offset_hdr, found.capacity_max)
    _require(
        all(least <= most for least, most in zip(found.least, found.most, strict=True)),
        all(gamma > 0 for gamma in found.gamma),
        0 <= found.capacity_min < found.capacity_max,
        all(abs(number) < _MOST_STOPS for number in numbers),
    )
    return found


def _require(*conditions: bool) -> None:
    if not all(conditions):
        raise CorruptImage("The gain map is of a kind that is not known")


def from_iso(content: bytes) -> Gains:
    """ISO 21496-1, C.2.2, and the form with one denominator for all that libultrahdr writes."""
    minimum, _, flags = struct.unpack_from(">HHB", content)
    count = 3 if flags & _MULTICHANNEL else 1
    _require(minimum == 0, not flags & _BACKWARD, count == 1 or flags & _IN_BASE_COLOURS > 0)
    at = 5
    if flags & _ONE_DENOMINATOR:
        (below,) = struct.unpack_from(">I", content, at)
        heads = struct.unpack_from(">II", content, at + 4)
        rows = [struct.unpack_from(">iiIii", content, at + 12 + 20 * channel) for channel in range(count)]
        numbers = [[top / below for top in row] for row in rows]
        base, alternate = (top / below for top in heads)
    else:
        base_top, base_below, top, below = struct.unpack_from(">IIII", content, at)
        base, alternate = base_top / base_below, top / below
        rows = [struct.unpack_from(">iIiIIIiIiI", content, at + 16 + 40 * channel) for channel in range(count)]
        numbers = [[row[pair] / row[pair + 1] for pair in range(0, 10, 2)] for row in rows]
    least, most, gamma, sdr, hdr = (_channels([row[part] for row in numbers]) for part in range(5))
    return _checked(Gains(least, most, gamma, sdr, hdr, base, alternate))


def to_iso(meant: Gains) -> bytes:
    parts = (meant.least, meant.most, meant.gamma, meant.offset_sdr, meant.offset_hdr)
    one = all(len(set(part)) == 1 for part in parts)
    out = struct.pack(">HHB", 0, 0, _IN_BASE_COLOURS | (0 if one else _MULTICHANNEL))
    out += _ratio(meant.capacity_min) + _ratio(meant.capacity_max)
    return out + b"".join(_ratio(part[channel]) for channel in range(1 if one else 3) for part in parts)


def _ratio(number: float) -> bytes:
    return struct.pack(">iI", round(number * _BELOW), _BELOW)


def from_xmp(packet: bytes) -> Gains:
    """Ultra HDR 1.0: properties of the namespace `hdrgm`, as attributes or, for three channels, as lists."""
    values: dict[str, list[str]] = {}
    for description in xmp.parsed(packet).getElementsByTagNameNS(RDF, "Description"):
        values |= {name: [text] for (space, name), text in description.attributes.itemsNS() if space == HDRGM}
        values |= {part.localName: _texts(part) for part in description.childNodes if part.namespaceURI == HDRGM}
    _require(values["Version"] == ["1.0"], values.get("BaseRenditionIsHDR", ["False"]) == ["False"])

    def numbers(name: str, default: float | None = None) -> Channels:
        texts = values[name] if default is None else values.get(name, [str(default)])
        return _channels([float(text) for text in texts])

    return _checked(
        Gains(
            numbers("GainMapMin", 0.0),
            numbers("GainMapMax"),
            numbers("Gamma", 1.0),
            numbers("OffsetSDR", 1 / 64),
            numbers("OffsetHDR", 1 / 64),
            numbers("HDRCapacityMin", 0.0)[0],
            numbers("HDRCapacityMax")[0],
        )
    )


def _texts(element: Any) -> list[str]:
    entries = element.getElementsByTagNameNS(RDF, "li") or [element]
    return ["".join(node.data for node in entry.childNodes if node.nodeType == node.TEXT_NODE) for entry in entries]


def _channels(numbers: list[float]) -> Channels:
    red, green, blue = numbers * 3 if len(numbers) == 1 else numbers
    return red, green, blue


def to_xmp(meant: Gains) -> bytes:
    """As attributes where the channels are alike, which is all that some readers take, else as lists."""
    properties = {
        "GainMapMin": meant.least,
        "GainMapMax": meant.most,
        "Gamma": meant.gamma,
        "OffsetSDR": meant.offset_sdr,
        "OffsetHDR": meant.offset_hdr,
    }
    attributes = {name: f"{channels[0]:.9g}" for name, channels in properties.items() if len(set(channels)) == 1}
    attributes |= {"HDRCapacityMin": f"{meant.capacity_min:.9g}", "HDRCapacityMax": f"{meant.capacity_max:.9g}"}
    lists = "".join(
        f"<hdrgm:{name}><rdf:Seq>{''.join(f'<rdf:li>{one:.9g}</rdf:li>' for one in channels)}</rdf:Seq></hdrgm:{name}>"
        for name, channels in properties.items()
        if name not in attributes
    )
    said = "".join(f' hdrgm:{name}="{text}"' for name, text in attributes.items())
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" '
        f'xmlns:hdrgm="{HDRGM}" hdrgm:Version="1.0"{said} hdrgm:BaseRenditionIsHDR="False">'
        f"{lists}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()
