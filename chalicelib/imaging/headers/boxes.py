"""The items of an AVIF or HEIC file and what is said of them, read from its boxes: no decoder runs.

Boxes are those of ISO/IEC 14496-12, items and their properties those of ISO/IEC 23008-12.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import msgspec

from chalicelib.errors import CorruptImage, ImageTooLarge

MAX_BOXES = 20_000
"""Boxes that are looked at in one file. A photo of 100 megapixels in tiles of 512 x 512 has about 1,500."""

MAX_ITEMS = 5_000
MAX_REFERENCES = 20_000
"""Items, and references between items, of one file; both are found in lists whose entries cost a few bytes each."""


class Box(NamedTuple):
    """The kind of a box, and where its content lies in the file."""

    kind: bytes
    start: int
    end: int


class Item(msgspec.Struct):
    """One item: `properties` in the order in which they apply, `inputs` the items that it is derived from."""

    kind: bytes
    properties: list[Box] = msgspec.field(default_factory=list)
    inputs: list[int] = msgspec.field(default_factory=list)
    describes: list[int] = msgspec.field(default_factory=list)
    """The items that it is an auxiliary picture of."""

    extent: tuple[int, int] | None = None
    """Where its data begins in the file and how long it is, for data in one piece."""


class Collection(msgspec.Struct):
    """The items of a file; `primary` is the picture to be shown."""

    primary: int
    items: dict[int, Item]


class Reader:
    """A walk through the boxes of one file, which ends in CorruptImage or ImageTooLarge after MAX_BOXES."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.seen = 0
        self.areas: dict[Box, int] = {}

    def boxes(self, start: int, end: int) -> Iterator[Box]:
        """The boxes between two places; one that says that it is longer ends there."""
        while start + 8 <= end:
            self.count()
            size, header = self.number(start, 4), 8
            kind = self.data[start + 4 : start + 8]
            if size == 1:
                size, header = self.number(start + 8, 8), 16
            elif size == 0:
                size = end - start
            if size < header:
                raise CorruptImage(f"The file has a box of {size} bytes")
            yield Box(kind, start + header, min(start + size, end))
            start += size

    def find(self, within: Box, *path: bytes, skip: int = 0) -> Box | None:
        """The first box on that path; `skip` is what the content of `within` has before its boxes."""
        for box in self.boxes(within.start + skip, within.end):
            if box.kind == path[0]:
                return self.find(box, *path[1:]) if len(path) > 1 else box
        return None

    def count(self) -> None:
        """Count a part that is looked at."""
        self.seen += 1
        if self.seen > MAX_BOXES:
            raise ImageTooLarge(f"The file has more than {MAX_BOXES:,} boxes")

    def number(self, at: int, size: int) -> int:
        if at + size > len(self.data):
            raise CorruptImage("The file ends in the middle of a box")
        return int.from_bytes(self.data[at : at + size], "big")

    @cached_property
    def top(self) -> dict[bytes, Box]:
        """The outermost boxes, the last of each kind."""
        return {box.kind: box for box in self.boxes(0, len(self.data))}


def collection(reader: Reader) -> Collection | None:
    """The items of a file, or None where it has no primary one; raises CorruptImage and ImageTooLarge."""
    meta = reader.top.get(b"meta")
    if meta is None:
        return None
    parts = {box.kind: box for box in reader.boxes(meta.start + 4, meta.end)}
    if b"pitm" not in parts or b"iinf" not in parts:
        return None
    primary = reader.number(parts[b"pitm"].start + 4, 4 if reader.data[parts[b"pitm"].start] else 2)
    items = _items(reader, parts[b"iinf"])
    if b"iprp" in parts:
        _add_properties(reader, parts[b"iprp"], items)
    if b"iref" in parts:
        _add_references(reader, parts[b"iref"], items)
    if b"iloc" in parts:
        _add_extents(reader, parts[b"iloc"], parts.get(b"idat"), items)
    return Collection(primary, items) if primary in items else None


def _items(reader: Reader, iinf: Box) -> dict[int, Item]:
    items: dict[int, Item] = {}
    for box in reader.boxes(iinf.start + (8 if reader.number(iinf.start, 1) else 6), iinf.end):
        version = reader.number(box.start, 1)
        if box.kind == b"infe" and version >= 2:
            size = 4 if version >= 3 else 2
            at = box.start + 4
            kind, rest = reader.data[at + size + 2 : at + size + 6], reader.data[at + size + 6 : box.end]
            _check_text(kind + rest if kind == b"mime" else kind)
            items[reader.number(at, size)] = Item(kind)
        if len(items) > MAX_ITEMS:
            raise ImageTooLarge(f"The file has more than {MAX_ITEMS:,} items")
    return items


def _check_text(kind: bytes) -> None:
    """Raise CorruptImage unless it is UTF-8: libheif's binding takes it for that, and crashes where it is not."""
    try:
        kind.decode()
    except UnicodeDecodeError as error:
        raise CorruptImage("The file has an item of a kind that is no text") from error


def _add_properties(reader: Reader, iprp: Box, items: dict[int, Item]) -> None:
    ipco = reader.find(iprp, b"ipco")
    properties = list(reader.boxes(ipco.start, ipco.end)) if ipco else []
    for ipma in reader.boxes(iprp.start, iprp.end):
        if ipma.kind != b"ipma":
            continue
        id_size = 4 if reader.number(ipma.start, 1) else 2
        index_size = 2 if reader.number(ipma.start + 3, 1) & 1 else 1
        at = ipma.start + 8
        for _ in range(reader.number(ipma.start + 4, 4)):
            _check_within(at, ipma)
            item = items.get(reader.number(at, id_size))
            count = reader.number(at + id_size, 1)
            at += id_size + 1
            for _ in range(count):
                index = reader.number(at, index_size) & (1 << 8 * index_size - 1) - 1  # the highest bit: essential
                if item is not None and 0 < index <= len(properties):
                    item.properties.append(properties[index - 1])
                at += index_size


def _add_references(reader: Reader, iref: Box, items: dict[int, Item]) -> None:
    size = 4 if reader.number(iref.start, 1) else 2
    references = 0
    for box in reader.boxes(iref.start + 4, iref.end):
        item = items.get(reader.number(box.start, size))
        count = reader.number(box.start + size, 2)
        references += count
        if references > MAX_REFERENCES:
            raise ImageTooLarge(f"The file has more than {MAX_REFERENCES:,} references between items")
        first = box.start + size + 2
        to = [reader.number(at, size) for at in range(first, first + count * size, size)]
        if item is not None and box.kind == b"dimg":
            item.inputs.extend(to)
        elif item is not None and box.kind == b"auxl":
            item.describes.extend(to)


def _add_extents(reader: Reader, iloc: Box, idat: Box | None, items: dict[int, Item]) -> None:
    for number, extents, start, length in places(reader, iloc, idat):
        item = items.get(number)
        if extents == 1 and item is not None:
            item.extent = start, length


def places(reader: Reader, iloc: Box, idat: Box | None) -> Iterator[tuple[int, int, int, int]]:
    """For each item its number, in how many pieces its data is, and where the first begins and how long it is.

    ISO/IEC 14496-12, 8.11.3. Items without data are left out.
    """
    version = reader.number(iloc.start, 1)
    sizes = reader.number(iloc.start + 4, 2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    id_size = 4 if version == 2 else 2
    at = iloc.start + 6 + id_size
    for _ in range(reader.number(iloc.start + 6, id_size)):
        _check_within(at, iloc)
        number = reader.number(at, id_size)
        at += id_size
        in_idat = version > 0 and reader.number(at, 2) & 15 == 1
        at += (2 if version else 0) + 2
        base = reader.number(at, base_size)
        extents = reader.number(at + base_size, 2)
        at += base_size + 2
        if extents:
            start = base + reader.number(at + index_size, offset_size) + (idat.start if in_idat and idat else 0)
            yield number, extents, start, reader.number(at + index_size + offset_size, length_size)
        at += extents * (index_size + offset_size + length_size)


def _check_within(at: int, box: Box) -> None:
    """Refuse a list that says that it is longer than its box, which bounds what going through it takes."""
    if at >= box.end:
        raise CorruptImage("The file promises more items than it lists")
