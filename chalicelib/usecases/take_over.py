"""A place that several originals share (`shared_keys = true`): the latest writes over the others, and they know."""

from dataclasses import replace

from chalicelib.errors import ImageBusy, Replaced
from chalicelib.model.picture import RenderedVariant
from chalicelib.model.record import Failure, Status
from chalicelib.usecases.announce import announce, mark_announced
from chalicelib.usecases.entry import Entry, Image, Location, locations
from chalicelib.usecases.ports import Conflict, Halftone, Taken, now
from chalicelib.usecases.transitions import without_variants


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
    while entry:
        if entry.lease and not entry.lease.is_over(now().timestamp()):
            raise ImageBusy(f"{entry.record.key} is being processed, and {place[1]} is its place too")
        listed = place in locations(entry.record.variants)
        if not listed and entry.replaced_by == by.id:
            return
        try:
            void = replace(
                entry,
                claims=entry.claims + 1,  # an order in the middle of its work begins again,
                lease=entry.lease and replace(entry.lease, nonce=""),  # and a chain saves nothing any more
                replaced_by=by.id,
            )
            entry = halftone.catalogue.put(_replaced(void, by) if listed else void)
        except Conflict as conflict:
            entry = conflict.entry
            continue
        if listed:
            announce(entry.record, halftone)
            mark_announced(entry, entry.record.generation, halftone)
        return


def _replaced(entry: Entry, by: Image) -> Entry:
    record = replace(
        entry.record,
        status=Status.FAILED,
        variants=(),
        error=Failure(code=Replaced.code, message=f"{by.key} has the same place for its variants, and came later"),
        generation=entry.record.generation + 1,
        updated_at=now(),
    )
    replaced = replace(entry, record=record, owed=int(record.updated_at.timestamp()))
    return without_variants(replaced, locations(entry.record.variants))
