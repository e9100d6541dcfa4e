"""What each encoder is told: bytes against time, by format, effort and size. docs/decisions.md has the measurements."""

from chalicelib.model.picture import Effort, Format, Size, VariantSpec

Options = dict[str, object]

WEBP_METHOD = {Effort.NORMAL: 4, Effort.HIGH: 6}

PNG_COMPRESSION = {Effort.NORMAL: 6, Effort.HIGH: 9}
"""Of zlib."""

AVIF_SPEED = {Effort.NORMAL: 8, Effort.HIGH: 6}

LARGE_AVIF_SPEED = 9
LARGE_AVIF = 600_000
"""Pixels from which on the fastest speed is worth its bytes. Smaller pictures lose up to 15 % by it."""

AVIF_TUNING = {"tune": "ssimulacra2"}

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


def options(spec: VariantSpec, target: Format, quality: int, size: Size) -> Options:
    """What Pillow's encoder of the format is told for one frame of `size`, or for a film of such."""
    match target:
        case Format.JPEG:
            full_colour = {"subsampling": "4:4:4"} if spec.quality == "auto" else {}
            return {"quality": quality, "progressive": spec.progressive, **full_colour}
        case Format.PNG:
            return {"compress_level": PNG_COMPRESSION[spec.effort]}
        case Format.WEBP:
            return {"quality": quality, "lossless": spec.lossless, "method": WEBP_METHOD[spec.effort]}
        case Format.AVIF:
            return _avif(spec, quality, size)
        case Format.GIF:
            return {}


def _avif(spec: VariantSpec, quality: int, size: Size) -> Options:
    """One thread and as few tiles as AV1 allows: a function has hardly more than one core, and tiles cost bytes."""
    common: Options = {"subsampling": "4:4:4", "max_threads": 1, "autotiling": False}
    speed, advanced = AVIF_SPEED[spec.effort], AVIF_TUNING
    if spec.lossless:
        return common | {"quality": 100, "speed": speed}
    if spec.effort is Effort.NORMAL:
        if size.width * size.height >= LARGE_AVIF:
            speed = LARGE_AVIF_SPEED
        else:
            advanced = AVIF_TUNING | FEWER_TRIALS
    return common | {"quality": quality, "speed": speed, "advanced": advanced}
