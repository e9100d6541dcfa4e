"""The user metadata of an upload has a say in its variants, where the pipeline lets it. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from chalicelib.errors import InvalidRequest, UnknownVariant
from chalicelib.model.picture import Fit, VariantSpec
from chalicelib.model.pipeline import Pipeline
from chalicelib.pipelines.fields import FormatName, Quality, Side, checked, lacks_side, output_format, pick

_FIELDS: dict[str, Any] = {"width": Side, "height": Side, "fit": Fit, "format": FormatName, "quality": Quality}
_PREFIX = "x-amz-meta-"


def instructed(pipeline: Pipeline, metadata: Mapping[str, str]) -> tuple[VariantSpec, ...]:
    """Return what the pipeline makes of an original with this user metadata.

    Without `source.instructions` that is every variant as the pipeline has it. With them, `variants` (names, separated
    by commas) says which, and `width`, `height`, `fit`, `format` and `quality` take the place of what the pipeline
    says of each. Other metadata is somebody else's. Raises InvalidRequest, which lists all that is wrong, and
    UnknownVariant.

    >>> from chalicelib.pipelines.loading import load
    >>> [(spec.width, spec.height) for spec in instructed(load("metadata_sized"), {"width": "640"})]
    [(640, 300)]
    """
    if not pipeline.source.instructions:
        return pipeline.variants
    changes = _changes(metadata)
    specs = [replace(spec, **changes) for spec in _picked(pipeline, metadata)]
    for spec in specs:
        if missing := lacks_side(spec):
            raise InvalidRequest(
                f"{_PREFIX}{missing}: expected a number, because fit {spec.fit} needs both sides ({spec.name})",
                field=missing,
            )
    return tuple(specs)


def _changes(metadata: Mapping[str, str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, kind in _FIELDS.items():
        if name in metadata:
            try:
                changes[name] = checked(_whole(metadata[name]) if kind in (Side, Quality) else metadata[name], kind)
            except ValueError as error:
                problems[name] = f"{_PREFIX}{name}: {error}"
    if problems:
        raise InvalidRequest("; ".join(problems.values()), field=next(iter(problems)))
    if "format" in changes:
        changes["format"] = output_format(changes["format"])
    return changes


def _whole(text: str) -> int | str:
    """Read a number that is written in digits alone; what is not stays text, and is refused as such."""
    return int(text) if text.isascii() and text.isdecimal() else text


def _picked(pipeline: Pipeline, metadata: Mapping[str, str]) -> tuple[VariantSpec, ...]:
    if "variants" not in metadata:
        return pipeline.variants
    try:
        return pick(pipeline.variants, [name.strip() for name in metadata["variants"].split(",")])
    except UnknownVariant as error:
        raise UnknownVariant(f"{_PREFIX}{error}", field=error.field) from None
