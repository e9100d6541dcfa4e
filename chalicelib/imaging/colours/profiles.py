"""ICC profiles (ICC.1:2010, 7.2 and 7.3), before a colour engine sees them."""

import struct

MAX_BYTES = 8_000_000
"""Printer profiles of CMYK have 0.5 to 4 MB. Four transforms are kept, each with the profile that it was made of."""

_TAGS_AT = 132
_TAG = struct.Struct(">4sII")
_MULTI_PROCESS = {stem + digit for stem in (b"D2B", b"B2D") for digit in (b"0", b"1", b"2", b"3")}


def usable(profile: bytes | None) -> bytes | None:
    """The profile without its multi-process elements; None for none, and for one of more than MAX_BYTES.

    Those elements are an alternative to tables that a profile must have as well (9.2.17), and a reader may pass over
    them. Little CMS would go through any number of segments for each of thousands of points: 76 KB took two minutes.
    """
    if not profile or len(profile) > MAX_BYTES:
        return None
    names = bytearray(profile)
    for at in range(_TAGS_AT, min(len(profile), _TAGS_AT + 100 * _TAG.size) - _TAG.size + 1, _TAG.size):
        name = profile[at : at + 4]
        if name in _MULTI_PROCESS:
            names[at : at + 4] = name.lower()
    return bytes(names)
