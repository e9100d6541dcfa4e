"""What a parent asks an engine's process for, and what it answers: one line of JSON each way."""

import json
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Make the variants of `source` `warm_ups` times, keep the last in `folder`, then measure.

    It is measured `repeats` times, fewer (but once) when these have used `seconds` of CPU already.

    Each variant fits inside a square of one of `sides`, upright and in sRGB, without metadata. `output` is jpeg, webp,
    avif or png; `quality` of None is the engine's own default.
    """

    source: str
    source_format: str
    output: str
    quality: int | None
    sides: tuple[int, ...]
    folder: str
    warm_ups: int
    repeats: int
    seconds: float

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Job":
        values = json.loads(text)
        return cls(**{**values, "sides": tuple(values["sides"])})

    def path(self, side: int) -> str:
        """Where the variant of that side is stored."""
        return f"{self.folder}/{side}.{self.output}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one process used: user and system CPU of each repeat, and memory in KiB.

    `idle_kib` is resident before the engine is loaded (the interpreter alone), `peak_kib` the most at any time.
    """

    cpu_ms: tuple[float, ...]
    idle_kib: int
    peak_kib: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Measurement":
        values = json.loads(text)
        known = {field.name: values[field.name] for field in fields(cls)}
        return cls(**{**known, "cpu_ms": tuple(known["cpu_ms"])})
