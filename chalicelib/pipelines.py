"""A pipeline file (TOML) becomes a `Pipeline`, or a PipelineError that lists everything wrong with it."""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import combinations, product, zip_longest
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from chalicelib.errors import InvalidRequest, PermanentError, UnknownVariant, shown
from chalicelib.imaging import decode, encode, geometry
from chalicelib.model.picture import Fit, Format, Limits, Metadata, Position, VariantSpec, Watermark
from chalicelib.model.pipeline import Pipeline, Restore, Source

PIPELINES = Path(__file__).parent / "pipelines"
MAX_KEY_BYTES = 1024
"""The longest key of S3, in UTF-8 bytes."""

Side = Annotated[int, msgspec.Meta(ge=1, le=Limits().max_side)]
Quality = Annotated[int, msgspec.Meta(ge=1, le=100)]
FormatName = Literal["same", "jpeg", "png", "webp", "avif", "gif"]
VariantName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]

_SOURCE_FIELDS: dict[str, Any] = {
    "prefix": str,
    "exclude": tuple[Annotated[str, msgspec.Meta(min_length=1)], ...],
    "suffixes": tuple[Annotated[str, msgspec.Meta(min_length=1)], ...],
    "instructions": bool,
}
_VARIANT_FIELDS: dict[str, Any] = {
    "width": Side,
    "height": Side,
    "fit": Fit,
    "position": Position,
    "background": Annotated[str, msgspec.Meta(pattern="^#([0-9a-fA-F]{6}|[0-9a-fA-F]{8})$")],
    "enlarge": bool,
    "sharpen": Annotated[float, msgspec.Meta(ge=0, le=10)],
    "format": FormatName,
    "quality": Quality,
    "lossless": bool,
    "progressive": bool,
    "max_bytes": Annotated[int, msgspec.Meta(ge=1)],
    "metadata": Metadata,
    "gps": bool,
    "bucket": Literal["destination", "source"],
    "key": Annotated[str, msgspec.Meta(min_length=1)],
}
_WATERMARK_FIELDS: dict[str, Any] = {
    "image": str,
    "position": Position,
    "opacity": Annotated[float, msgspec.Meta(ge=0, le=1)],
    "scale": Annotated[float, msgspec.Meta(gt=0, le=1)],
}
_RESTORE_FIELDS: dict[str, Any] = {"from": str, "to": Annotated[str, msgspec.Meta(min_length=1)]}
_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text", "array": "a list"}
_KEY_FIELD = re.compile(r"\{(\w*)\}")
_OF_ORIGINAL = frozenset({"key", "path", "name", "stem", "image_id"})
_KEY_FIELDS = _OF_ORIGINAL | {"ext", "variant"}
_WITH_SLASHES = frozenset({"key", "path"})


class PipelineError(ValueError):
    """A pipeline file is unusable; the message lists every problem with its key path and what was expected."""


def load(name_or_path: str) -> Pipeline:
    """Read a pipeline that ships with Halftone by its name, or a file of one's own by its path (it ends in `.toml`)."""
    path = Path(name_or_path) if name_or_path.endswith(".toml") else PIPELINES / f"{name_or_path}.toml"
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        shipped = ", ".join(sorted(file.stem for file in PIPELINES.glob("*.toml")))
        raise PipelineError(
            f"{name_or_path}: no such pipeline; there are {shipped}, or a path to a .toml file"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path.name}: not a TOML file: {error}") from error
    return parse(document, name=path.stem, folder=path.parent)


def parse(document: Mapping[str, Any], *, name: str, folder: Path) -> Pipeline:
    """Turn a TOML document into a Pipeline; watermark images are read from `folder`. Raises PipelineError."""
    unknown = document.keys() - {"source", "variants", "restore"}
    problems = [f"{table}: unknown table, expected source, variants or restore" for table in sorted(unknown)]
    source = Source(**_fields(document.get("source", {}), _SOURCE_FIELDS, "source", problems))
    tables = document.get("variants")
    if not isinstance(tables, Mapping) or not tables:
        problems.append("variants: expected at least one table such as [variants.thumbnail]")
        tables = {}
    variants = tuple(_variant(key, table, folder, problems) for key, table in tables.items())
    problems.extend(_conflicts(source, variants))
    restore = _restore(document["restore"], source, problems) if "restore" in document else None
    if problems:
        raise PipelineError("\n".join([f"{name}.toml:", *(f"  {problem}" for problem in problems)]))
    return Pipeline(name=name, source=source, variants=variants, restore=restore)


def digest(pipeline: Pipeline, limits: Limits) -> str:
    """Tell a stage's ways from all others: the same digest means the same outcome for the same original."""
    return hashlib.sha256(repr((pipeline, limits)).encode()).hexdigest()[:32]


def extension(output: Format) -> str:
    """Return what names of files in that format end in, without a dot."""
    return "jpg" if output is Format.JPEG else output.value


def lacks_side(spec: VariantSpec) -> Literal["width", "height"] | None:
    """Name the side without which the spec's fit is meaningless; None where it has all that it needs."""
    if spec.fit is Fit.INSIDE or (spec.width is not None and spec.height is not None):
        return None
    return "width" if spec.width is None else "height"


def output_format(name: FormatName) -> Format | None:
    """Return the format that a pipeline file or a request names; None for `same`."""
    return None if name == "same" else Format(name)


def pick(specs: Iterable[VariantSpec], names: Iterable[str]) -> tuple[VariantSpec, ...]:
    """Return the specs of these names, in their order, each once; raises UnknownVariant."""
    named = {spec.name: spec for spec in specs}
    for name in names:
        if name not in named:
            raise UnknownVariant(
                f"variants: expected names out of {', '.join(named)}, got {shown(name)}", field="variants"
            )
    return tuple(named[name] for name in dict.fromkeys(names))


def checked(value: object, kind: Any) -> Any:
    """Return a value as the type that is expected of it, or raise ValueError with what that is and what came."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        expected = f"one of {', '.join(_choices(kind))}" if _choices(kind) else _words(error)
        raise ValueError(f"expected {expected}, got {shown(value)}") from None


def _choices(kind: Any) -> tuple[str, ...]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(member.value for member in kind)
    return get_args(kind) if get_origin(kind) is Literal else ()


def _words(error: msgspec.ValidationError) -> str:
    """Keep of msgspec's sentence ("Expected `int`, got `str`") what it expected, in words."""
    expected = str(error).removeprefix("Expected ").partition(", got ")[0]
    return re.sub(r"`(\w+)`", lambda kind: _KINDS.get(kind[1], kind[1]), expected)


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


def _variant(name: str, table: object, folder: Path, problems: list[str]) -> VariantSpec:
    path = f"variants.{name}"
    _converted(name, VariantName, path, problems)
    fields = dict(table) if isinstance(table, Mapping) else table
    watermark = fields.pop("watermark", None) if isinstance(fields, dict) else None
    checked = _fields(fields, _VARIANT_FIELDS, path, problems)
    spec = VariantSpec(
        name=name,
        format=output_format(checked.pop("format", "same")),
        watermark=None if watermark is None else _watermark(watermark, f"{path}.watermark", folder, problems),
        **checked,
    )
    if lacks_side(spec):
        problems.append(f"{path}: fit {spec.fit.value} needs both width and height")
    problems.extend(f"{path}.{problem}" for problem in (*_wrong_size(spec), *_wrong_key(spec.key)))
    return spec


def _wrong_size(spec: VariantSpec) -> Iterator[str]:
    """Find a box that every original fills to the last pixel, and that is larger than can be encoded."""
    filled = spec.fit is Fit.CONTAIN or (spec.enlarge and spec.fit in {Fit.FILL, Fit.COVER})
    most = encode.MAX_PIXELS[spec.format] if spec.format else max(encode.MAX_PIXELS.values())
    pixels = (spec.width or 0) * (spec.height or 0)
    if filled and pixels > most:
        yield f"width: expected at most {most:,} pixels in {spec.format or 'any format'}, got {pixels:,}"


def _wrong_key(template: str) -> Iterator[str]:
    fields = set(_KEY_FIELD.findall(template))
    for field in sorted(fields - _KEY_FIELDS):
        yield f"key: unknown field {{{field}}}, expected one of {', '.join(sorted(_KEY_FIELDS))}"
    if set("{}") & set(_KEY_FIELD.sub("", template)):
        yield "key: expected braces around the names of fields only"
    elif not fields & _OF_ORIGINAL:
        yield f"key: expected one of {{{'}, {'.join(sorted(_OF_ORIGINAL))}}}, or all originals would share it"
    if template.startswith("/"):
        yield "key: expected no / at the beginning"


def _watermark(table: object, path: str, folder: Path, problems: list[str]) -> Watermark | None:
    fields = _fields(table, _WATERMARK_FIELDS, path, problems)
    file = fields.pop("image", None)
    if file is None:
        problems.append(f"{path}.image: expected the path of an image beside the pipeline file")
        return None
    if fields.get("position", Position.CENTER) not in geometry.ANCHORS:
        problems.append(f"{path}.position: expected one of {', '.join(geometry.ANCHORS)}, got {fields['position']}")
    try:
        image = (folder / file).read_bytes()
        decode.open_original(image, Limits())
    except OSError as error:
        problems.append(f"{path}.image: {file} cannot be read: {error.strerror}")
        return None
    except PermanentError as error:
        problems.append(f"{path}.image: {file} cannot be read: {error}")
        return None
    return Watermark(image=image, **fields)


def _restore(table: object, source: Source, problems: list[str]) -> Restore | None:
    """Read what is restored to where: never to where it would be an original and trigger the pipeline."""
    fields = _fields(table, _RESTORE_FIELDS, "restore", problems)
    missing = [name for name in _RESTORE_FIELDS if isinstance(table, Mapping) and name not in table]
    problems.extend(f"restore.{name}: expected the beginning of a key, such as a folder/" for name in missing)
    if fields.keys() != _RESTORE_FIELDS.keys():
        return None
    if fields["from"] == fields["to"]:
        problems.append("restore.to: expected another place than restore.from")
    if fields["to"].startswith("/"):
        problems.append("restore.to: expected no / at the beginning")
    if not _outside(source, fields["to"]):
        problems.append(
            f"restore.to: {fields['to']} in the source bucket would count as an original, and be processed again; "
            "begin it with a folder that source.exclude names"
        )
    return Restore(origin=fields["from"], target=fields["to"])


def _fields(table: object, types: Mapping[str, Any], path: str, problems: list[str]) -> dict[str, Any]:
    """Keep the entries of a table that have the expected type, and note the others as problems."""
    if not isinstance(table, Mapping):
        problems.append(f"{path}: expected a table")
        return {}
    unknown = sorted(table.keys() - types.keys())
    problems.extend(f"{path}.{key}: unknown, expected one of {', '.join(types)}" for key in unknown)
    converted = {
        key: _converted(value, types[key], f"{path}.{key}", problems) for key, value in table.items() if key in types
    }
    return {key: value for key, value in converted.items() if value is not None}


def _converted(value: object, kind: Any, path: str, problems: list[str]) -> Any:
    try:
        return checked(value, kind)
    except ValueError as error:
        problems.append(f"{path}: {error}")
        return None


def _conflicts(source: Source, variants: tuple[VariantSpec, ...]) -> Iterator[str]:
    """Find variants that would overwrite each other, and variants that would count as originals."""
    comparable = [spec for spec in variants if not any(_wrong_key(spec.key))]
    for one, other in combinations(comparable, 2):
        if one.bucket == other.bucket and _meet(one, other, instructed=source.instructions):
            yield f"variants.{other.name}.key: the same key as variants.{one.name}; put {{variant}} in both"
    for spec in variants:
        if spec.bucket == "source" and not _outside(source, spec.key):
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


def _outside(source: Source, template: str) -> bool:
    """Tell whether no key made from the template can be an original, from the text before its first field."""
    certain = template.partition("{")[0]
    differs = not certain.startswith(source.prefix) and not source.prefix.startswith(certain)
    return differs or certain.startswith(source.exclude)
