"""What is measured: each case is one source file, one output format and the sizes of its variants."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SIDES = (128, 640, 1280)
JPEG_AND_WEBP_QUALITY = 80
SUFFIXES = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp", ".avif": "avif"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A synthetic source; `save` are Pillow's options for writing it."""

    name: str
    size: tuple[int, int]
    seed: int
    suffix: str
    save: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One source, and the format and sides of its variants; `picture` is None for a file of the user's own.

    `output` is jpeg, webp or avif. The quality is 80 for JPEG and WebP; AVIF has each engine's own default, because
    the numbers of two AVIF encoders do not compare.
    """

    name: str
    source: Path
    source_format: str
    output: str = "jpeg"
    picture: Picture | None = None
    sides: tuple[int, ...] = SIDES

    @property
    def quality(self) -> int | None:
        return None if self.output == "avif" else JPEG_AND_WEBP_QUALITY


_CAMERA = {"quality": 92}
PICTURES = (
    Picture(name="jpeg-6mp", size=(2832, 2128), seed=6, suffix=".jpg", save=_CAMERA),
    Picture(name="jpeg-12mp", size=(4000, 3000), seed=12, suffix=".jpg", save=_CAMERA),
    Picture(name="jpeg-24mp", size=(6000, 4000), seed=24, suffix=".jpg", save=_CAMERA),
    Picture(name="odd-6mp", size=(2725, 2225), seed=7, suffix=".jpg", save=_CAMERA),
    Picture(name="odd-12mp", size=(4003, 3001), seed=13, suffix=".jpg", save=_CAMERA),
    Picture(name="progressive-6mp", size=(2832, 2128), seed=6, suffix=".jpg", save={**_CAMERA, "progressive": True}),
    Picture(name="progressive-12mp", size=(4000, 3000), seed=12, suffix=".jpg", save={**_CAMERA, "progressive": True}),
    Picture(name="progressive-24mp", size=(6000, 4000), seed=24, suffix=".jpg", save={**_CAMERA, "progressive": True}),
    Picture(name="png-3mp", size=(2048, 1536), seed=3, suffix=".png", save={}),
    Picture(name="webp-12mp", size=(4000, 3000), seed=12, suffix=".webp", save={"quality": 85}),
    Picture(name="avif-12mp", size=(4000, 3000), seed=12, suffix=".avif", save={"quality": 75, "speed": 8}),
)
QUICK = ("jpeg-12mp", "progressive-12mp", "png-3mp", "webp-12mp")


def standard(folder: Path) -> tuple[Case, ...]:
    """Every picture as JPEG variants, and the 12 MP JPEG as WebP and AVIF too; the sources live in `folder`."""
    cases = tuple(of_picture(picture, folder) for picture in PICTURES)
    camera = next(case for case in cases if case.name == "jpeg-12mp")
    others = tuple(
        Case(
            name=f"{camera.name}-to-{output}",
            source=camera.source,
            source_format=camera.source_format,
            output=output,
            picture=camera.picture,
        )
        for output in ("webp", "avif")
    )
    return cases + others


def of_picture(picture: Picture, folder: Path) -> Case:
    """The case of a synthetic source: JPEG variants in the usual sizes."""
    return Case(
        name=picture.name,
        source=folder / f"{picture.name}{picture.suffix}",
        source_format=SUFFIXES[picture.suffix],
        picture=picture,
    )


def of_folder(folder: Path) -> tuple[Case, ...]:
    """A case for each JPEG, PNG, WebP and AVIF file directly in `folder`, by name, with JPEG variants."""
    return tuple(
        Case(name=path.name, source=path, source_format=SUFFIXES[path.suffix.lower()])
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES
    )


def select(cases: Sequence[Case], only: Sequence[str]) -> tuple[Case, ...]:
    """The cases whose name contains one of `only`; all of them when it is empty."""
    return tuple(case for case in cases if not only or any(part in case.name for part in only))
