"""`python -m bench.equal`: bytes and CPU that encoders spend on the same score, as ratios to what Halftone did before.

Each picture is encoded at several qualities; between those, the logarithm of the bytes is taken as linear in the score,
and two ways are compared over the scores that both reach (as Bjontegaard does with PSNR, VCEG-M33).
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench import fidelity, node, sources
from bench.__main__ import CACHE
from bench.runner import ROOT
from chalicelib.imaging.animation import Film
from chalicelib.imaging.encoding.encode import encode
from chalicelib.imaging.metadata import Kept
from chalicelib.model.picture import Effort, Format, VariantSpec
from infra.progress import Progress

QUALITIES = {"jpeg": (50, 65, 80, 90), "webp": (55, 70, 83, 92), "avif": (38, 50, 62, 75)}
SCENES = 3
SAMPLE = ROOT / "localcloud" / "sample.jpg"
SCRIPT = ROOT / "bench" / "engines" / "encode.mjs"

Encode = Callable[[Image.Image, int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Way:
    """A way to encode: in this process, or by sharp with `options`. The first of a format is the one compared with."""

    output: str
    title: str
    encode: Encode | None = None
    options: dict[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one file took, and what it is worth by two measures: SSIMULACRA2, and SSIM in decibels."""

    ssimulacra2: float
    ssim: float
    bytes: int
    cpu_ms: float


def _before(output: str, **options: object) -> Way:
    def made(image: Image.Image, quality: int) -> bytes:
        file = BytesIO()
        image.save(file, output, quality=quality, **options)
        return file.getvalue()

    return Way(output=output, title="before", encode=made)


def _halftone(output: str, effort: Effort) -> Way:
    def made(image: Image.Image, quality: int) -> bytes:
        spec = VariantSpec(name="bench", quality=quality, effort=effort)
        return encode(Film([image], [0], 0), spec, Format(output), Kept(), palette=False, checkpoint=lambda: None)

    return Way(output=output, title=f"effort {effort}", encode=made)


WAYS = (
    _before("jpeg"),
    *(_halftone("jpeg", effort) for effort in Effort),
    Way(output="jpeg", title="sharp", options={}),
    Way(output="jpeg", title="sharp mozjpeg", options={"mozjpeg": True}),
    _before("webp", method=4),
    *(_halftone("webp", effort) for effort in Effort),
    Way(output="webp", title="sharp", options={}),
    _before("avif", subsampling="4:4:4", speed=8),
    *(_halftone("avif", effort) for effort in Effort),
    Way(output="avif", title="sharp", options={}),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.equal", description=__doc__)
    parser.add_argument("--images", type=Path, metavar="DIR", help="the pictures in DIR instead of ours")
    parser.add_argument("--side", type=int, default=1280, help="pixels of the longer side (default: 1280)")
    options = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        modules, ways = node.install(CACHE / "node"), WAYS
    except node.NoSharp as error:
        print(f"sharp is left out: {error}", file=sys.stderr)
        modules, ways = None, tuple(way for way in WAYS if way.encode)
    with TemporaryDirectory(dir=CACHE) as folder:
        references = list(_references(options.images, options.side, Path(folder)))
        spent: dict[Way, list[list[Spent]]] = {way: [] for way in ways}
        with Progress(len(references) * len(ways)) as progress:
            for reference in references:
                for way in ways:
                    progress.advance(f"{reference.stem}: {way.output}, {way.title}")
                    spent[way].append(_curve(way, reference, modules))
    print(_table(spent, len(references)))


def _references(images: Path | None, side: int, folder: Path) -> Iterator[Path]:
    """PNGs of the pictures at the size at which they are encoded."""
    for name, picture in _pictures(images, side):
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        file = folder / f"{name}.png"
        picture.save(file, compress_level=1)
        yield file


def _pictures(images: Path | None, side: int) -> Iterator[tuple[str, Image.Image]]:
    for file in sorted(images.iterdir()) if images else [SAMPLE]:
        with Image.open(file) as image:
            yield file.stem, image.convert("RGB")
    if images is None:
        for seed in range(1, SCENES + 1):
            yield f"scene-{seed}", sources.scene(2 * side, 3 * side // 2, seed)


def _curve(way: Way, reference: Path, modules: Path | None) -> list[Spent]:
    qualities = QUALITIES[way.output]
    files = [reference.with_suffix(f".{quality}.{way.output}") for quality in qualities]
    if way.encode:
        with Image.open(reference) as image:
            cpu = [
                _timed(way.encode, image.convert("RGB"), quality, file)
                for quality, file in zip(qualities, files, strict=True)
            ]
    else:
        cpu = _by_sharp(way, reference, files, modules)
    return [_spent(reference, file, milliseconds) for file, milliseconds in zip(files, cpu, strict=True)]


def _timed(make: Encode, image: Image.Image, quality: int, file: Path) -> float:
    """Milliseconds of CPU, the less of two runs."""
    taken = []
    for _ in range(2):
        before = time.process_time()
        data = make(image, quality)
        taken.append(1000 * (time.process_time() - before))
    file.write_bytes(data)
    return min(taken)


def _by_sharp(way: Way, reference: Path, files: Sequence[Path], modules: Path | None) -> list[float]:
    jobs = [
        {"output": way.output, "options": {"quality": quality, **(way.options or {})}, "path": str(file)}
        for quality, file in zip(QUALITIES[way.output], files, strict=True)
    ]
    command = ["node", str(SCRIPT), str(modules), str(reference), json.dumps(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cpu: list[float] = json.loads(done.stdout)
    return cpu


def _spent(reference: Path, file: Path, cpu_ms: float) -> Spent:
    scores = fidelity.scores(reference, file)
    assert scores.ssimulacra2 is not None
    return Spent(
        ssimulacra2=scores.ssimulacra2,
        ssim=float(-10 * np.log10(1 - scores.ssim)),
        bytes=file.stat().st_size,
        cpu_ms=cpu_ms,
    )


def _table(spent: dict[Way, list[list[Spent]]], pictures: int) -> str:
    lines = [
        f"Ratios to `before`, geometric means over {pictures} pictures (the highest)",
        f"{'':6}{'':16}{'bytes, SSIMULACRA2':>22}{'bytes, SSIM':>18}{'CPU':>16}",
    ]
    for way, curves in spent.items():
        base = next(before for before in spent if before.output == way.output)
        cells = [
            _mean([_ratio(one, other, measure, cost) for one, other in zip(curves, spent[base], strict=True)])
            for measure, cost in (("ssimulacra2", "bytes"), ("ssim", "bytes"), ("ssimulacra2", "cpu_ms"))
        ]
        lines.append(f"{way.output:6}{way.title:16}{cells[0]:>22}{cells[1]:>18}{cells[2]:>16}")
    return "\n".join(lines)


def _ratio(curve: Sequence[Spent], base: Sequence[Spent], measure: str, cost: str) -> float:
    """How much more `curve` costs than `base`, as a difference of logarithms, over the scores that both have."""
    (one, costs), (other, base_costs) = (_line(points, measure, cost) for points in (curve, base))
    shared = np.linspace(max(one[0], other[0]), min(one[-1], other[-1]), 30)
    return float(np.mean(np.interp(shared, one, costs) - np.interp(shared, other, base_costs)))


def _line(points: Sequence[Spent], measure: str, cost: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pairs = sorted((getattr(point, measure), np.log(getattr(point, cost))) for point in points)
    scores, costs = np.array(pairs, dtype=np.float64).T
    return scores, costs


def _mean(logarithms: Sequence[float]) -> str:
    return f"{np.exp(np.mean(logarithms)):.3f} ({np.exp(max(logarithms)):.2f})"


if __name__ == "__main__":
    main()
