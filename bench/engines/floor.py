"""The floor under Halftone: the source decoded as Halftone has it decoded, and finished variants encoded.

Halftone runs once, unmeasured, while its calls to Pillow's `draft` and `save` are written down; what is measured is
those calls again, so the codec settings are Halftone's whatever they are. Nothing is scaled or described.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from unittest import mock

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from bench.engines import halftone
from bench.job import Job
from chalicelib.imaging.decoding.webp import WebPFile


@dataclass(frozen=True, slots=True)
class Calls:
    """The arguments of each `draft`, and the picture, format and options of each `save`, largest job first."""

    drafts: list[tuple[Any, ...]] = field(default_factory=list)
    saves: list[tuple[Image.Image, str, dict[str, Any]]] = field(default_factory=list)


def prepare(data: bytes, job: Job) -> Callable[[], list[bytes]]:
    calls = calls_of(halftone.prepare(data, job))
    if len(calls.saves) != len(job.sides):
        raise RuntimeError(f"expected a call to Image.save for each of {len(job.sides)} variants: {calls.saves}")

    def make() -> list[bytes]:
        decode(data, job.source_format, calls)
        return [_encoded(*save) for save in calls.saves]

    return make


def decode(data: bytes, source_format: str, calls: Calls) -> None:
    """What Halftone decodes of a file, with the decoder that it has for it."""
    source = WebPFile(BytesIO(data)) if source_format == "webp" else Image.open(BytesIO(data))
    for arguments in calls.drafts:
        source.draft(*arguments)
    source.load()


def calls_of(make: Callable[[], list[bytes]]) -> Calls:
    calls = Calls()
    draft, save = JpegImageFile.draft, Image.Image.save

    def noting_draft(image: JpegImageFile, *arguments: Any) -> object:
        calls.drafts.append(arguments)
        return draft(image, *arguments)

    def noting_save(image: Image.Image, file: BytesIO, format: str, **options: Any) -> None:  # noqa: A002
        calls.saves.append((image.copy(), format, options))
        save(image, file, format, **options)

    with mock.patch.object(JpegImageFile, "draft", noting_draft), mock.patch.object(Image.Image, "save", noting_save):
        make()
    return calls


def _encoded(image: Image.Image, name: str, options: dict[str, Any]) -> bytes:
    file = BytesIO()
    image.save(file, name, **options)
    return file.getvalue()
