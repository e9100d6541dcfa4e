"""What was measured, as data: one cell for each case and engine."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import geometric_mean, median


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One engine on one case.

    `cpu_ms` has each repeat of each process; `peak_kib` each process. The tuples below have one entry a variant, in the
    order of the sides: the bytes and scores of the files, and the SSIM of the same resize stored without loss, which
    tells the resampler from the codec. SSIMULACRA2 leaves out variants too small for it. Engines in UNSCORED
    have no scores.
    """

    case: str
    source_format: str
    output: str
    engine: str
    cpu_ms: tuple[float, ...]
    idle_kib: int
    peak_kib: tuple[int, ...]
    bytes: tuple[int, ...]
    ssim: tuple[float, ...] = ()
    ssimulacra2: tuple[float, ...] = ()
    resized_ssim: tuple[float, ...] = ()

    @property
    def cpu(self) -> float:
        """Milliseconds for all variants of one image: the median of all repeats."""
        return median(self.cpu_ms)

    @property
    def peak(self) -> float:
        """MiB resident at most, interpreter included: the median of the processes."""
        return median(self.peak_kib) / 1024

    @property
    def above_idle(self) -> float:
        """MiB resident at most above the bare interpreter."""
        return self.peak - self.idle_kib / 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A whole run; `about` says what ran where, `notes` what was left out and why.

    `cells` have variants of all `sides`, `singles` are of cases with a single one.
    """

    about: dict[str, str]
    notes: tuple[str, ...]
    sides: tuple[int, ...]
    cells: tuple[Cell, ...]
    singles: tuple[Cell, ...] = ()

    @property
    def cases(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(cell.case for cell in self.cells))

    @property
    def engines(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(cell.engine for cell in self.cells))

    def cell(self, case: str, engine: str) -> Cell | None:
        return next((cell for cell in self.cells if (cell.case, cell.engine) == (case, engine)), None)

    def pairs(self, engine: str, other: str) -> tuple[tuple[Cell, Cell], ...]:
        """The cells of both engines, case by case, where both ran."""
        found = ((self.cell(case, engine), self.cell(case, other)) for case in self.cases)
        return tuple((mine, theirs) for mine, theirs in found if mine and theirs)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def ratios(pairs: Sequence[tuple[Cell, Cell]], value: Callable[[Cell], float]) -> tuple[float, ...]:
    """The first cell's value as a share of the second's."""
    return tuple(value(mine) / value(theirs) for mine, theirs in pairs)


def mean_ratio(pairs: Sequence[tuple[Cell, Cell]], value: Callable[[Cell], float]) -> float:
    """The geometric mean of the ratios, which weighs a half and a double alike."""
    return geometric_mean(ratios(pairs, value))
