"""From a finished picture to a file: quality by format, and the best one that fits in a number of bytes."""

import io
from collections.abc import Callable
from functools import cache
from importlib import import_module

from PIL import Image

from chalicelib.errors import VariantTooLarge
from chalicelib.imaging.animation import Film, durations, gif_loop, showings
from chalicelib.imaging.boundary import encodable
from chalicelib.imaging.encoding import aim, jpeg
from chalicelib.imaging.encoding.codecs import Options, options
from chalicelib.imaging.hdr import ultrahdr
from chalicelib.imaging.metadata import Kept
from chalicelib.model.picture import Effort, Format, Size, VariantSpec

CONTENT_TYPES = {
    Format.JPEG: "image/jpeg",
    Format.PNG: "image/png",
    Format.WEBP: "image/webp",
    Format.AVIF: "image/avif",
    Format.GIF: "image/gif",
}

QUALITY = {Format.JPEG: 80, Format.WEBP: 80, Format.AVIF: 52, Format.PNG: 100, Format.GIF: 100}
"""The default of each format. For PNG and GIF it is the share of 256 colours; a PNG that is at 100, lossless or moving
keeps all its colours."""

PALETTE_QUALITY = 99
"""The highest quality at which a PNG has a palette, which then has all 256 colours."""

SAMPLE_SIDE = 128
"""Pixels of each side of the sample in which large areas of one colour are looked for."""

LOSSLESS = frozenset({Format.PNG, Format.WEBP, Format.AVIF})
"""The formats that `lossless` means something to."""

TARGET = 75
"""The score that `quality = "auto"` keeps where no other is asked for: SSIMULACRA2, see `visual.py`."""

_PLUGINS = {
    Format.JPEG: "PIL.JpegImagePlugin",
    Format.PNG: "PIL.PngImagePlugin",
    Format.WEBP: "PIL.WebPImagePlugin",
    Format.AVIF: "PIL.AvifImagePlugin",
    Format.GIF: "PIL.GifImagePlugin",
}


def encode(
    film: Film, spec: VariantSpec, target: Format, kept: Kept, *, palette: bool, checkpoint: Callable[[], None]
) -> bytes:
    """The file of a variant; at the best quality that `spec.max_bytes` allows where that is given.

    Frames are all in L, in RGB or in RGBA. `palette` asks for a PNG of at most 256 colours, as the original had; one
    whose alpha is soft keeps all its colours, as so few of them would show it in bands.
    `checkpoint` is called before each attempt, and between the frames of what moves. Raises VariantTooLarge when even
    quality 1 has more than `max_bytes`, or when lossless leaves no choice and it has.
    """
    import_module(_PLUGINS[target])
    best = spec.quality if isinstance(spec.quality, int) else QUALITY[target]
    if palette and target is Format.PNG and not isinstance(spec.quality, int) and not _has_soft_alpha(film.frames[0]):
        best = min(best, PALETTE_QUALITY)
    fixed = (spec.lossless and target in LOSSLESS) or (target is Format.PNG and film.moves)
    if film.moves:
        for frame in film.frames:
            _ask_between_frames(frame, checkpoint)

    @cache
    def at(quality: int) -> bytes:
        checkpoint()
        with encodable(spec.name, target):
            return _save(film, spec, target, kept, quality)

    if spec.quality == "auto" and target in aim.TYPICAL and not spec.lossless:
        best = _chosen(film, spec, target, at, checkpoint)
    if spec.max_bytes is None:
        return at(best)
    return _fitting(at, best, spec.max_bytes, lowest=best if fixed else 1)


def _chosen(
    film: Film, spec: VariantSpec, target: Format, at: Callable[[int], bytes], checkpoint: Callable[[], None]
) -> int:
    """The quality that keeps the spec's target; a part of what is large, and one frame of what moves, tell it."""
    first = film.frames[0]
    judged = aim.sample(first)

    def attempt(quality: int) -> bytes:
        checkpoint()
        return _save(Film([judged], [0], 0), spec, target, Kept(), quality)

    whole = judged is first and not film.moves
    with encodable(spec.name, target):
        return aim.quality_for(judged, target, spec.target or TARGET, at if whole else attempt)


def _fitting(at: Callable[[int], bytes], best: int, room: int, *, lowest: int) -> bytes:
    """The file of the highest quality, `lowest` to `best`, that has at most `room` bytes; bytes grow with quality.

    Bisection between a quality that fits and one that does not: seven encodes at most after the first.
    """
    data = at(best)
    if len(data) <= room:
        return data
    fits, too_large, found = lowest - 1, best, b""
    while too_large - fits > 1:
        middle = (fits + too_large) // 2
        data = at(middle)
        if len(data) <= room:
            fits, found = middle, data
        else:
            too_large = middle
    if not found:
        raise VariantTooLarge(f"No quality makes the variant fit in {room:,} bytes")
    return found


def _ask_between_frames(frame: Image.Image, checkpoint: Callable[[], None]) -> None:
    """Call the checkpoint whenever an encoder turns to `frame`, which Pillow's announce by seeking in it."""

    def seek(position: int) -> None:
        checkpoint()
        if position:
            raise EOFError

    frame.seek = seek  # type: ignore[assignment]


def _save(film: Film, spec: VariantSpec, target: Format, kept: Kept, quality: int) -> bytes:
    frames = film.frames
    if _has_palette(film, spec, target, quality):
        colours = 256 if quality >= PALETTE_QUALITY else max(2, 256 * quality // 100)
        frames = []
        for frame in film.frames:
            frame.seek(0)
            frames.append(_with_palette(frame, colours, hard_alpha=target is Format.GIF))
    if target is Format.JPEG and spec.effort is Effort.HIGH:
        return _with_gain_map(jpeg.small(frames[0], quality, kept), kept)
    told = options(spec, target, quality, Size(*frames[0].size), moves=film.moves) | _metadata(target, kept)
    if film.moves:
        told |= {"save_all": True, "append_images": frames[1:]} | _timing(film, target)
    out = io.BytesIO()
    frames[0].save(out, target.value, **told)
    return _with_gain_map(out.getvalue(), kept)


def _with_gain_map(data: bytes, kept: Kept) -> bytes:
    return ultrahdr.joined(data, kept.gain_map) if kept.gain_map else data


def _has_palette(film: Film, spec: VariantSpec, target: Format, quality: int) -> bool:
    """Every GIF, and a PNG below its full quality; not a moving one, which has one palette for all its frames."""
    if target is Format.PNG:
        return quality < QUALITY[target] and not spec.lossless and not film.moves
    return target is Format.GIF


def _metadata(target: Format, kept: Kept) -> Options:
    blocks: Options = {}
    if kept.exif and target is not Format.GIF:
        blocks["exif"] = kept.exif
    if kept.xmp and target is Format.PNG:
        chunks = import_module("PIL.PngImagePlugin").PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", kept.xmp)
        blocks["pnginfo"] = chunks
    elif kept.xmp and target is not Format.GIF:
        blocks["xmp"] = kept.xmp
    return blocks


def _timing(film: Film, target: Format) -> Options:
    timing: Options = {"duration": durations(film.milliseconds, target)}
    if target is Format.GIF:
        loop = gif_loop(film.plays)
        return timing | {"disposal": 2} | ({} if loop is None else {"loop": loop})
    if target is Format.AVIF:
        return timing
    return timing | {"loop": showings(film.plays)}


def _has_soft_alpha(image: Image.Image) -> bool:
    return image.mode == "RGBA" and any(image.getchannel("A").histogram()[1:255])


def _with_palette(image: Image.Image, colours: int, *, hard_alpha: bool) -> Image.Image:
    """`image` in at most `colours` colours; with `hard_alpha` a pixel is opaque or clear, as in a GIF.

    Where alpha is soft, colours are chosen with it (octree), which takes more of them; else among the opaque ones.
    """
    if image.mode != "RGBA":
        return _in_few_colours(image.convert("RGB"), colours)
    if not hard_alpha and _has_soft_alpha(image):
        return image.quantize(colours, Image.Quantize.FASTOCTREE)
    quantized = _in_few_colours(image.convert("RGB"), max(2, min(colours, 255)))
    clear = Image.new("P", image.size, 255)
    clear.putpalette(bytes(quantized.getpalette() or []).ljust(3 * 256, b"\0"))
    clear.paste(quantized, mask=image.getchannel("A").point(lambda level: 255 if level >= 128 else 0))
    clear.info["transparency"] = 255
    return clear


def _in_few_colours(image: Image.Image, colours: int) -> Image.Image:
    """`image` (RGB) in a palette of its own, not dithered; large areas of one colour keep it exactly.

    Median cut, refined by k-means until a pass moves no more than a tenth of the pixels. Each pixel gets its entry
    from that: Pillow's mapping to a given palette looks colours up by their upper six bits.
    """
    quantized = image.quantize(colours, Image.Quantize.MEDIANCUT, kmeans=max(1, image.width * image.height // 10))
    sides = min(image.width, SAMPLE_SIDE), min(image.height, SAMPLE_SIDE)
    sample = image.resize(sides, Image.Resampling.NEAREST)
    entries = Image.frombytes("L", sides, quantized.resize(sides, Image.Resampling.NEAREST).tobytes())
    pairs = Image.merge("CMYK", (*sample.split(), entries)).getcolors(SAMPLE_SIDE * SAMPLE_SIDE) or []
    palette = quantized.getpalette() or []
    for count, pair in sorted(pairs):
        assert isinstance(pair, tuple)
        *colour, entry = pair
        if count * colours >= sides[0] * sides[1]:
            palette[3 * entry : 3 * entry + 3] = colour
    quantized.putpalette(palette)
    return quantized
