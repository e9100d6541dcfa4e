"""What to do with an image, from what the catalogue says of it: a table, read from the top. Pure."""

from collections.abc import Callable
from enum import Enum, auto

import msgspec

from chalicelib.errors import DeadlineExceeded, NotFound, ResourcesExceeded
from chalicelib.usecases.entry import Attempt, Entry

RETRY_PAYS = frozenset({DeadlineExceeded.code, ResourcesExceeded.code, NotFound.code})
"""What may end another way: there was too little time or memory, or the bytes were in an archive."""


class Cause(Enum):
    """Why somebody looks at an image."""

    CHANGE = "S3 says that the object changed"
    REVIEW = "it has to be checked: the pipeline is new, or somebody is in doubt"
    SWEEP = "the catalogue says that something is left to be done"
    ORDER = "somebody asks for its variants"
    REPAIR = "somebody asks for a variant that is on record, and not in its place"


ORDERS = (Cause.ORDER, Cause.REPAIR)
"""Nobody repeats these by himself."""


class Hold(Enum):
    """How the lease stands."""

    FREE = auto()
    OURS = auto()
    SAME_DELIVERY = auto()  # another attempt at it has it: whether that one lives cannot be told
    OTHERS = auto()
    GIVEN_UP = auto()  # with its work unfinished, and what was sent may still take effect
    EXPIRED = auto()  # with its work unfinished, and nothing of it can take effect any more


class Decision(Enum):
    """What to do."""

    CLAIM = "take the lease, and look whether there is anything to do"
    REDO = "take the lease, and make everything anew: what is in the buckets is in doubt"
    NOTE = "leave the holder a note: it looks again before it is done"
    COME_AGAIN = "raise ImageBusy: a retry may be able to do it"
    ANNOUNCE = "announce once more what this delivery settled"
    CHECK = "compare the object and the buckets with the record: REDO if they differ, else raise the epoch"
    LEAVE = "nothing: it is done, or somebody else sees to it"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that the decision rests on."""

    cause: Cause
    known: bool = True
    lease: Hold = Hold.FREE
    other_pipeline: bool = False  # than this code's has the lease, or settled the record if it is free
    began_before: bool = False  # the latest attempt that claimed or reviewed it
    newer_change: bool = False  # than any that was claimed or noted
    takes_notes: bool = True
    settled_here: bool = False  # by this delivery
    due: bool = False  # something is left to be done, and it is time
    retry_pays: bool = False  # it failed for a reason that may have passed

    @property
    def held(self) -> bool:
        """Whether somebody has the lease who may be alive."""
        return self.lease in (Hold.SAME_DELIVERY, Hold.OTHERS)


Row = tuple[str, Callable[[Facts], bool], Decision]

TABLE: tuple[Row, ...] = (
    ("nobody has heard of the image", lambda f: not f.known, Decision.CLAIM),
    (
        "an attempt that began later has another pipeline: ours may be out of date",
        lambda f: f.other_pipeline and f.began_before,
        Decision.COME_AGAIN,
    ),
    ("the lease is our own", lambda f: f.lease is Hold.OURS, Decision.REDO),
    (
        "our delivery settled it, and may have died before it told",
        lambda f: f.settled_here and not f.newer_change and f.cause not in ORDERS,
        Decision.ANNOUNCE,
    ),
    ("the lease has expired, its work unfinished", lambda f: f.lease is Hold.EXPIRED, Decision.REDO),
    ("given up a moment ago", lambda f: f.lease is Hold.GIVEN_UP, Decision.COME_AGAIN),
    ("held; an order waits", lambda f: f.held and f.cause in ORDERS, Decision.COME_AGAIN),
    (
        "our delivery holds it, or died: its next save is refused, and it looks again",
        lambda f: f.lease is Hold.SAME_DELIVERY,
        Decision.NOTE,
    ),
    ("held; the sweep comes again by itself", lambda f: f.held and f.cause is Cause.SWEEP, Decision.LEAVE),
    ("held by code with another pipeline", lambda f: f.held and f.other_pipeline, Decision.COME_AGAIN),
    ("held; a newer change", lambda f: f.held and f.newer_change and f.takes_notes, Decision.NOTE),
    ("held by one that takes no notes", lambda f: f.held and f.newer_change, Decision.COME_AGAIN),
    ("held; a change that the holder sees", lambda f: f.held and f.cause is Cause.CHANGE, Decision.LEAVE),
    (
        "held; a review compares the buckets and raises the epoch, and the holder does neither",
        lambda f: f.held,
        Decision.COME_AGAIN,
    ),
    ("a newer change", lambda f: f.newer_change, Decision.CLAIM),
    ("an old change, or one that was dealt with", lambda f: f.cause is Cause.CHANGE, Decision.LEAVE),
    ("something is left to be done", lambda f: f.due, Decision.CLAIM),
    ("the sweep's index lags behind", lambda f: f.cause is Cause.SWEEP, Decision.LEAVE),
    ("another pipeline's variants", lambda f: f.other_pipeline, Decision.CLAIM),
    ("it failed for a reason that may have passed", lambda f: f.retry_pays, Decision.REDO),
    ("all seems well", lambda f: f.cause in (Cause.REVIEW, Cause.REPAIR), Decision.CHECK),
    ("an order for a version that is not on record", lambda _: True, Decision.CLAIM),
)


def decide(facts: Facts) -> Decision:
    """Return the decision of the first row that applies."""
    return next(decision for _, applies, decision in TABLE if applies(facts))


def facts(entry: Entry, cause: Cause, attempt: Attempt, digest: str, *, moment: float, sequencer: str = "") -> Facts:
    """Read an entry as the table needs it; `digest` is of this code's pipeline, `sequencer` the change's."""
    lease = entry.lease
    error = entry.record.error
    return Facts(
        cause=cause,
        known=entry.revision > 0,
        lease=_hold(entry, attempt, moment),
        other_pipeline=(lease.digest if lease else entry.digest) != digest,
        began_before=attempt.began < entry.epoch,
        newer_change=sequencer > entry.sequencer,
        takes_notes=lease is None or lease.takes_notes,
        settled_here=entry.settled_by == attempt.delivery,
        due=entry.due is not None and entry.due <= moment,
        retry_pays=error is not None and error.code in RETRY_PAYS,
    )


def _hold(entry: Entry, attempt: Attempt, moment: float) -> Hold:
    lease = entry.lease
    if lease is None:
        return Hold.FREE
    if lease.is_over(moment):
        return Hold.EXPIRED
    if lease.given_up:
        return Hold.GIVEN_UP
    if lease.nonce == attempt.nonce:
        return Hold.OURS
    return Hold.SAME_DELIVERY if lease.delivery == attempt.delivery else Hold.OTHERS
