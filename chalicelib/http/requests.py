"""HTTP requests become what the use cases take."""

from typing import Any, Literal

import msgspec
from chalice.app import Chalice

from chalicelib import orders
from chalicelib.errors import InvalidRequest
from chalicelib.model.order import ResizeOrder


def resize_order(app: Chalice) -> tuple[ResizeOrder, Literal["sync", "async"]]:
    """Read the body of the current POST /resize, and its mode; raises InvalidRequest."""
    return orders.parse_posted(_document(app))


def task(app: Chalice) -> tuple[dict[str, Any], ResizeOrder]:
    """Read the body of the current POST /workflows, as it is and as the order that it is; raises InvalidRequest."""
    document = _document(app)
    return document, orders.parse(document)


def _document(app: Chalice) -> Any:
    body = app.current_request.raw_body if app.current_request else b""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"the body is no JSON: {error}") from None
