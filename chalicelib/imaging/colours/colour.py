"""Modes and colour spaces: everything ends as 8-bit grey, sRGB or sRGB with alpha."""

import io
from functools import lru_cache

from PIL import Image, ImageChops, ImageCms, ImageMath

from chalicelib.errors import InvalidRequest, shown
from chalicelib.imaging.drawing.resample import premultiplied, straight

_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION

IDLE_LEVELS = 2
"""The most that a conversion may change where it is left out."""

_STRIP_ROWS = 64

type Colour = tuple[int, int, int, int]
WHITE: Colour = (255, 255, 255, 255)
TRANSPARENT: Colour = (0, 0, 0, 0)


def background(text: str | None, *, clear: bool) -> Colour:
    """Red, green, blue and alpha of `#rrggbb` or `#rrggbbaa`; InvalidRequest for anything else.

    None is transparent where `clear` says that the format can be, and white where it cannot.
    """
    if text is None:
        return TRANSPARENT if clear else WHITE
    digits = text.removeprefix("#")
    if not text.startswith("#") or len(digits) not in {6, 8} or not set(digits) <= set("0123456789abcdefABCDEF"):
        raise InvalidRequest(f"background: expected #rrggbb or #rrggbbaa, got {shown(text)}", field="background")
    red, green, blue, alpha = bytes.fromhex(digits.ljust(8, "f"))
    return red, green, blue, alpha


def to_eight_bits(image: Image.Image) -> Image.Image:
    """`image` in L, RGB, RGBA or CMYK; it may be the same object.

    16-bit grey is scaled, not clipped. An alpha channel that is opaque throughout is dropped.
    """
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _scaled_grey(image)
    if image.has_transparency_data:
        return without_idle_alpha(image if image.mode == "RGBA" else image.convert("RGBA"))
    if image.mode in {"L", "RGB", "CMYK"}:
        return image
    if image.mode == "LAB":
        return _from_lab(image)
    return image.convert("L" if image.mode == "1" else "RGB")


def without_idle_alpha(image: Image.Image) -> Image.Image:
    """`image` (RGBA), in RGB where it is opaque throughout."""
    opaque = image.getchannel("A").getextrema() == (255, 255)
    return image.convert("RGB") if opaque else image


def _scaled_grey(image: Image.Image) -> Image.Image:
    """Grey of 8 bits from 16-bit or wider whole numbers, a strip at a time for the sake of memory.

    With the level that is to be clear, which a PNG may name in 16 bits, the answer is RGBA.
    """
    factor = 255 / _white(image)
    clear = image.info.get("transparency")
    grey = Image.new("L", image.size)
    alpha = Image.new("L", image.size) if clear is not None else None
    for top in range(0, image.height, _STRIP_ROWS):
        strip = image.crop((0, top, image.width, min(top + _STRIP_ROWS, image.height)))
        levels = strip.convert("I")
        grey.paste(levels.convert("F").point(lambda value: value * factor + 0.5).convert("L"), (0, top))
        if alpha is not None:
            visible = ImageMath.lambda_eval(lambda image: (image["levels"] != clear) * 255, levels=levels)
            alpha.paste(visible.convert("L"), (0, top))
    return grey if alpha is None else without_idle_alpha(Image.merge("RGBA", (grey, grey, grey, alpha)))


def _white(image: Image.Image) -> float:
    """The value that stands for white: 65,535, or the largest one there is where that is more."""
    if image.mode.startswith("I;16"):
        return 65_535.0
    _, largest = image.getextrema()
    assert isinstance(largest, int | float)
    return max(65_535.0, float(largest))


def _from_lab(image: Image.Image) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None
    return converted


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """`image` (L, RGB, RGBA, RGBa or CMYK) in sRGB, from the colour space of its ICC profile.

    Without a profile, or with one that is broken or of another kind of picture, RGB and grey are taken for sRGB
    already and CMYK is converted by the complement, as browsers do. Grey stays grey.
    """
    if profile is not None:
        try:
            return _by_profile(image, profile)
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image.convert("RGB") if image.mode == "CMYK" else image


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image:
    mode = "RGBA" if image.mode == "RGBa" else image.mode
    transform = _transform(profile, mode)
    if transform is None:
        return image
    converted = ImageCms.applyTransform(straight(image) if image.mode == "RGBa" else image, transform)
    assert converted is not None
    converted.info = {}  # the transform leaves its sRGB profile there, and encoders would write it
    if image.mode == "L":
        return converted.convert("L")
    return premultiplied(converted) if image.mode == "RGBa" else converted


@lru_cache(maxsize=4)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a profile to sRGB for pictures of that mode; None where that would only cost time.

    That is the case with a profile that is sRGB's, whatever it calls itself.
    """
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    target = "RGBA" if mode == "RGBA" else "RGB"
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, target, _INTENT, _FLAGS)
    return None if mode == target and _changes_nothing(transform, mode) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether ramps of grey, red, green and blue come out as they went in, within IDLE_LEVELS."""
    ramp, zero = Image.linear_gradient("L").crop((0, 0, 1, 256)), Image.new("L", (1, 256))
    ramps = [(ramp, ramp, ramp), (ramp, zero, zero), (zero, ramp, zero), (zero, zero, ramp)]
    for bands in ramps:
        probe = Image.merge("RGB", bands).convert(mode)
        seen = ImageCms.applyTransform(probe, transform)
        assert seen is not None
        gaps = ImageChops.difference(probe.convert("RGB"), seen.convert("RGB"))
        if any(gaps.tobytes().translate(None, bytes(range(IDLE_LEVELS + 1)))):
            return False
    return True


def flattened(image: Image.Image, background: Colour) -> Image.Image:
    """`image` (RGBA) without alpha, laid over the background; how opaque that one says it is does not matter."""
    ground = Image.new("RGB", image.size, background[:3])
    ground.paste(image, mask=image.getchannel("A"))
    return ground
