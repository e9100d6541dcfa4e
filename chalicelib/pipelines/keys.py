"""Which keys originals have, which their variants get, and which key templates cannot work."""

import re
from collections.abc import Iterator
from itertools import combinations, product

from msgspec.structs import replace

from chalicelib.errors import InvalidRequest
from chalicelib.model.picture import Format, VariantSpec
from chalicelib.model.pipeline import Source
from chalicelib.pipelines.wildcards import Pattern, Wildcard, overlap

MAX_KEY_BYTES = 1024
"""The longest key of S3, in UTF-8 bytes."""

AD_HOC = "_/"
"""What the keys of ad hoc variants begin with, and no others."""

_KEY_FIELD = re.compile(r"\{(\w*)\}")
_OF_ORIGINAL = frozenset({"key", "path", "name", "stem", "image_id"})
_KEY_FIELDS = _OF_ORIGINAL | {"ext", "variant"}
_WITH_SLASHES = frozenset({"key", "path"})
_MAYBE_EMPTY = re.compile(r"\{(path|name|stem)\}")
_LEADING_PATH = re.compile(r"^(\{path\}/*)+")
_FOREIGN = "@"
_NO_NAME = re.compile(r"/|@|_(/|$)")
_ALIKE = (
    ("alice/me.jpg", "bob/me.jpg"),
    ("alice/me.jpg", "alice/you.jpg"),
    ("me.jpg", "me.jpeg"),
    ("a/bc.jpg", "ab/c.jpg"),
)
"""Two originals each, which templates may fail to tell apart."""


def extension(output: Format) -> str:
    """Return what names of files in that format end in, without a dot."""
    return "jpg" if output is Format.JPEG else output.value


def is_within(source: Source, key: str) -> bool:
    """Tell whether the pipeline cares for a key: it is under its prefix, and under nothing that it excludes.

    A pipeline without suffixes cares for none: its originals are those that somebody orders.
    """
    return bool(source.suffixes) and key.startswith(source.prefix) and not key.startswith(source.exclude)


def is_original(source: Source, key: str) -> bool:
    """Decide from its key alone whether an object of the source bucket is an original of the pipeline."""
    suffixes = tuple(suffix.lower() for suffix in source.suffixes)
    return is_within(source, key) and key.lower().endswith(suffixes)


def named(key: str, *, bucket: str | None = None) -> str:
    """Return what an original is called within the keys of its variants: no two originals are called the same.

    `bucket` is that of an original outside the source bucket. The first folder of a name is never empty, and never `_`.

    >>> named("a/b.jpg"), named("/b.jpg"), named("b.jpg", bucket="partner")
    ('a/b.jpg', '@/b.jpg', '@partner/b.jpg')
    """
    if bucket is not None:
        return f"{_FOREIGN}{bucket}/{key}"
    return f"{_FOREIGN}{key}" if _NO_NAME.match(key) else key


def variant_key(spec: VariantSpec, original_key: str, *, image_id: str, extension: str, version: str = "") -> str:
    """Fill in the spec's key template for one original.

    `extension` is the variant's own, without a dot. `version` is the original's, which only ad hoc variants have in
    their keys. Raises InvalidRequest when the key is longer than S3 allows.

    >>> small = VariantSpec(name="small", key="{path}/{variant}/{stem}.{ext}")
    >>> variant_key(small, "a/b/c.png", image_id="", extension="webp")
    'a/b/small/c.webp'
    """
    key = _filled_in(spec, original_key, image_id, extension, version)
    if len(key.encode()) > MAX_KEY_BYTES:
        raise InvalidRequest(
            f"the key of variant {spec.name} would have {len(key.encode())} bytes; S3 allows {MAX_KEY_BYTES}",
            field="key",
        )
    return key


def _filled_in(spec: VariantSpec, original_key: str, image_id: str, extension: str, version: str) -> str:
    path, _, name = original_key.rpartition("/")
    values = {
        "key": original_key,
        "path": path,
        "name": name,
        "stem": name.rpartition(".")[0] or name,
        "ext": extension,
        "variant": spec.name,
        "image_id": image_id,
        "version": version,
    }
    return _KEY_FIELD.sub(lambda field: values[field[1]], spec.key).lstrip("/")


def could_be(spec: VariantSpec, key: str) -> bool:
    """Tell whether a key could be that of this variant of some original.

    >>> could_be(VariantSpec(name="small", key="{variant}/{key}"), "small/a.jpg")
    True
    """
    template = spec.key.replace("{variant}", spec.name)
    return any(overlap(tuple(key), _pattern(beginning)) for beginning in _beginnings(template))


def wrong(spec: VariantSpec) -> Iterator[str]:
    """Find what keeps the spec's key template from naming a place for every original."""
    fields = set(_KEY_FIELD.findall(spec.key))
    unknown = sorted(fields - _KEY_FIELDS)
    for field in unknown:
        yield f"key: unknown field {{{field}}}, expected one of {', '.join(sorted(_KEY_FIELDS))}"
    if set("{}") & set(_KEY_FIELD.sub("", spec.key)):
        yield "key: expected braces around the names of fields only"
    elif not fields & _OF_ORIGINAL:
        yield f"key: expected one of {{{'}, {'.join(sorted(_OF_ORIGINAL))}}}, or all originals would share it"
    if spec.key.startswith("/"):
        yield "key: expected no / at the beginning"
    if spec.key.startswith(_FOREIGN):
        yield f"key: expected no {_FOREIGN} at the beginning, which marks originals of other buckets"
    if not unknown and _may_be_ad_hoc(spec):
        yield f"key: could begin with {AD_HOC}, where ad hoc variants go; begin it with a folder of its own"


def conflicts(source: Source, variants: tuple[VariantSpec, ...], *, shared: bool) -> Iterator[str]:
    """Find variants that would overwrite others, and variants that would count as originals.

    With `shared`, those of two originals may have one place, but for those of two different specs.
    """
    sound = [spec for spec in variants if not any(wrong(spec))]
    for spec in sound:
        if not shared and not _names_one(spec.key):
            yield f"variants.{spec.name}.key: {_told(spec)}, or say shared_keys = true"
    for one, other in combinations(sound, 2):
        if one.bucket == other.bucket and _meet(one, other, instructed=source.instructions):
            yield (
                f"variants.{other.name}.key: {other.key} and {one.key} of variants.{one.name} have places in common; "
                "begin both with {variant}/"
            )
    for spec in variants:
        if spec.bucket == "source" and not outside(source, spec.key):
            yield (
                f"variants.{spec.name}.key: {spec.key} in the source bucket would count as an original, and the "
                "pipeline would trigger itself; begin it with a folder that source.exclude names"
            )


def _names_one(template: str) -> bool:
    """Tell whether the original can be read from every key of the template; where that is not sure, it is not.

    Counted from both ends, the slashes of the template say where its one field with slashes is. It can be read if no
    other field of the original is in the same folder, for no extension begins or ends with another. Likewise `name`.
    """
    if "{image_id}" in template:
        return True
    folders = [[field for field in _KEY_FIELD.findall(text) if field in _OF_ORIGINAL] for text in template.split("/")]
    with_slashes = [field for fields in folders for field in fields if field in _WITH_SLASHES]
    enough = (["key"],) if with_slashes == ["key"] else (["path"], ["name"])
    return len(with_slashes) == 1 and all(alone in folders for alone in enough)


def _told(spec: VariantSpec) -> str:
    """Say what is wrong with a template that may not tell originals apart, with two of them where an example fits."""
    for one, other in _ALIKE:
        if _filled_in(spec, one, "", "jpg", "") == _filled_in(spec, other, "", "jpg", ""):
            return f"{spec.key} gives two originals one place ({one} and {other}); use {{key}}"
    return f"{spec.key} may give two originals one place; use no field of the original but {{key}}"


def _meet(one: VariantSpec, other: VariantSpec, *, instructed: bool) -> bool:
    """Tell whether two variants could have the same key, of whatever originals.

    With `instructed` an uploader may set the format of both.
    """
    first, second = (_patterns(spec, instructed=instructed) for spec in (one, other))
    return any(overlap(*pair) for pair in product(first, second))


def _may_be_ad_hoc(spec: VariantSpec) -> bool:
    """Tell whether a key of the spec could begin as those of ad hoc variants do; what `named` returns never does."""
    template, certain = spec.key, ["{key}", "{image_id}"]
    if template.startswith("{path}"):
        template = _LEADING_PATH.sub("", template)  # that of an original in no folder
        certain.append("{name}")
    if template.startswith(tuple(certain)):
        return False
    patterns = _patterns(replace(spec, key=template), instructed=False)
    return any(overlap(pattern, (*AD_HOC, Wildcard.ANYTHING)) for pattern in patterns)


def _patterns(spec: VariantSpec, *, instructed: bool) -> set[Pattern]:
    """Return the patterns of the spec's keys, for each extension that they may have."""
    template = spec.key.replace("{variant}", spec.name)
    outputs = [spec.format] if spec.format and not instructed else Format
    filled_in = {template.replace("{ext}", extension(output)) for output in outputs}
    return {_pattern(beginning) for text in filled_in for beginning in _beginnings(text)}


def _beginnings(template: str) -> Iterator[str]:
    """Yield the template, and what is left of it where it begins with empty fields: keys begin with no slash."""
    yield template
    while found := _MAYBE_EMPTY.match(template):
        template = template[found.end() :].lstrip("/")
        yield template


def _pattern(template: str) -> Pattern:
    pattern: list[str | Wildcard] = []
    for index, part in enumerate(_KEY_FIELD.split(template)):  # literal, field, literal, ...
        if index % 2 == 0:
            pattern.extend(part)
        else:
            pattern.append(Wildcard.ANYTHING if part in _WITH_SLASHES else Wildcard.NO_SLASH)
    return tuple(pattern)


def outside(source: Source, template: str) -> bool:
    """Tell whether no key made from the template can be an original, from the text before its first field."""
    certain = template.partition("{")[0]
    differs = not certain.startswith(source.prefix) and not source.prefix.startswith(certain)
    return differs or certain.startswith(source.exclude)
