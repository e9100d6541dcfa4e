"""Follow what S3 says: each change of a batch on its own, so that a bad one neither hides nor stops the others."""

import logging
from collections.abc import Sequence

from chalicelib.errors import TransientError
from chalicelib.model import StorageChange
from chalicelib.usecases.ingest import ingest
from chalicelib.usecases.ports import Checkpoint, Halftone
from chalicelib.usecases.remove import remove

log = logging.getLogger("halftone.follow")


def follow(changes: Sequence[StorageChange], halftone: Halftone, checkpoint: Checkpoint) -> dict[str, int]:
    """Deal with every change, then raise the first transient error, if there was one, so that the batch comes again.

    What was finished is recognised when it does. Returns how many changes were handled and how many were skipped.
    """
    outcomes = []
    errors: list[TransientError] = []
    for change in changes:
        try:
            outcomes.append(
                ingest(change, halftone, checkpoint) if change.kind == "created" else remove(change, halftone)
            )
        except TransientError as error:
            log.exception("Not done, to be tried again", extra={"bucket": change.bucket, "key": change.key})
            errors.append(error)
    if errors:
        raise errors[0]
    handled = sum(outcome is not None for outcome in outcomes)
    return {"handled": handled, "skipped": len(outcomes) - handled}
