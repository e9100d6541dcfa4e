"""What happens to a variant between scaling and encoding: a list of small functions, each idle unless asked for."""

from collections.abc import Callable

import msgspec
from PIL import Image, ImageFilter

from chalicelib.imaging.animation import MOVING
from chalicelib.imaging.colours import colour
from chalicelib.imaging.drawing import geometry
from chalicelib.imaging.drawing.geometry import Plan
from chalicelib.imaging.drawing.resample import resample, straight
from chalicelib.model.picture import Format, Size, VariantSpec, Watermark

SHARPEN_PERCENT = 80
SHARPEN_THRESHOLD = 2
STRIP_ROWS = 64


class Job(msgspec.Struct, frozen=True):
    """One variant to be made: its spec, with the format decided, the geometry planned and the watermark decoded."""

    spec: VariantSpec
    format: Format
    plan: Plan
    mark: Image.Image | None
    background: colour.Colour

    @property
    def moves(self) -> bool:
        """Whether the variant has all frames of an original that has several."""
        return self.spec.animated and self.format in MOVING


type Step = Callable[[Image.Image, Job], Image.Image]


def finish(image: Image.Image, job: Job) -> Image.Image:
    """The variant's picture, in L, RGB or RGBA, from the drawn one in L, RGB or RGBa, which stays as it is."""
    for step in STEPS:
        image = step(image, job)
    return image


def straighten(image: Image.Image, _: Job) -> Image.Image:
    return straight(image) if image.mode == "RGBa" else image


def sharpen(image: Image.Image, job: Job) -> Image.Image:
    """An unsharp mask after downscaling, on colour only: a sharpened alpha would ring."""
    if not job.spec.sharpen or job.plan.scaled == job.plan.crop.size:
        return image
    mask = ImageFilter.UnsharpMask(job.spec.sharpen, SHARPEN_PERCENT, SHARPEN_THRESHOLD)
    if image.mode != "RGBA":
        return image.filter(mask)
    sharp = image.convert("RGB").filter(mask)
    sharp.putalpha(image.getchannel("A"))
    return sharp


def pad(image: Image.Image, job: Job) -> Image.Image:
    """The picture on its canvas; a canvas that is not opaque gives the picture an alpha channel.

    The background lies behind what is transparent in the picture as well, whatever the fit.
    """
    background = job.background
    if job.plan.canvas == image.size and (image.mode != "RGBA" or background[3] == 0):
        return image
    if image.mode == "RGBA" or background[3] < 255:
        canvas = Image.new("RGBA", job.plan.canvas, background)
        left, top = job.plan.offset
        for row in range(0, image.height, STRIP_ROWS):  # Pillow takes two copies of what it composes
            strip = image.crop((0, row, image.width, min(row + STRIP_ROWS, image.height)))
            canvas.alpha_composite(strip.convert("RGBA"), (left, top + row))
        return canvas
    canvas = Image.new("RGB", job.plan.canvas, background[:3])
    canvas.paste(image, job.plan.offset)
    return canvas


def watermark(image: Image.Image, job: Job) -> Image.Image:
    if job.mark is None or job.spec.watermark is None:
        return image
    mark = _scaled_mark(job.mark, job.spec.watermark, Size(*image.size))
    anchor = geometry.ANCHORS[job.spec.watermark.position]
    at = geometry.offset(Size(*mark.size), Size(*image.size), anchor)
    ground = image.convert("RGBA")
    ground.alpha_composite(mark, at)
    return ground if image.mode == "RGBA" else ground.convert("RGB")


def _scaled_mark(mark: Image.Image, spec: Watermark, size: Size) -> Image.Image:
    """The mark at its share of the variant's width, no higher than the variant, at its opacity."""
    room = Size(max(1, round(size.width * spec.scale)), size.height)
    scaled = resample(mark, geometry.inside(Size(*mark.size), room, enlarge=True)).convert("RGBA")
    scaled.putalpha(scaled.getchannel("A").point(lambda level: round(level * spec.opacity)))
    return scaled


def flatten(image: Image.Image, job: Job) -> Image.Image:
    """No alpha where the format has none, and none in a frame where it says nothing."""
    if image.mode != "RGBA":
        return image
    if job.format is Format.JPEG:
        return colour.flattened(image, job.background)
    return colour.without_idle_alpha(image)


STEPS: tuple[Step, ...] = (straighten, sharpen, pad, watermark, flatten)
