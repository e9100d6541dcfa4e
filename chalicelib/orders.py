"""A JSON request to resize, from HTTP or from Step Functions, becomes a `ResizeOrder`."""

import hashlib
import re
from typing import Annotated, Literal

import msgspec

from chalicelib.errors import InvalidRequest, shortened
from chalicelib.model.order import AdHoc, ResizeOrder
from chalicelib.model.picture import Effort, Fit, Hdr, VariantSpec
from chalicelib.pipelines.fields import (
    FormatName,
    Quality,
    Side,
    Target,
    VariantName,
    aimless,
    lacks_side,
    output_format,
)
from chalicelib.pipelines.keys import AD_HOC, MAX_KEY_BYTES
from chalicelib.webhooks import policy

Bucket = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_KEY_BYTES)]


_ECHOED = r"(?s)(?<=^Invalid enum value ).*(?= - at `)|(?<=unknown field `).*(?=`)"
"""What msgspec's messages repeat of the document."""

_WHERE = r"^(?P<what>.*) - at `(?:key in )?\$\.?(?P<field>[^`]*)`$"


class OriginalRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a caller may write who wants an original processed by the whole pipeline."""

    bucket: Bucket
    key: Key


class ResizeRequest(OriginalRequest, frozen=True, kw_only=True):
    """What a caller may write: `variants`, or any of width to effort for one ad hoc variant, or neither for all."""

    variants: Annotated[tuple[VariantName, ...], msgspec.Meta(min_length=1, max_length=50)] | None = None
    width: Side | None = None
    height: Side | None = None
    fit: Fit | None = None
    format: FormatName | None = None
    quality: Quality | None = None
    animated: bool | None = None
    hdr: Hdr | None = None
    target: Target | None = None
    effort: Effort | None = None
    dest_bucket: Bucket | None = None
    dest_key: Key | None = None
    callback_url: str | None = None


class PostedRequest(ResizeRequest, frozen=True, kw_only=True):
    """What a caller may write to POST /resize: in `async` mode the answer does not wait for the work."""

    mode: Literal["sync", "async"] = "sync"


def parse(document: object) -> ResizeOrder:
    """Check the decoded JSON of a task; raises InvalidRequest that names the field."""
    return _order(_checked(document, ResizeRequest))


def parse_posted(document: object) -> tuple[ResizeOrder, Literal["sync", "async"]]:
    """Check the decoded JSON of a POST /resize, likewise; return the order and its mode."""
    request = _checked(document, PostedRequest)
    return _order(request), request.mode


def parse_original(document: object) -> ResizeOrder:
    """Check the decoded JSON of an order for all of the pipeline, likewise."""
    request = _checked(document, OriginalRequest)
    return _order(ResizeRequest(bucket=request.bucket, key=request.key))


def is_ad_hoc_place(key: str) -> bool:
    """Tell whether a key is among those that are kept for ad hoc variants whose requests name no place.

    >>> is_ad_hoc_place("_/w300-webp-q75/5d41402a/photo.jpg"), is_ad_hoc_place("cards/photo.jpg")
    (True, False)
    """
    return key.startswith(AD_HOC)


def _checked[Request: OriginalRequest](document: object, kind: type[Request]) -> Request:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise _named(error) from None


def _order(request: ResizeRequest) -> ResizeOrder:
    spec = _adhoc(request)
    if spec and request.variants:
        raise InvalidRequest(
            "variants: expected either variants by name, or the parameters of one ad hoc variant", field="variants"
        )
    for name in ("key", "dest_key"):
        if len((getattr(request, name) or "").encode()) > MAX_KEY_BYTES:
            raise InvalidRequest(f"{name}: expected at most {MAX_KEY_BYTES} bytes of UTF-8", field=name)
    for name in ("dest_bucket", "dest_key"):
        if getattr(request, name) and spec is None:
            raise InvalidRequest(f"{name}: expected only with the parameters of an ad hoc variant", field=name)
    if request.callback_url is not None:
        try:
            policy.endpoint(request.callback_url)
        except ValueError as error:
            raise InvalidRequest(f"callback_url: {error}", field="callback_url") from None
    return ResizeOrder(
        bucket=request.bucket,
        key=request.key,
        variants=request.variants,
        ad_hoc=AdHoc(spec=spec, dest_bucket=request.dest_bucket, dest_key=request.dest_key) if spec else None,
        callback_url=request.callback_url,
    )


def _adhoc(request: ResizeRequest) -> VariantSpec | None:
    """Build the spec that the request's own parameters describe, named by them; None where it has none."""
    named = {
        "w": request.width,
        "h": request.height,
        "fit-": request.fit,
        "": request.format,
        "q": request.quality,
        "still": "" if request.animated is False else None,
        "hdr-": request.hdr,
        "t": request.target,
        "effort-": request.effort,
    }
    name = "-".join(f"{letter}{value}" for letter, value in named.items() if value is not None)
    if not name:
        return None
    if request.dest_bucket or request.dest_key:
        place = f"{request.dest_bucket or ''}/{request.dest_key or ''}"
        name += f"-to-{hashlib.sha256(place.encode()).hexdigest()[:8]}"
    output = output_format(request.format or "same")
    spec = VariantSpec(
        name=name,
        width=request.width,
        height=request.height,
        fit=request.fit or Fit.INSIDE,
        format=output,
        quality=request.quality,
        animated=request.animated is not False,
        hdr=request.hdr or Hdr.DROP,
        target=request.target,
        effort=request.effort or Effort.NORMAL,
        key="_/{variant}/{version}/{key}" if output is None else "_/{variant}/{version}/{key}.{ext}",
    )
    if missing := lacks_side(spec):
        raise InvalidRequest(f"{missing}: expected a number, because fit {spec.fit} needs both sides", field=missing)
    if aimless(spec):
        raise InvalidRequest("target: expected only with quality auto", field="target")
    return spec


def _named(error: msgspec.ValidationError) -> InvalidRequest:
    """Say the field first: msgspec ends its messages with "- at `$.field`", or names a field within backquotes."""
    text = re.sub(_ECHOED, lambda echo: shortened(echo[0]), str(error))
    if found := re.match(_WHERE, text):
        field = found["field"]
        return InvalidRequest(f"{field}: {found['what']}" if field else found["what"], field=field or None)
    quoted = re.search(r"field `([^`]+)`", text)
    return InvalidRequest(text, field=quoted[1] if quoted else None)
