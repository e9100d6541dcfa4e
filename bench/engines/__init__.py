"""The engines under test: each module makes the variants of one source, in a process of its own."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One way to make variants: `module` is run by `bench.engines.child`, `script` and `mode` by node."""

    name: str
    title: str
    module: str = ""
    mode: str = ""

    @property
    def needs_node(self) -> bool:
        return bool(self.mode)


HALFTONE = Engine(name="halftone", title="Halftone", module="bench.engines.halftone")
FLOOR = Engine(name="floor", title="floor", module="bench.engines.floor")
TEXTBOOK = Engine(name="textbook", title="textbook", module="bench.engines.textbook")
PYVIPS = Engine(name="pyvips", title="pyvips", module="bench.engines.libvips")
SHARP = Engine(name="sharp", title="sharp", mode="each")
DECODER = Engine(name="decoder", title="decoder alone", module="bench.engines.decoder")
SHARP_PYRAMID = Engine(name="sharp-pyramid", title="sharp pyramid", mode="pyramid")

ENGINES = (HALFTONE, FLOOR, TEXTBOOK, PYVIPS, SHARP, SHARP_PYRAMID)
"""Those that make all three variants."""

UNSCORED = (FLOOR, DECODER)
"""Those that resize nothing."""
