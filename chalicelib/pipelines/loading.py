"""A pipeline file (TOML) becomes a `Pipeline`, or a PipelineError that lists everything wrong with it."""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from chalicelib.errors import PermanentError
from chalicelib.imaging.drawing import geometry
from chalicelib.imaging.encoding import capacity
from chalicelib.model.picture import Effort, Fit, Hdr, Limits, Metadata, Position, VariantSpec, Watermark
from chalicelib.model.pipeline import Pipeline, Restore, Source
from chalicelib.pipelines import keys
from chalicelib.pipelines.fields import (
    FormatName,
    Quality,
    Side,
    Target,
    VariantName,
    aimless,
    checked,
    lacks_side,
    output_format,
)

PIPELINES = Path(__file__).parent

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
    "target": Target,
    "effort": Effort,
    "lossless": bool,
    "progressive": bool,
    "max_bytes": Annotated[int, msgspec.Meta(ge=1)],
    "animated": bool,
    "metadata": Metadata,
    "gps": bool,
    "hdr": Hdr,
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
    unknown = document.keys() - {"shared_keys", "source", "variants", "restore"}
    problems = [f"{name}: unknown, expected shared_keys, source, variants or restore" for name in sorted(unknown)]
    shared = _converted(document.get("shared_keys", False), bool, "shared_keys", problems) is True
    source = Source(**_fields(document.get("source", {}), _SOURCE_FIELDS, "source", problems))
    tables = document.get("variants")
    if not isinstance(tables, Mapping) or not tables:
        problems.append("variants: expected at least one table such as [variants.thumbnail]")
        tables = {}
    variants = tuple(_variant(key, table, folder, problems) for key, table in tables.items())
    problems.extend(keys.conflicts(source, variants, shared=shared))
    restore = _restore(document["restore"], source, problems) if "restore" in document else None
    if problems:
        raise PipelineError("\n".join([f"{name}.toml:", *(f"  {problem}" for problem in problems)]))
    return Pipeline(name=name, source=source, variants=variants, restore=restore, shared_keys=shared)


def digest(pipeline: Pipeline, limits: Limits) -> str:
    """Tell a stage's ways from all others: the same digest means the same outcome for the same original."""
    return hashlib.sha256(repr((pipeline, limits)).encode()).hexdigest()[:32]


def _variant(name: str, table: object, folder: Path, problems: list[str]) -> VariantSpec:
    path = f"variants.{name}"
    _converted(name, VariantName, path, problems)
    fields = dict(table) if isinstance(table, Mapping) else table
    watermark = fields.pop("watermark", None) if isinstance(fields, dict) else None
    known = _fields(fields, _VARIANT_FIELDS, path, problems)
    spec = VariantSpec(
        name=name,
        format=output_format(known.pop("format", "same")),
        watermark=None if watermark is None else _watermark(watermark, f"{path}.watermark", folder, problems),
        **known,
    )
    if lacks_side(spec):
        problems.append(f"{path}: fit {spec.fit.value} needs both width and height")
    if aimless(spec):
        problems.append(f'{path}.target: expected only with quality = "auto"')
    problems.extend(f"{path}.{problem}" for problem in (*_wrong_size(spec), *keys.wrong(spec)))
    return spec


def _wrong_size(spec: VariantSpec) -> Iterator[str]:
    """Find a box that every original fills to the last pixel, and that is larger than can be encoded."""
    filled = spec.fit is Fit.CONTAIN or (spec.enlarge and spec.fit in {Fit.FILL, Fit.COVER})
    most = capacity.MAX_PIXELS[spec.format] if spec.format else max(capacity.MAX_PIXELS.values())
    pixels = (spec.width or 0) * (spec.height or 0)
    if filled and pixels > most:
        yield f"width: expected at most {most:,} pixels in {spec.format or 'any format'}, got {pixels:,}"


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
        decode = import_module("chalicelib.imaging.decoding.decode")  # Pillow only for a watermark
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
    if not keys.outside(source, fields["to"]):
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
