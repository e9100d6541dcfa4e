"""HTTP requests become what the use cases take."""

import msgspec
from chalice.app import Chalice

from chalicelib import orders
from chalicelib.errors import InvalidRequest
from chalicelib.model import ResizeOrder


def resize_order(app: Chalice) -> ResizeOrder:
    """Read the body of the current POST /resize; raises InvalidRequest."""
    body = app.current_request.raw_body if app.current_request else b""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"the body is no JSON: {error}") from None
    return orders.parse(document)
