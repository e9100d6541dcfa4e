"""The results as one SVG: a row a case, a bar an engine, CPU time on the left and memory on the right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from bench.engines import HALFTONE, PYVIPS, SHARP, SHARP_PYRAMID, TEXTBOOK, Engine
from bench.results import Cell, Results

COLOURS = {
    HALFTONE: "#d1495b",
    SHARP_PYRAMID: "#30638e",
    SHARP: "#6d9dc5",
    PYVIPS: "#a3b9a0",
    TEXTBOOK: "#c9c2b4",
}
FONT = 'font-family="Helvetica, Arial, sans-serif" font-size="11"'
INK, FAINT = "#22262b", "#6b7178"
LABELS, PANEL, BETWEEN, MARGIN, HEAD = 130, 360, 70, 20, 70
BAR, GAP = 11, 16
ROOM = 1.25  # an axis ends at so many times the longest bar other than the textbook loop's, which may be cut off there


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One axis: where it begins, and what it shows of a cell."""

    title: str
    left: int
    value: Callable[[Cell], float]


PANELS = (
    Panel(title="CPU ms for three JPEG variants", left=LABELS, value=lambda cell: cell.cpu),
    Panel(title="Peak memory, MiB", left=LABELS + PANEL + BETWEEN, value=lambda cell: cell.peak),
)


def svg(results: Results) -> str:
    """The document, of the cases with JPEG variants only: the bars of other formats would dwarf them."""
    cells = [cell for cell in results.cells if cell.output == "jpeg"]
    cases = list(dict.fromkeys(cell.case for cell in cells))
    engines = [engine for engine in COLOURS if engine.name in results.engines]
    group = len(engines) * BAR + GAP
    width, height = PANELS[-1].left + PANEL + BETWEEN, HEAD + len(cases) * group + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {FONT}>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_legend(engines),
    ]
    for row, case in enumerate(cases):
        middle = HEAD + row * group + len(engines) * BAR / 2 + 4
        parts.append(_text(LABELS - 10, middle, case, anchor="end"))
    for panel in PANELS:
        parts.append(_text(panel.left, HEAD - 14, panel.title, bold=True))
        limit = ROOM * max((panel.value(cell) for cell in cells if cell.engine != TEXTBOOK.name), default=1.0)
        for row, case in enumerate(cases):
            found = [(engine, results.cell(case, engine.name)) for engine in engines]
            for index, (engine, cell) in enumerate(found):
                if cell:
                    top = HEAD + row * group + index * BAR
                    parts += _bar(panel.left, top, panel.value(cell), limit, engine)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(engines: Sequence[Engine]) -> list[str]:
    parts = []
    for index, engine in enumerate(engines):
        left = LABELS + index * 120
        parts.append(f'<rect x="{left}" y="18" width="10" height="10" fill="{COLOURS[engine]}"/>')
        parts.append(_text(left + 15, 27, engine.title))
    return parts


def _bar(left: int, top: int, value: float, limit: float, engine: Engine) -> list[str]:
    """A bar with its number; one that the axis cuts off ends in an arrow."""
    length = PANEL * min(value / limit, 1.0)
    number = f"{value:.0f}" if value <= limit else f"{value:.0f} →"
    return [
        f'<rect x="{left}" y="{top}" width="{length:.1f}" height="{BAR - 2}" fill="{COLOURS[engine]}"/>',
        _text(left + length + 5, top + 8, number, bold=engine is HALFTONE, faint=engine is not HALFTONE),
    ]


def _text(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False, faint: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    fill = FAINT if faint else INK
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}"{weight}>{escape(text)}</text>'
