"""Colour spaces that are named by numbers (ITU-T H.273), as ICC profiles, so that `colour.py` has one way to sRGB.

High dynamic range becomes standard: light is mapped so that HDR's reference white comes close to SDR's white, with room
for what is brighter (ITU-R BT.2390-11, 5.4.1).
"""

import itertools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from chalicelib.errors import UnsupportedFormat
from chalicelib.imaging.colours import icc

UNSPECIFIED = 2

SDR_WHITE = 203.0
"""Candelas per square metre of HDR's reference white (BT.2408, 2.1), which is the most that the mapping gives."""

HDR_PEAK = 1000.0
"""Likewise the brightest light that is told from white: the nominal peak of HLG (BT.2100), and of most that is PQ."""

HLG_GAMMA = 1.2
"""The system gamma of a display of HDR_PEAK (BT.2100, table 5)."""

_PQ, _HLG = 16, 18
_LUMINANCE = (0.2627, 0.6780, 0.0593)
_CURVE_POINTS = 1024
_GRID_POINTS = 17

type Light = Callable[[float], float]
type Matrix = list[list[float]]


class Cicp(NamedTuple):
    """Code points of H.273: colour primaries, transfer characteristics and matrix coefficients, and the range."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


_D65, _C, _E, _DCI, _D50 = (0.3127, 0.3290), (0.310, 0.316), (1 / 3, 1 / 3), (0.314, 0.351), (0.3457, 0.3585)
_BT601 = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)
_CHROMATICITIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: _BT601,
    7: _BT601,
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    10: ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), _E),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _DCI),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
"""x and y of red, green, blue and white (H.273, table 2)."""

_BRADFORD = [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
"""ICC.1:2022, annex E."""


def _bt709(level: float) -> float:
    return (
        level / 4.5
        if level < 4.5 * 0.018053968510807
        else ((level + 0.099296826809442) / 1.099296826809442) ** (1 / 0.45)
    )


def _smpte240(level: float) -> float:
    return level / 4 if level < 4 * 0.0228 else ((level + 0.1115) / 1.1115) ** (1 / 0.45)


def srgb_light(level: float) -> float:
    return level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4


def _pq(level: float) -> float:
    """Candelas per square metre (SMPTE ST 2084; BT.2100, table 4)."""
    root = level ** (32 / 2523)
    return 10_000.0 * math.pow(max(root - 0.8359375, 0.0) / (18.8515625 - 18.6875 * root), 16384 / 2610)


def _pq_level(light: float) -> float:
    power = math.pow(light / 10_000, 2610 / 16384)
    return math.pow((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power), 2523 / 32)


def _hlg_scene(level: float) -> float:
    """Light of the scene, 0 to 1, by the inverse OETF (BT.2100, table 5)."""
    scene = level**2 / 3 if level <= 0.5 else (math.exp((level - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return min(scene, 1.0)


def _mapped(light: float) -> float:
    """Linear SDR, 0 to 1, of light in candelas per square metre (BT.2390-11, 5.4.1, with no black level)."""
    peak = _pq_level(HDR_PEAK)
    most = _pq_level(SDR_WHITE) / peak
    knee = 1.5 * most - 0.5
    level = min(_pq_level(light) / peak, 1.0)
    if level >= knee:
        t = (level - knee) / (1 - knee)
        level = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    return _pq(level * peak) / SDR_WHITE


_LIGHT: dict[int, Light] = {
    **dict.fromkeys((1, 6, 11, 12, 14, 15), _bt709),
    4: lambda level: level**2.2,
    5: lambda level: level**2.8,
    7: _smpte240,
    8: lambda level: level,
    9: lambda level: 10 ** (2 * (level - 1)) if level else 0.0,
    10: lambda level: 10 ** (2.5 * (level - 1)) if level else 0.0,
    13: srgb_light,
    _PQ: lambda level: _mapped(_pq(level)),
    17: lambda level: min(52.37 / 48 * level**2.6, 1.0),
    _HLG: lambda level: _mapped(HDR_PEAK * math.pow(_hlg_scene(level), HLG_GAMMA)),
}
"""Linear light, 0 to 1, of a coded level, 0 to 1 (H.273, table 3, inverted); of HLG, for greys."""

_MATRICES = frozenset({0, 1, 2, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17})
"""The matrix coefficients that decoders know; not constant luminance, and not ICtCp."""


def checked(named: Cicp) -> Cicp:
    """The code points, where all of them are known; UnsupportedFormat says which is not."""
    parts = (
        ("primaries", named.primaries, {UNSPECIFIED, *_CHROMATICITIES}),
        ("transfer characteristics", named.transfer, {UNSPECIFIED, *_LIGHT}),
        ("matrix coefficients", named.matrix, _MATRICES),
    )
    for what, value, known in parts:
        if value not in known:
            raise UnsupportedFormat(f"The image says that its colours have {what} {value} of H.273, which is not known")
    return named


@lru_cache(maxsize=8)
def profile(named: Cicp, *, grey: bool) -> bytes | None:
    """An ICC profile of that colour space, for pictures that are grey or RGB; None where it is sRGB.

    What is not specified is taken for sRGB's, and the primaries of HDR for BT.2020's. Levels of a narrow range are
    those of 8 bits, 16 to 235, in RGB: who decodes YCbCr has widened them.
    """
    transfer = 13 if named.transfer == UNSPECIFIED else named.transfer
    primaries = named.primaries
    if primaries == UNSPECIFIED:
        primaries = 9 if transfer in {_PQ, _HLG} else 1
    if (primaries, transfer, named.full_range) == (1, 13, True):
        return None
    light = _LIGHT[transfer]
    levels = [_widened(at / (_CURVE_POINTS - 1), full_range=named.full_range) for at in range(_CURVE_POINTS)]
    if transfer == _HLG and not grey:
        return icc.profile(b"RGB ", [(b"A2B0", icc.table(levels, _GRID_POINTS, _hlg_colours(primaries)))])
    curve = icc.curve([light(level) for level in levels])
    if grey:
        return icc.profile(b"GRAY", [(b"kTRC", curve)])
    columns = zip(*_to_d50(primaries), strict=True)
    tags = [(name, icc.xyz(column)) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)]
    return icc.profile(b"RGB ", [*tags, (b"rTRC", curve), (b"gTRC", curve), (b"bTRC", curve)])


def _widened(level: float, *, full_range: bool) -> float:
    """A level of all that 8 bits hold, as a part of the range from black to white."""
    black, white = (0, 255) if full_range else (16, 235)
    return min(max((255 * level - black) / (white - black), 0.0), 1.0)


def _hlg_colours(primaries: int) -> Iterator[icc.Lab]:
    """What a grid of HLG colours is in standard range, red changing slowest.

    The OOTF takes all three channels together (BT.2100, table 5), which no curve can. What is not in sRGB is cut off
    here: Lab in a profile has no room for it.
    """
    scene = [_hlg_scene(at / (_GRID_POINTS - 1)) for at in range(_GRID_POINTS)]
    to_xyz, srgb = _to_d50(primaries), _to_d50(1)
    for colour in itertools.product(scene, repeat=3):
        gain = HDR_PEAK * math.pow(sum(map(operator.mul, _LUMINANCE, colour)), HLG_GAMMA - 1)
        shown = [_mapped(gain * part) for part in colour]
        linear = _solved(srgb, _times(to_xyz, shown))
        yield icc.lab(_times(srgb, [min(max(part, 0.0), 1.0) for part in linear]))


def _to_d50(primaries: int) -> Matrix:
    """Linear RGB to XYZ under D50 (SMPTE RP 177; adapted by Bradford's method, ICC.1:2022, annex E)."""
    *corners, white = _CHROMATICITIES[primaries]
    columns = [_of_xy(*corner) for corner in corners]
    scales = _solved(_transposed(columns), [part / white[1] for part in _of_xy(*white)])
    to_xyz = _transposed([[scale * part for part in column] for scale, column in zip(scales, columns, strict=True)])
    here, there = (_times(_BRADFORD, [part / y for part in _of_xy(x, y)]) for x, y in (white, _D50))
    adapted = [[part * to / of for part in row] for row, to, of in zip(_BRADFORD, there, here, strict=True)]
    return _transposed([_solved(_BRADFORD, _times(adapted, column)) for column in _transposed(to_xyz)])


def _of_xy(x: float, y: float) -> list[float]:
    return [x, y, 1 - x - y]


def _transposed(matrix: Matrix) -> Matrix:
    return [list(row) for row in zip(*matrix, strict=True)]


def _times(matrix: Matrix, vector: Sequence[float]) -> list[float]:
    return [sum(left * right for left, right in zip(row, vector, strict=True)) for row in matrix]


def _solved(matrix: Matrix, vector: Sequence[float]) -> list[float]:
    """The vector that the matrix makes into `vector`, by Cramer's rule."""
    columns = _transposed(matrix)
    whole = _determinant(columns)
    return [_determinant([*columns[:at], list(vector), *columns[at + 1 :]]) / whole for at in range(3)]


def _determinant(rows: Matrix) -> float:
    (a, b, c), (d, e, f), (g, h, i) = rows
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
