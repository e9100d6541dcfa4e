"""Modes and colour spaces: everything ends as 8-bit grey, sRGB or sRGB with alpha."""

import io
from functools import lru_cache

from PIL import Image, ImageCms

from chalicelib.errors import InvalidRequest
from chalicelib.imaging.resample import premultiplied, straight

_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION

_STRIP_ROWS = 64

Colour = tuple[int, int, int, int]
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
        raise InvalidRequest(f"background: expected #rrggbb or #rrggbbaa, got {text!r}", field="background")
    red, green, blue, alpha = bytes.fromhex(digits.ljust(8, "f"))
    return red, green, blue, alpha


def to_eight_bits(image: Image.Image) -> Image.Image:
    """`image` in a mode that can be scaled: L, RGB, RGBa (premultiplied) or CMYK; it may be the same object, changed.

    16-bit grey is scaled, not clipped. An alpha channel that is opaque throughout is dropped.
    """
    if image.has_transparency_data:
        return _premultiplied(image if image.mode == "RGBA" else image.convert("RGBA"))
    if image.mode in {"L", "RGB", "CMYK"}:
        return image
    if image.mode == "LAB":
        return _from_lab(image)
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        return _scaled_grey(image)
    return image.convert("L" if image.mode == "1" else "RGB")


def _premultiplied(image: Image.Image) -> Image.Image:
    opaque = image.getchannel("A").getextrema() == (255, 255)
    return image.convert("RGB") if opaque else premultiplied(image)


def _scaled_grey(image: Image.Image) -> Image.Image:
    """Grey of 8 bits from 16-bit or wider whole numbers or floats, a strip at a time for the sake of memory."""
    factor = 255 / _white(image)
    grey = Image.new("L", image.size)
    for top in range(0, image.height, _STRIP_ROWS):
        strip = image.crop((0, top, image.width, min(top + _STRIP_ROWS, image.height)))
        floats = strip if strip.mode == "F" else strip.convert("I").convert("F")
        grey.paste(floats.point(lambda value: value * factor + 0.5).convert("L"), (0, top))
    return grey


def _white(image: Image.Image) -> float:
    """The value that stands for white, told by the largest one there is: 1, 255, 65,535 or itself."""
    if image.mode.startswith("I;16"):
        return 65_535.0
    _, largest = image.getextrema()
    assert isinstance(largest, int | float)
    known = (1.0, 255.0, 65_535.0) if image.mode == "F" else (65_535.0,)
    return next((white for white in known if largest <= white), float(largest))


def _from_lab(image: Image.Image) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None
    return converted


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """`image` (L, RGB, RGBa or CMYK) in sRGB, from the colour space of its ICC profile.

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
    if image.mode == "L":
        return converted.convert("L")
    return premultiplied(converted) if image.mode == "RGBa" else converted


@lru_cache(maxsize=4)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a profile to sRGB for pictures of that mode; None where that would only cost time.

    That is the case with a profile that calls itself sRGB, as those of cameras and editors do.
    """
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if (source.profile.profile_description or "").startswith("sRGB") and mode in {"RGB", "RGBA"}:
        return None
    target = "RGBA" if mode == "RGBA" else "RGB"
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, target, _INTENT, _FLAGS)


def flattened(image: Image.Image, background: Colour) -> Image.Image:
    """`image` (RGBA) without alpha, laid over the background; how opaque that one says it is does not matter."""
    ground = Image.new("RGB", image.size, background[:3])
    ground.paste(image, mask=image.getchannel("A"))
    return ground
