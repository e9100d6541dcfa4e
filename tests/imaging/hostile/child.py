"""Render one file as the default pipeline does, and tell what it cost: measure.py starts this in its own process."""

import json
import resource
import sys
import tomllib
from pathlib import Path

from chalicelib.errors import PermanentError
from chalicelib.imaging.render import render
from chalicelib.model.picture import Fit, Format, VariantSpec

PIPELINE = Path(__file__).parents[3] / "chalicelib/pipelines/default.toml"


def specs(avif_side: int) -> list[VariantSpec]:
    """The variants of the default pipeline, or an AVIF of that side and no other."""
    if avif_side:
        return [VariantSpec(name="large", width=avif_side, height=avif_side, format=Format.AVIF)]
    described = tomllib.loads(PIPELINE.read_text())["variants"]
    return [
        VariantSpec(name=name, width=spec["width"], height=spec.get("height"), fit=Fit(spec["fit"]))
        for name, spec in described.items()
    ]


def peak() -> float:
    """Megabytes of this process alone: getrusage() would count what its parent had when it forked."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def main() -> None:
    outcome, detail = "ok", ""
    try:
        render(Path(sys.argv[1]).read_bytes(), specs(int(sys.argv[2])))
    except PermanentError as error:
        outcome, detail = error.code, str(error)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    sys.stdout.write(json.dumps((outcome, detail, usage.ru_utime + usage.ru_stime, peak())))


if __name__ == "__main__":
    main()
