"""What a caller asks for."""

import msgspec

from chalicelib.model.picture import VariantSpec


class AdHoc(msgspec.Struct, frozen=True, kw_only=True):
    """An ad hoc variant: a spec of a caller's own. Where `dest_bucket` or `dest_key` is None, the spec says where."""

    spec: VariantSpec
    dest_bucket: str | None = None
    dest_key: str | None = None


class ResizeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller wants made of one original, now.

    `variants` names specs of the pipeline, None is all of them; `ad_hoc` is a spec of the caller's own instead.
    `callback_url` is told of every completion that the order causes.
    """

    bucket: str
    key: str
    variants: tuple[str, ...] | None = None
    ad_hoc: AdHoc | None = None
    callback_url: str | None = None
