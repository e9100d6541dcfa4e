"""What the two processes say to each other. Importing it costs neither of them anything."""

from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.model.picture import Limits, Rendering, VariantSpec


class Job(NamedTuple):
    """One image to render."""

    data: bytes
    specs: Sequence[VariantSpec]
    limits: Limits


class Answer(NamedTuple):
    """What came of a job: a rendering, or the error and its traceback as text.

    `kept` is the memory that the process does not give back, in bytes, as RLIMIT_DATA counts it.
    """

    result: Rendering | Exception
    traceback: str
    kept: int
