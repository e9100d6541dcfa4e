"""What is known of an image."""

from uuid import UUID

from chalicelib.errors import NotFound
from chalicelib.model.record import Record
from chalicelib.usecases.ports import Halftone


def look_up(image_id: str, halftone: Halftone) -> Record:
    """Return the record of an image, or raise NotFound."""
    entry = halftone.catalogue.get(image_id) if _is_uuid(image_id) else None
    if entry is None:
        raise NotFound(f"there is no image {image_id[:36]}")
    return entry.shown


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
