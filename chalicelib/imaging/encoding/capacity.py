"""What can be encoded at most; no Pillow is imported here."""

from chalicelib.model.picture import Format

MAX_SIDE = {Format.JPEG: 65_535, Format.PNG: 2**31 - 1, Format.WEBP: 16_383, Format.AVIF: 16_384, Format.GIF: 65_535}

MAX_PIXELS = {
    Format.JPEG: 50_000_000,
    Format.PNG: 50_000_000,
    Format.WEBP: 25_000_000,
    Format.AVIF: 20_000_000,
    Format.GIF: 50_000_000,
}
"""The largest picture, or frame, that the child of a function of 1,769 MB encodes; docs/decisions.md has the peaks."""

KEEPS_FRAMES = frozenset({Format.AVIF})
"""The formats whose encoders hold all frames of what moves, so that they count together."""
