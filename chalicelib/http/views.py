"""What the use cases return becomes JSON."""

from typing import Any

import msgspec
from chalice.app import Response

from chalicelib.model import Pipeline, Record


def record(found: Record) -> Response:
    """Show a record, with the names of the design."""
    return json(msgspec.to_builtins(found))


def health(pipeline: Pipeline) -> Response:
    """Say that the stage is configured, and with which pipeline."""
    return json({"status": "ok", "pipeline": pipeline.name})


def json(document: Any, *, status: int = 200, media_type: str = "application/json") -> Response:
    """Answer with a JSON document that no cache keeps."""
    return Response(
        msgspec.json.encode(document).decode(),
        status_code=status,
        headers={"Content-Type": media_type, "Cache-Control": "no-store"},
    )
