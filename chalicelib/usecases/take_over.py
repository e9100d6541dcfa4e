"""A place that several originals share (`shared_keys = true`): the latest writes over the others, and they know."""

from chalicelib.errors import ImageBusy
from chalicelib.model.picture import RenderedVariant
from chalicelib.usecases.announce import announce_owed
from chalicelib.usecases.entry import Entry, Image, Location
from chalicelib.usecases.ports import Halftone, Taken, now
from chalicelib.usecases.transitions import replaced


def put_shared(rendered: RenderedVariant, place: Location, image: Image, halftone: Halftone) -> str:
    """Write a variant, and return its ETag. If the place is another image's, that one's record says so first.

    Raises ImageBusy while somebody is at work on that other image.
    """
    while True:
        there = halftone.storage.stat(*place)
        if there and there.owner and there.owner != image.id:
            _replace(there.owner, place, image, halftone)
        try:
            return halftone.storage.put_instead(
                place,
                rendered.data,
                content_type=rendered.content_type,
                owner=image.id,
                instead_of=there.etag if there else None,
            )
        except Taken:
            continue  # somebody else was quicker: look again


def wait_for_replacer(entry: Entry, halftone: Halftone) -> None:
    """Raise ImageBusy while the image that replaced this one's variants may still be about to write its own."""
    by = halftone.catalogue.get(entry.replaced_by) if entry.replaced_by else None
    if by and by.lease and not by.lease.is_over(now().timestamp()):
        raise ImageBusy(f"{by.record.key} is being processed, and writes to the same places")


def _replace(owner: str, place: Location, by: Image, halftone: Halftone) -> None:
    """Put down, and announce, that an image has lost its variants; from now on it waits for whoever replaces them."""
    entry = halftone.catalogue.get(owner)
    if entry:
        entry = halftone.catalogue.change(entry, lambda stands: replaced(stands, place, by, now()))
        if entry.owed:
            announce_owed(entry, halftone)
