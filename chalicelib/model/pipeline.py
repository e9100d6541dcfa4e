"""Which uploads are originals, and which variants they get."""

import msgspec

from chalicelib.model.picture import VariantSpec


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Which keys are originals: under `prefix`, under none of `exclude`, ending in one of `suffixes` (any case).

    With `instructions` the user metadata of an original has a say in its variants.
    """

    prefix: str = ""
    exclude: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = (
        *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".tif", ".tiff", ".bmp", ".heic", ".heif"),
    )
    instructions: bool = False


class Restore(msgspec.Struct, frozen=True, kw_only=True):
    """What to do when somebody puts an object of their own among the variants.

    The original `origin` + its key is copied to `target` + its key, all in the source bucket.
    """

    origin: str
    target: str


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """The variants of an upload; `restore` of None leaves objects alone that others put among them.

    With `shared_keys`, variants of two originals may have one place: the later one overwrites the other.
    """

    name: str
    source: Source
    variants: tuple[VariantSpec, ...]
    restore: Restore | None = None
    shared_keys: bool = False
