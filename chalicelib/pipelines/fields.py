"""The fields that pipeline files, requests and the metadata of uploads share, and how they are checked."""

import re
from collections.abc import Iterable
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from chalicelib.errors import UnknownVariant, shown
from chalicelib.model.picture import Fit, Format, Limits, VariantSpec

Side = Annotated[int, msgspec.Meta(ge=1, le=Limits().max_side)]
Quality = Annotated[int, msgspec.Meta(ge=1, le=100)] | Literal["auto"]
Target = Annotated[int, msgspec.Meta(ge=40, le=95)]
FormatName = Literal["same", "jpeg", "png", "webp", "avif", "gif"]
VariantName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text", "array": "a list"}


def lacks_side(spec: VariantSpec) -> Literal["width", "height"] | None:
    """Name the side without which the spec's fit is meaningless; None where it has all that it needs."""
    if spec.fit is Fit.INSIDE or (spec.width is not None and spec.height is not None):
        return None
    return "width" if spec.width is None else "height"


def aimless(spec: VariantSpec) -> bool:
    """Tell whether the spec has a target that no quality looks for."""
    return spec.target is not None and spec.quality != "auto"


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
        raise ValueError(f"expected {_expected(kind, error)}, got {shown(value)}") from None


def _expected(kind: Any, error: msgspec.ValidationError) -> str:
    if kind == Quality:
        return "1 to 100, or 'auto'"
    choices = _choices(kind)
    return f"one of {', '.join(choices)}" if choices else _words(error)


def _choices(kind: Any) -> tuple[str, ...]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(member.value for member in kind)
    return get_args(kind) if get_origin(kind) is Literal else ()


def _words(error: msgspec.ValidationError) -> str:
    """Keep of msgspec's sentence ("Expected `int`, got `str`") what it expected, in words."""
    expected = str(error).removeprefix("Expected ").partition(", got ")[0]
    return re.sub(r"`(\w+)`", lambda kind: _KINDS.get(kind[1], kind[1]), expected)
