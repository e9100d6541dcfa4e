"""Bytes in, bytes out: every variant of one original, decoded once."""

import math
from collections.abc import Callable, Sequence

from msgspec.structs import replace
from PIL import Image

from chalicelib.imaging import describe, hashes, metadata
from chalicelib.imaging.animation import Film
from chalicelib.imaging.boundary import encodable, named_errors, only_named_errors
from chalicelib.imaging.decoding import decode
from chalicelib.imaging.decoding.decode import Frame, Original
from chalicelib.imaging.drawing import steps
from chalicelib.imaging.drawing.pyramid import Pyramid
from chalicelib.imaging.drawing.steps import Job
from chalicelib.imaging.encoding import encode
from chalicelib.imaging.hdr import gainmap
from chalicelib.imaging.hdr.gainmap import GainMap
from chalicelib.imaging.jobs import check_together, focused, job_of, recipe_of
from chalicelib.model.picture import (
    Format,
    Hdr,
    Limits,
    RenderedVariant,
    Rendering,
    Size,
    VariantSpec,
)

DESCRIPTION_SIDE = 64
"""Pixels of the longer side that the description wants at least."""


def _never() -> None:
    """No deadline."""


@only_named_errors()
def render(
    data: bytes,
    specs: Sequence[VariantSpec],
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    checkpoint: Callable[[], None] = _never,
) -> Rendering:
    """Every variant of the original `data`, in the order of `specs`, and the original's description.

    The original is decoded once, normalised (upright, sRGB) and fanned out. `checkpoint` is called between steps and
    raises DeadlineExceeded when time is up. Raises the errors of errors.py and no other: EmptyObject, FileTooLarge,
    UnsupportedFormat, TooManyFrames, ImageTooLarge and CorruptImage for what the original is, InvalidRequest for a
    spec that cannot be made of it, VariantTooLarge for one that fits in no quality, and ResourcesExceeded where memory
    runs out.
    """
    original = decode.open_original(data, limits)
    wanted = [job_of(spec, original, limits) for spec in specs]
    recipes = [recipe_of(job) for job in wanted]
    jobs = dict(zip(recipes, wanted, strict=True))
    check_together(jobs.values(), original.frames, limits)
    checkpoint()
    placed, films, small = _filmed(original, list(jobs.values()), checkpoint)
    gain_map = _gain_map(data, original, placed, limits)
    made = {
        recipe: _encoded(job, films.pop(0), original, gain_map, checkpoint)
        for recipe, job in zip(jobs, placed, strict=True)
    }
    return Rendering(
        original=describe.info(original),
        placeholder=describe.placeholder(small),
        perceptual_hash=hashes.perceptual_hash(small),
        variants=tuple(replace(made[recipe], spec=spec) for recipe, spec in zip(recipes, specs, strict=True)),
    )


def _filmed(
    original: Original, jobs: Sequence[Job], checkpoint: Callable[[], None]
) -> tuple[Sequence[Job], list[Film], Image.Image]:
    """The jobs, with their crops decided, the film of each, in their order, and a thumbnail of the first frame."""
    films = [Film([], [], original.plays) for _ in jobs]
    thumbnails: list[Image.Image] = []
    unscaled = any(job.plan.scaled == job.plan.crop.size for job in jobs)
    moving = original.frames > 1 and any(job.moves for job in jobs)
    for frame in decode.decode_frames(original, _wanted(original.size, jobs), only_first=not moving):
        checkpoint()
        with named_errors(original.name):
            pyramid = _pyramid(frame, original, unscaled=unscaled)
            if not thumbnails:
                jobs = [focused(job, pyramid) for job in jobs]
            for job, film in sorted(zip(jobs, films, strict=True), key=_largest_first):
                if not film.frames or job.moves:
                    film.frames.append(steps.finish(pyramid.draw(job.plan.crop, job.plan.scaled), job))
                    film.milliseconds.append(frame.milliseconds)
            if not thumbnails:
                thumbnails.append(describe.thumbnail(pyramid))
    return jobs, films, thumbnails[0]


def _gain_map(data: bytes, original: Original, jobs: Sequence[Job], limits: Limits) -> GainMap | None:
    """The original's gain map, where a job asks for it."""
    if not any(_keeps_hdr(job) for job in jobs):
        return None
    return gainmap.of(data, original, limits)


def _keeps_hdr(job: Job) -> bool:
    return job.spec.hdr is Hdr.KEEP and job.format is Format.JPEG


def _wanted(original: Size, jobs: Sequence[Job]) -> Size:
    """The upright size of the whole picture that is large enough for every job and for the description."""
    shares = [
        max(plan.scaled.width / plan.crop.size.width, plan.scaled.height / plan.crop.size.height)
        for plan in (job.plan for job in jobs)
    ]
    share = max([*shares, DESCRIPTION_SIDE / max(original)])
    return Size(math.ceil(original.width * share), math.ceil(original.height * share))


def _largest_first(pair: tuple[Job, Film]) -> float:
    plan = pair[0].plan
    return -plan.scaled.width / plan.crop.size.width


def _pyramid(frame: Frame, original: Original, *, unscaled: bool) -> Pyramid:
    return Pyramid.of(
        frame.image,
        original.size,
        turn=original.turn,
        profile=original.profile,
        shrink=frame.shrink,
        unscaled=unscaled,
    )


def _encoded(
    job: Job, film: Film, original: Original, gain_map: GainMap | None, checkpoint: Callable[[], None]
) -> RenderedVariant:
    film.unify()
    kept = metadata.kept(original.tags, job.spec)
    if gain_map is not None and _keeps_hdr(job):
        with encodable(job.spec.name, job.format):
            kept = gainmap.added(kept, gain_map, job.plan)
    palette = original.mode == "P"
    data = encode.encode(film, job.spec, job.format, kept, palette=palette, checkpoint=checkpoint)
    return RenderedVariant(
        spec=job.spec,
        data=data,
        format=job.format,
        content_type=encode.CONTENT_TYPES[job.format],
        width=job.plan.canvas.width,
        height=job.plan.canvas.height,
    )
