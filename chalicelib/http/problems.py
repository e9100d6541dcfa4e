"""Errors become RFC 9457 problem documents."""

import functools
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from chalice.app import Chalice, Response

from chalicelib.errors import HalftoneError, InvalidRequest, TransientError
from chalicelib.http import views

log = logging.getLogger("halftone.http")

_STATUS = {
    "invalid_request": HTTPStatus.BAD_REQUEST,
    "unknown_variant": HTTPStatus.BAD_REQUEST,
    "forbidden_bucket": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "file_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "image_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too_many_frames": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported_format": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "deadline_exceeded": HTTPStatus.GATEWAY_TIMEOUT,
}
"""By code; what is not here is 503 when it is transient and 422 when it is permanent."""


def answering(app: Chalice) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Make a view answer every error with a problem document; what nobody foresaw is logged and answers 500."""

    def decorate(view: Callable[..., Response]) -> Callable[..., Response]:
        @functools.wraps(view)
        def answer(*args: Any, **kwargs: Any) -> Response:
            request_id = getattr(app.lambda_context, "aws_request_id", "")
            try:
                return view(*args, **kwargs)
            except HalftoneError as error:
                log.info(
                    "Answered with a problem", extra={"code": error.code}, exc_info=isinstance(error, TransientError)
                )
                return problem(error, request_id)
            except Exception:
                log.exception("Nobody foresaw this")
                return _document(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "something went wrong", request_id)

        return answer

    return decorate


def problem(error: HalftoneError, request_id: str) -> Response:
    """Say what was wrong, with the code that programs switch on and the field at fault where there is one."""
    default = HTTPStatus.SERVICE_UNAVAILABLE if isinstance(error, TransientError) else HTTPStatus.UNPROCESSABLE_ENTITY
    response = _document(
        _STATUS.get(error.code, default),
        error.code,
        str(error),
        request_id,
        field=error.field if isinstance(error, InvalidRequest) else None,
    )
    if isinstance(error, TransientError):
        response.headers["Retry-After"] = "5"
    return response


def _document(status: HTTPStatus, code: str, detail: str, request_id: str, *, field: str | None = None) -> Response:
    document = {
        "type": f"urn:halftone:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status.value,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }
    if field:
        document["field"] = field
    return views.json(document, status=status.value, media_type="application/problem+json")
