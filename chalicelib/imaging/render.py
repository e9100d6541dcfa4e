"""Bytes in, bytes out: every variant of one original, decoded once."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from PIL import Image

from chalicelib.errors import ImageTooLarge, InvalidRequest, PermanentError, shown
from chalicelib.imaging import describe, hashes, metadata
from chalicelib.imaging.animation import Film
from chalicelib.imaging.boundary import encodable, named_errors, only_named_errors
from chalicelib.imaging.colours import colour
from chalicelib.imaging.decoding import decode
from chalicelib.imaging.decoding.decode import Frame, Original
from chalicelib.imaging.drawing import focus, geometry, steps
from chalicelib.imaging.drawing.geometry import Anchor, Box, Plan
from chalicelib.imaging.drawing.pyramid import Pyramid
from chalicelib.imaging.drawing.steps import Job
from chalicelib.imaging.encoding import capacity, encode
from chalicelib.imaging.hdr import gainmap
from chalicelib.imaging.hdr.gainmap import GainMap
from chalicelib.model.picture import (
    Effort,
    Fit,
    Format,
    Hdr,
    Limits,
    Metadata,
    Position,
    RenderedVariant,
    Rendering,
    Size,
    VariantSpec,
    Watermark,
)

SAME = {
    "jpeg": Format.JPEG,
    "png": Format.PNG,
    "webp": Format.WEBP,
    "avif": Format.AVIF,
    "gif": Format.GIF,
    "tiff": Format.PNG,
    "bmp": Format.PNG,
    "heic": Format.JPEG,
}
"""What `format = "same"` means for each format that can be read."""

MAX_CANVASES = 50_000_000
"""Pixels of all variants of one original together, over all their frames: each is kept until it is encoded.

Beside a decoded original of 100 megapixels with alpha a function of 1,769 MB has no room for more; docs/decisions.md
has the peaks.
"""

Recipe = tuple[VariantSpec, Format, Plan, colour.Colour]

BY_CONTENT = frozenset({Position.ENTROPY, Position.ATTENTION})

MAX_SHARPEN = 10
"""Pixels of radius; a wider mask is no sharpening any more."""

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
    spec that cannot be made of it, VariantTooLarge for one that fits in no quality.
    """
    original = decode.open_original(data, limits)
    wanted = [_job(spec, original, limits) for spec in specs]
    recipes = [_recipe(job) for job in wanted]
    jobs = dict(zip(recipes, wanted, strict=True))
    _check_together(jobs.values(), original.frames, limits)
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


def _job(spec: VariantSpec, original: Original, limits: Limits) -> Job:
    """The job behind a spec, every field checked; InvalidRequest says which one cannot be."""
    _check_ranges(spec, limits)
    target = spec.format or SAME[original.name]
    plan = _plan(spec, original.size)
    mark = None if spec.watermark is None else _mark(spec.watermark, limits)
    job = Job(spec, target, plan, mark, colour.background(spec.background, clear=target is not Format.JPEG))
    _check_canvas(job, limits, original.frames if job.moves else 1)
    return job


def _recipe(job: Job) -> Recipe:
    """All that the bytes of a variant follow from, so that those with one recipe are made once.

    That is the spec, without its place and name and without what is decided in the rest of the job.
    """
    by_content = job.spec.fit is Fit.COVER and job.spec.position in BY_CONTENT
    spec = replace(
        job.spec,
        name="",
        width=None,
        height=None,
        fit=Fit.INSIDE,
        position=job.spec.position if by_content else Position.CENTER,
        background=None,
        enlarge=False,
        format=None,
        bucket="destination",
        key="",
    )
    return spec, job.format, job.plan, job.background


def _check_ranges(spec: VariantSpec, limits: Limits) -> None:
    choices = (
        ("fit", spec.fit, Fit),
        ("position", spec.position, Position),
        ("metadata", spec.metadata, Metadata),
        ("hdr", spec.hdr, Hdr),
        ("effort", spec.effort, Effort),
        ("format", spec.format or Format.JPEG, Format),
    )
    for field, choice, known in choices:
        if choice not in list(known):
            raise InvalidRequest(f"{field}: expected one of {', '.join(known)}, got {shown(choice)}", field=field)
    ranges = (
        ("width", spec.width, 1, limits.max_side),
        ("height", spec.height, 1, limits.max_side),
        ("quality", None if spec.quality == "auto" else spec.quality, 1, 100),
        ("target", spec.target, 1, 100),
        ("max_bytes", spec.max_bytes, 1, 2**63 - 1),
        ("sharpen", spec.sharpen, 0, MAX_SHARPEN),
    )
    for field, value, least, most in ranges:
        whole = value is None or isinstance(value, int) or field == "sharpen"
        if value is not None and not (whole and least <= value <= most):
            raise InvalidRequest(f"{field}: expected {least} to {most}, got {value}", field=field)


def _plan(spec: VariantSpec, original: Size, anchor: Anchor | None = None) -> Plan:
    return geometry.plan(
        original,
        (spec.width, spec.height),
        spec.fit,
        anchor=anchor or geometry.ANCHORS.get(spec.position, geometry.CENTER),
        enlarge=spec.enlarge,
    )


def _check_canvas(job: Job, limits: Limits, frames: int) -> None:
    """Refuse what a side left open or an animation would make too large for the limits or the format."""
    canvas, spec, target = job.plan.canvas, job.spec, job.format
    most = min(limits.max_side, capacity.MAX_SIDE[target])
    field, side = max((("width", canvas.width), ("height", canvas.height)), key=lambda pair: pair[1])
    if side > most:
        raise InvalidRequest(f"{field}: variant {spec.name!r} would have {side} pixels: at most {most}", field=field)
    frame = canvas.width * canvas.height
    held = frame * frames if target in capacity.KEEPS_FRAMES else frame
    for pixels, most in ((frame * frames, limits.max_pixels), (held, capacity.MAX_PIXELS[target])):
        if pixels > most:
            raise InvalidRequest(
                f"width: variant {spec.name!r} would have {pixels:,} pixels: at most {most:,}", field="width"
            )


def _check_together(jobs: Collection[Job], frames: int, limits: Limits) -> None:
    """Refuse variants that could be made one by one, but not together in one function's time and memory."""
    moving = frames * sum(_area(job) for job in jobs if job.moves)
    if frames > 1 and moving > limits.max_moving_pixels:
        raise ImageTooLarge(
            f"The image has {frames:,} frames, which make {moving:,} pixels in all moving variants: "
            f"at most {limits.max_moving_pixels:,} are allowed"
        )
    pixels = moving + sum(_area(job) for job in jobs if not job.moves)
    if pixels > MAX_CANVASES:
        raise ImageTooLarge(f"The variants would have {pixels:,} pixels together: at most {MAX_CANVASES:,} are allowed")


def _area(job: Job) -> int:
    return job.plan.canvas.width * job.plan.canvas.height


def _mark(spec: Watermark, limits: Limits) -> Image.Image:
    """The watermark's picture, ready to be scaled; what is wrong with it is the request's fault, not the original's."""
    if spec.position in BY_CONTENT or not 0 <= spec.opacity <= 1 or not 0 < spec.scale <= 1:
        raise InvalidRequest(
            "watermark: expected a compass point, opacity from 0 to 1 and scale over 0 up to 1, "
            f"got {spec.position}, {spec.opacity} and {spec.scale}",
            field="watermark",
        )
    try:
        original = decode.open_original(spec.image, limits)
        frames = decode.decode_frames(original, None, only_first=True)
        with named_errors(original.name):
            return _pyramid(next(frames), original, unscaled=False).draw(Box(0, 0, *original.size), original.size)
    except PermanentError as error:
        raise InvalidRequest(f"watermark: {error}", field="watermark") from error


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
                jobs = [_focused(job, pyramid) for job in jobs]
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


def _focused(job: Job, pyramid: Pyramid) -> Job:
    """The job with its crop placed by what the first frame shows, where the spec asks for that."""
    if job.spec.fit is not Fit.COVER or job.spec.position not in BY_CONTENT:
        return job
    anchor = focus.find(pyramid, job.plan.crop.size, job.spec.position)
    return replace(job, plan=_plan(job.spec, pyramid.original, anchor))


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
