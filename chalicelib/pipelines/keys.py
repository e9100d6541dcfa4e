"""Which keys originals have, which their variants get, and which key templates cannot work."""

import re
from collections.abc import Iterator
from itertools import combinations, product, zip_longest

from chalicelib.errors import InvalidRequest
from chalicelib.model.picture import Format, VariantSpec
from chalicelib.model.pipeline import Source

MAX_KEY_BYTES = 1024
"""The longest key of S3, in UTF-8 bytes."""

_KEY_FIELD = re.compile(r"\{(\w*)\}")
_OF_ORIGINAL = frozenset({"key", "path", "name", "stem", "image_id"})
_KEY_FIELDS = _OF_ORIGINAL | {"ext", "variant"}
_WITH_SLASHES = frozenset({"key", "path"})


def extension(output: Format) -> str:
    """Return what names of files in that format end in, without a dot."""
    return "jpg" if output is Format.JPEG else output.value


def is_original(source: Source, key: str) -> bool:
    """Decide from its key alone whether an object of the source bucket is an original of the pipeline."""
    suffixes = tuple(suffix.lower() for suffix in source.suffixes)
    return key.startswith(source.prefix) and not key.startswith(source.exclude) and key.lower().endswith(suffixes)


def variant_key(spec: VariantSpec, original_key: str, *, image_id: str, extension: str) -> str:
    """Fill in the spec's key template for one original.

    `extension` is the variant's own, without a dot. Raises InvalidRequest when the key is longer than S3 allows.

    >>> small = VariantSpec(name="small", key="{path}/{variant}/{stem}.{ext}")
    >>> variant_key(small, "a/b/c.png", image_id="", extension="webp")
    'a/b/small/c.webp'
    """
    key = _filled_in(spec, original_key, image_id, extension)
    if len(key.encode()) > MAX_KEY_BYTES:
        raise InvalidRequest(
            f"the key of variant {spec.name} would have {len(key.encode())} bytes; S3 allows {MAX_KEY_BYTES}",
            field="key",
        )
    return key


def _filled_in(spec: VariantSpec, original_key: str, image_id: str, extension: str) -> str:
    path, _, name = original_key.rpartition("/")
    values = {
        "key": original_key,
        "path": path,
        "name": name,
        "stem": name.rpartition(".")[0] or name,
        "ext": extension,
        "variant": spec.name,
        "image_id": image_id,
    }
    return _KEY_FIELD.sub(lambda field: values[field[1]], spec.key).lstrip("/")


def could_be(spec: VariantSpec, key: str) -> bool:
    """Tell whether a key could be that of this variant of some original.

    >>> could_be(VariantSpec(name="small", key="{variant}/{key}"), "small/a.jpg")
    True
    """
    parts = _KEY_FIELD.split(spec.key.replace("{variant}", spec.name))  # literal, field, literal, ...
    fields = (".*" if field in _WITH_SLASHES else "[^/]*" for field in parts[1::2])
    pattern = "".join(re.escape(literal) + field for literal, field in zip_longest(parts[::2], fields, fillvalue=""))
    return any(re.fullmatch(pattern, text, re.DOTALL) for text in (key, f"/{key}"))  # an empty {path} leaves no slash


def wrong(template: str) -> Iterator[str]:
    """Find what keeps a key template from naming a place for every original."""
    fields = set(_KEY_FIELD.findall(template))
    for field in sorted(fields - _KEY_FIELDS):
        yield f"key: unknown field {{{field}}}, expected one of {', '.join(sorted(_KEY_FIELDS))}"
    if set("{}") & set(_KEY_FIELD.sub("", template)):
        yield "key: expected braces around the names of fields only"
    elif not fields & _OF_ORIGINAL:
        yield f"key: expected one of {{{'}, {'.join(sorted(_OF_ORIGINAL))}}}, or all originals would share it"
    if template.startswith("/"):
        yield "key: expected no / at the beginning"


def conflicts(source: Source, variants: tuple[VariantSpec, ...]) -> Iterator[str]:
    """Find variants that would overwrite each other, and variants that would count as originals."""
    comparable = [spec for spec in variants if not any(wrong(spec.key))]
    for one, other in combinations(comparable, 2):
        if one.bucket == other.bucket and _meet(one, other, instructed=source.instructions):
            yield f"variants.{other.name}.key: the same key as variants.{one.name}; put {{variant}} in both"
    for spec in variants:
        if spec.bucket == "source" and not outside(source, spec.key):
            yield (
                f"variants.{spec.name}.key: {spec.key} in the source bucket would count as an original, and the "
                "pipeline would trigger itself; begin it with a folder that source.exclude names"
            )


def _meet(one: VariantSpec, other: VariantSpec, *, instructed: bool) -> bool:
    """Tell whether two variants of a sample original would have the same key.

    The sample has each extension that variants have too. With `instructed` an uploader may set the format of both.
    """

    def key(spec: VariantSpec, original: str, output: Format) -> str:
        return _filled_in(spec, original, "id", extension(output))

    return any(
        key(one, original, one.format or output) == key(other, original, other.format or output)
        or (instructed and key(one, original, output) == key(other, original, output))
        for stem, suffix, output in product(("photo", "a/photo", "a/b/photo"), Format, Format)
        for original in [f"{stem}.{extension(suffix)}"]
    )


def outside(source: Source, template: str) -> bool:
    """Tell whether no key made from the template can be an original, from the text before its first field."""
    certain = template.partition("{")[0]
    differs = not certain.startswith(source.prefix) and not source.prefix.startswith(certain)
    return differs or certain.startswith(source.exclude)
