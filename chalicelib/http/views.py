"""What the use cases return becomes JSON."""

from typing import Any

import msgspec
from chalice.app import Response

from chalicelib.model.pipeline import Pipeline
from chalicelib.model.record import Record
from chalicelib.model.workflow import Workflow


def record(found: Record) -> Response:
    """Show a record, with the names of the design."""
    return json(msgspec.to_builtins(found))


def accepted_image(image_id: str) -> Response:
    """Say which image an order is for, whose work is still to be done, and where to look."""
    return _accepted({"image_id": image_id}, f"images/{image_id}")


def accepted_workflow(execution_id: str) -> Response:
    """Say which workflow was started, and where to look."""
    return _accepted({"execution_id": execution_id}, f"workflows/{execution_id}")


def workflow(found: Workflow) -> Response:
    """Show how a workflow stands."""
    return json(msgspec.to_builtins(found))


def health(pipeline: Pipeline) -> Response:
    """Say that the stage is configured, and with which pipeline."""
    return json({"status": "ok", "pipeline": pipeline.name})


def _accepted(document: Any, place: str) -> Response:
    """Answer that work was taken on; `place` is relative, because the API may stand under a stage's name or a path."""
    response = json(document, status=202)
    response.headers["Location"] = f"./{place}"
    return response


def json(document: Any, *, status: int = 200, media_type: str = "application/json") -> Response:
    """Answer with a JSON document that no cache keeps."""
    return Response(
        msgspec.json.encode(document).decode(),
        status_code=status,
        headers={"Content-Type": media_type, "Cache-Control": "no-store"},
    )
