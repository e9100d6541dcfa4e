"""`python -m bench.process FILE...`: what it costs to render in a process of its own, image by image.

Both ways take turns in one program, so that what disturbs one disturbs the other. Run it with the MALLOC_ variables of
`.chalice/config.json`, as a deployed function has them.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from chalicelib.imaging.render import render
from chalicelib.model.picture import Limits, Rendering
from chalicelib.pipelines import loading
from chalicelib.renderer.guard import Renderer, child_memory

TURNS = 40
WARM_UPS = 5


def main(paths: list[str]) -> None:
    specs, limits = loading.load("default").variants, Limits()
    renderer = Renderer(child_memory(1_769))
    for path in map(Path, paths):
        data = path.read_bytes()
        ways: dict[str, Callable[[], Rendering]] = {
            "here": partial(render, data, specs, limits=limits),
            "child": partial(renderer.render, data, specs, limits=limits, checkpoint=lambda: None),
        }
        taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for turn in range(WARM_UPS + TURNS):
            for way, make in ways.items():
                one = _taken(make, renderer)
                if turn >= WARM_UPS:
                    taken[way].append(one)
        (cpu, wall), (child_cpu, child_wall) = (
            (median(cpu for cpu, _ in taken[way]), median(wall for _, wall in taken[way])) for way in ways
        )
        print(
            f"{path.name}: CPU {cpu:.1f} and {child_cpu:.1f} ms ({child_cpu - cpu:+.1f}), "
            f"wall {wall:.1f} and {child_wall:.1f} ms ({child_wall - wall:+.1f})"
        )
    renderer.close()


def _taken(make: Callable[[], Rendering], renderer: Renderer) -> tuple[float, float]:
    """Milliseconds of CPU, of both processes together, and of wall time."""
    before, wall = _cpu(renderer), time.perf_counter()
    make()
    return 1000 * (_cpu(renderer) - before), 1000 * (time.perf_counter() - wall)


def _cpu(renderer: Renderer) -> float:
    child = renderer.pid
    return time.process_time() + (time.clock_gettime(~child << 3 | 2) if child else 0.0)


if __name__ == "__main__":
    main(sys.argv[1:])
