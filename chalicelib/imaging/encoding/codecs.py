"""What each encoder is told: bytes against time, by format, effort and size. docs/decisions.md has the measurements."""

from chalicelib.model.picture import Effort, Format, Size, VariantSpec

type Options = dict[str, object]

WEBP_METHOD = {Effort.NORMAL: 4, Effort.HIGH: 6}

PNG_COMPRESSION = {Effort.NORMAL: 6, Effort.HIGH: 9}
"""Of zlib."""

AVIF_SPEED = {Effort.NORMAL: 8, Effort.HIGH: 6}

LARGE_AVIF_SPEED = 9
LARGE_AVIF = 600_000
"""Pixels from which on the fastest speed is worth its bytes. Smaller pictures lose up to 15 % by it."""

LOSSLESS_AVIF = 100
"""The quality at which libaom keeps everything, and refuses to be tuned."""

AVIF_TUNING = {"tune": "ssimulacra2"}

TUNED_SHARE = 1.1
"""How much farther from 100 a quality is when tuned: the same score as untuned, for a number that libaom would spend
a third more bytes on."""

FEWER_TRIALS = {
    "use-intra-dct-only": "1",
    "enable-angle-delta": "0",
    "enable-smooth-intra": "0",
    "enable-paeth-intra": "0",
    "coeff-cost-upd-freq": "3",
    "mode-cost-upd-freq": "3",
    "disable-trellis-quant": "1",
}
"""Tools of AV1 that speed 8 tries and that gain less than they cost."""


def options(spec: VariantSpec, target: Format, quality: int, size: Size, *, moves: bool) -> Options:
    """What Pillow's encoder of the format is told for a picture of `size`, or for a film of such frames."""
    match target:
        case Format.JPEG:
            full_colour = {"subsampling": "4:4:4"} if spec.quality == "auto" else {}
            return {"quality": quality, "progressive": spec.progressive, **full_colour}
        case Format.PNG:
            return {"compress_level": PNG_COMPRESSION[spec.effort]}
        case Format.WEBP:
            return {"quality": quality, "lossless": spec.lossless, "method": WEBP_METHOD[spec.effort]}
        case Format.AVIF:
            return _avif(spec, quality, size, moves=moves)
        case Format.GIF:
            return {}


def _avif(spec: VariantSpec, quality: int, size: Size, *, moves: bool) -> Options:
    """One thread and as few tiles as AV1 allows: a function has hardly more than one core, and tiles cost bytes.

    The tuning is for stills: it doubles the bytes of a film.
    """
    common: Options = {"subsampling": "4:4:4", "max_threads": 1, "autotiling": False}
    speed, advanced = AVIF_SPEED[spec.effort], AVIF_TUNING
    if spec.lossless:
        quality = LOSSLESS_AVIF
    if quality == LOSSLESS_AVIF or moves:
        return common | {"quality": quality, "speed": speed}
    if spec.effort is Effort.NORMAL:
        if size.width * size.height >= LARGE_AVIF:
            speed = LARGE_AVIF_SPEED
        else:
            advanced = AVIF_TUNING | FEWER_TRIALS
    tuned = max(1, round(100 - TUNED_SHARE * (100 - quality)))
    return common | {"quality": tuned, "speed": speed, "advanced": advanced}
