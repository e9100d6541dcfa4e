"""From a spec to a job: every field checked, the format decided, the geometry planned, the watermark decoded."""

from collections.abc import Collection

from msgspec.structs import replace
from PIL import Image

from chalicelib.errors import ImageTooLarge, InvalidRequest, PermanentError, shown
from chalicelib.imaging.boundary import named_errors
from chalicelib.imaging.colours import colour
from chalicelib.imaging.decoding import decode
from chalicelib.imaging.decoding.decode import Original
from chalicelib.imaging.drawing import focus, geometry
from chalicelib.imaging.drawing.geometry import Anchor, Box, Plan
from chalicelib.imaging.drawing.pyramid import Pyramid
from chalicelib.imaging.drawing.steps import Job
from chalicelib.imaging.encoding import capacity
from chalicelib.model.picture import (
    Effort,
    Fit,
    Format,
    Hdr,
    Limits,
    Metadata,
    Position,
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

BY_CONTENT = frozenset({Position.ENTROPY, Position.ATTENTION})

MAX_SHARPEN = 10
"""Pixels of radius; a wider mask is no sharpening any more."""

type Recipe = tuple[VariantSpec, Format, Plan, colour.Colour]


def job_of(spec: VariantSpec, original: Original, limits: Limits) -> Job:
    """The job behind a spec, every field checked; InvalidRequest says which one cannot be."""
    _check_ranges(spec, limits)
    target = spec.format or SAME[original.name]
    plan = _plan(spec, original.size)
    mark = None if spec.watermark is None else _mark(spec.watermark, limits)
    made = Job(spec, target, plan, mark, colour.background(spec.background, clear=target is not Format.JPEG))
    _check_canvas(made, limits, original.frames if made.moves else 1)
    return made


def recipe_of(job: Job) -> Recipe:
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


def check_together(jobs: Collection[Job], frames: int, limits: Limits) -> None:
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


def focused(job: Job, pyramid: Pyramid) -> Job:
    """The job with its crop placed by what the first frame shows, where the spec asks for that."""
    if job.spec.fit is not Fit.COVER or job.spec.position not in BY_CONTENT:
        return job
    anchor = focus.find(pyramid, job.plan.crop.size, job.spec.position)
    return replace(job, plan=_plan(job.spec, pyramid.original, anchor))


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
            pyramid = Pyramid.of(next(frames).image, original.size, turn=original.turn, profile=original.profile)
            return pyramid.draw(Box(0, 0, *original.size), original.size)
    except PermanentError as error:
        raise InvalidRequest(f"watermark: {error}", field="watermark") from error
