"""All variants of some pictures side by side, in one picture to look at."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from chalicelib.imaging.drawing import geometry
from chalicelib.imaging.drawing.geometry import CENTER
from chalicelib.model.picture import Rendering, Size

CELL = Size(320, 320)
GAP = 16
LINE = 18
"""Pixels: of a cell, between cells, and of a line of text."""

_PAPER, _INK, _FAINT = (250, 250, 250), (30, 30, 30), (120, 120, 120)
_CHECKS = ((255, 255, 255), (222, 222, 222))
_CHECK_SIDE = 8


def contact_sheet(renderings: Sequence[tuple[str, Rendering]]) -> bytes:
    """A PNG with a row for each titled rendering and a cell for each of its variants.

    A variant is shown at its own size where the cell has room for it, else scaled down; transparency is on a
    chequerboard, and of an animation there is the first frame. Below stand name, size, format and bytes.
    """
    columns = max((len(rendering.variants) for _, rendering in renderings), default=1)
    row = LINE + CELL.height + 2 * LINE + GAP
    sheet = Image.new("RGB", (GAP + (CELL.width + GAP) * max(columns, 1), GAP + row * len(renderings)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    for number, (title, rendering) in enumerate(renderings):
        top = GAP + row * number
        draw.text((GAP, top), f"{title}  {_about(rendering)}", fill=_INK, font=font)
        for column, variant in enumerate(rendering.variants):
            left = GAP + column * (CELL.width + GAP)
            _show(sheet, variant.data, (left, top + LINE))
            below = top + LINE + CELL.height + 3
            size = f"{variant.width} x {variant.height}  {variant.format}  {len(variant.data):,} bytes"
            draw.text((left, below), variant.spec.name, fill=_INK, font=font)
            draw.text((left, below + LINE), size, fill=_FAINT, font=font)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _about(rendering: Rendering) -> str:
    original = rendering.original
    frames = f", {original.frames} frames" if original.frames > 1 else ""
    return f"{original.width} x {original.height} {original.format}{frames}, {rendering.placeholder.dominant_color}"


def _show(sheet: Image.Image, data: bytes, corner: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(data)) as variant:
        picture = variant.convert("RGBA")
    size = geometry.inside(Size(*picture.size), CELL)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    ground = _chequerboard(size)
    ground.paste(picture, mask=picture.getchannel("A"))
    at = geometry.offset(size, CELL, CENTER)
    sheet.paste(ground, (corner[0] + at.left, corner[1] + at.top))


def _chequerboard(size: Size) -> Image.Image:
    tile = Image.new("RGB", (2 * _CHECK_SIDE, 2 * _CHECK_SIDE), _CHECKS[0])
    for corner in ((0, _CHECK_SIDE), (_CHECK_SIDE, 0)):
        tile.paste(_CHECKS[1], (*corner, corner[0] + _CHECK_SIDE, corner[1] + _CHECK_SIDE))
    board = Image.new("RGB", size)
    for top in range(0, size.height, tile.height):
        for left in range(0, size.width, tile.width):
            board.paste(tile, (left, top))
    return board
