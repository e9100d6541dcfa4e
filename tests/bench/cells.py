"""Cells as a run of the benchmark might have filled them."""

from bench.results import Cell, Results


def cell(case, engine, cpu=10.0, *, peak=50, **values):
    """A cell with three equal repeats of `cpu` milliseconds and a peak of `peak` MiB, 10 of them idle."""
    given = {
        "source_format": "jpeg",
        "output": "jpeg",
        "bytes": (1024, 2048),
        "ssim": (0.95, 0.96),
        "ssimulacra2": (80.0,),
        "resized_ssim": (0.995, 0.997),
    }
    return Cell(
        case=case,
        engine=engine,
        cpu_ms=(cpu,) * 3,
        idle_kib=10 * 1024,
        peak_kib=(peak * 1024,),
        **{**given, **values},
    )


def results(*cells):
    return Results(about={"python": "3.13"}, notes=("sharp is left out: no node",), sides=(128, 640), cells=cells)
