"""The decision table, row by row: facts in, decision out."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.model.record import Failure, Record, Status
from chalicelib.usecases.decide import RETRY_PAYS, TABLE, Cause, Decision, Facts, Hold, decide, facts
from chalicelib.usecases.entry import MARGIN, Attempt, Entry, Lease

CHANGE, REVIEW, SWEEP, ORDER, REPAIR = Cause
NOBODY, SELF, SAME, OTHER, GAVE_UP, OVER = Hold


def given(cause, lease=NOBODY, **more):
    return Facts(cause=cause, lease=lease, **more)


CASES: dict[str, tuple[Decision, list[Facts]]] = {
    "nobody has heard of the image": (
        Decision.CLAIM,
        [given(cause, known=False, other_pipeline=True, began_before=True) for cause in (CHANGE, REVIEW, ORDER)],
    ),
    "an attempt that began later has another pipeline: ours may be out of date": (
        Decision.COME_AGAIN,
        [
            given(CHANGE, other_pipeline=True, began_before=True, newer_change=True),
            given(CHANGE, other_pipeline=True, began_before=True, settled_here=True),
            given(SWEEP, OVER, other_pipeline=True, began_before=True, due=True),
            given(REVIEW, other_pipeline=True, began_before=True),
            given(ORDER, SELF, other_pipeline=True, began_before=True),
        ],
    ),
    "the lease is our own": (
        Decision.REDO,
        [given(CHANGE, SELF, newer_change=True), given(ORDER, SELF), given(SWEEP, SELF, settled_here=True)],
    ),
    "our delivery settled it, and may have died before it told": (
        Decision.ANNOUNCE,
        [
            *(given(cause, settled_here=True, due=True) for cause in (CHANGE, REVIEW, SWEEP)),
            given(CHANGE, SAME, settled_here=True),
            given(CHANGE, OVER, settled_here=True),
            given(CHANGE, OTHER, settled_here=True),
            given(REVIEW, GAVE_UP, settled_here=True),
        ],
    ),
    "the lease has expired, its work unfinished": (
        Decision.REDO,
        [
            *(given(cause, OVER) for cause in Cause),
            given(CHANGE, OVER, settled_here=True, newer_change=True),
            given(REVIEW, OVER, other_pipeline=True),
            given(CHANGE, OVER, began_before=True),
        ],
    ),
    "given up a moment ago": (
        Decision.COME_AGAIN,
        [
            *(given(cause, GAVE_UP) for cause in Cause),
            given(CHANGE, GAVE_UP, newer_change=True),
            given(CHANGE, GAVE_UP, other_pipeline=True, newer_change=True, settled_here=True),
        ],
    ),
    "held; an order waits": (
        Decision.COME_AGAIN,
        [
            *(given(cause, lease) for cause in (ORDER, REPAIR) for lease in (SAME, OTHER)),
            given(ORDER, OTHER, settled_here=True),
        ],
    ),
    "our delivery holds it, or died: its next save is refused, and it looks again": (
        Decision.NOTE,
        [
            given(CHANGE, SAME),
            given(CHANGE, SAME, newer_change=True, takes_notes=False),
            given(SWEEP, SAME),
            given(REVIEW, SAME, other_pipeline=True),
        ],
    ),
    "held; the sweep comes again by itself": (
        Decision.LEAVE,
        [given(SWEEP, OTHER), given(SWEEP, OTHER, other_pipeline=True, newer_change=True)],
    ),
    "held by code with another pipeline": (
        Decision.COME_AGAIN,
        [
            given(CHANGE, OTHER, other_pipeline=True),
            given(CHANGE, OTHER, other_pipeline=True, newer_change=True),
        ],
    ),
    "held; a newer change": (
        Decision.NOTE,
        [
            given(CHANGE, OTHER, newer_change=True),
            given(CHANGE, OTHER, newer_change=True, began_before=True),
            given(CHANGE, OTHER, newer_change=True, settled_here=True),
        ],
    ),
    "held by one that takes no notes": (
        Decision.COME_AGAIN,
        [given(CHANGE, OTHER, newer_change=True, takes_notes=False)],
    ),
    "held; a change that the holder sees": (
        Decision.LEAVE,
        [given(CHANGE, OTHER), given(CHANGE, OTHER, takes_notes=False), given(CHANGE, OTHER, due=True)],
    ),
    "held; a review compares the buckets and raises the epoch, and the holder does neither": (
        Decision.COME_AGAIN,
        [given(REVIEW, OTHER), given(REVIEW, OTHER, takes_notes=False), given(REVIEW, OTHER, retry_pays=True)],
    ),
    "a newer change": (
        Decision.CLAIM,
        [
            given(CHANGE, newer_change=True),
            given(CHANGE, newer_change=True, other_pipeline=True, takes_notes=False),
            given(CHANGE, newer_change=True, began_before=True, retry_pays=True, settled_here=True),
        ],
    ),
    "an old change, or one that was dealt with": (
        Decision.LEAVE,
        [given(CHANGE), given(CHANGE, other_pipeline=True, due=True), given(CHANGE, retry_pays=True)],
    ),
    "something is left to be done": (
        Decision.CLAIM,
        [
            given(SWEEP, due=True),
            given(REVIEW, due=True, retry_pays=True),
            given(ORDER, due=True, retry_pays=True),
        ],
    ),
    "the sweep's index lags behind": (
        Decision.LEAVE,
        [given(SWEEP), given(SWEEP, other_pipeline=True), given(SWEEP, retry_pays=True)],
    ),
    "another pipeline's variants": (
        Decision.CLAIM,
        [given(REVIEW, other_pipeline=True, retry_pays=True), given(ORDER, other_pipeline=True, retry_pays=True)],
    ),
    "it failed for a reason that may have passed": (
        Decision.REDO,
        [given(REVIEW, retry_pays=True), given(ORDER, retry_pays=True)],
    ),
    "all seems well": (
        Decision.CHECK,
        [given(REVIEW), given(REVIEW, began_before=True), given(REPAIR), given(REPAIR, settled_here=True)],
    ),
    "an order for a version that is not on record": (
        Decision.CLAIM,
        [given(ORDER), given(ORDER, settled_here=False, began_before=True)],
    ),
}

FLAGS = [name for name in Facts.__struct_fields__ if name not in {"cause", "lease"}]
COMBINATIONS: Iterator[tuple[Any, ...]] = product(Cause, Hold, *len(FLAGS) * [(True, False)])
EVERYTHING = [
    Facts(cause=cause, lease=holder, **dict(zip(FLAGS, values, strict=True))) for cause, holder, *values in COMBINATIONS
]


def row(known):
    """The name of the first row that applies."""
    return next(name for name, applies, _ in TABLE if applies(known))


def test_every_row_has_its_cases_here_in_their_order():
    assert list(CASES) == [name for name, _, _ in TABLE]


@pytest.mark.parametrize("name", CASES)
def test_a_row(name):
    decision, cases = CASES[name]
    for known in cases:
        assert (row(known), decide(known)) == (name, decision), known


def test_no_row_is_unreachable():
    assert {row(known) for known in EVERYTHING} == {name for name, _, _ in TABLE}


def test_every_decision_is_taken_by_some_row():
    assert {decide(known) for known in EVERYTHING} == set(Decision)


def test_a_live_lease_of_somebody_else_is_never_taken():
    for known in EVERYTHING:
        if known.known and known.lease in {SAME, OTHER, GAVE_UP}:
            assert decide(known) not in {Decision.CLAIM, Decision.REDO, Decision.CHECK}, known


def test_an_order_is_never_sent_away_without_a_word():
    """The chain relies on it."""
    for known in EVERYTHING:
        if known.cause is ORDER:
            assert decide(known) in {Decision.CLAIM, Decision.REDO, Decision.COME_AGAIN}, known


def test_a_newer_change_is_never_lost():
    for known in EVERYTHING:
        if known.cause is CHANGE and known.newer_change:
            assert decide(known) not in {Decision.LEAVE, Decision.CHECK}, known


# --- how an entry is read

MOMENT = 10_000
ME = Attempt("mine", "me", MOMENT + 100, began=7)
LEASE = Lease(delivery="other", nonce="o", until=MOMENT + 50, digest="digest")
ENTRY = Entry(
    record=Record(
        image_id="id",
        status=Status.READY,
        bucket="originals",
        key="photo.jpg",
        etag="abc",
        version_id=None,
        pipeline="default",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        updated_at=datetime(2026, 1, 1, tzinfo=UTC),
    ),
    revision=3,
    sequencer="05",
    digest="digest",
    epoch=7,
    settled_by="other",
)


def read(entry=ENTRY, cause=CHANGE, attempt=ME, sequencer="05", moment=MOMENT):
    return facts(entry, cause, attempt, "digest", moment=moment, sequencer=sequencer)


def test_an_entry_at_rest():
    assert read() == Facts(cause=CHANGE)


def test_an_entry_that_was_never_written_is_not_known():
    assert not read(replace(ENTRY, revision=0)).known


@pytest.mark.parametrize(
    ("lease", "holder"),
    [
        (None, NOBODY),
        (LEASE, OTHER),
        (replace(LEASE, delivery="mine"), SAME),
        (replace(LEASE, delivery="mine", nonce="me"), SELF),
        (replace(LEASE, given_up=True), GAVE_UP),
        (replace(LEASE, delivery="mine", given_up=True), GAVE_UP),
        (replace(LEASE, delivery="mine", nonce="me", given_up=True), GAVE_UP),
        (replace(LEASE, until=MOMENT - MARGIN), OVER),
        (replace(LEASE, until=MOMENT - MARGIN + 1), OTHER),
        (replace(LEASE, until=MOMENT - MARGIN, given_up=True), OVER),
        (replace(LEASE, until=MOMENT - MARGIN, delivery="mine", nonce="me"), OVER),
    ],
)
def test_who_holds_it(lease, holder):
    assert read(replace(ENTRY, lease=lease)).lease is holder


def test_the_holders_pipeline_counts_while_there_is_one():
    assert read(replace(ENTRY, digest="another")).other_pipeline
    assert not read(replace(ENTRY, digest="another", lease=LEASE)).other_pipeline
    assert read(replace(ENTRY, lease=replace(LEASE, digest="another"))).other_pipeline


def test_only_who_began_earlier_may_be_out_of_date():
    assert [read(attempt=replace(ME, began=began)).began_before for began in (6, 7, 8)] == [True, False, False]


def test_only_a_greater_sequencer_is_a_newer_change():
    assert [read(sequencer=sequencer).newer_change for sequencer in ("", "04", "05", "06")] == [False] * 3 + [True]


def test_whether_the_holder_takes_notes():
    assert read(replace(ENTRY, lease=LEASE)).takes_notes
    assert not read(replace(ENTRY, lease=replace(LEASE, takes_notes=False))).takes_notes


def test_what_this_delivery_settled():
    own = replace(ENTRY, settled_by="mine")
    assert read(own).settled_here
    assert not read(ENTRY).settled_here


def test_something_is_due_from_the_moment_it_is_due():
    owed = (0, MOMENT - MARGIN + 1, MOMENT - MARGIN)
    assert [read(replace(ENTRY, owed=until)).due for until in owed] == [False, False, True]


def test_a_retry_pays_where_time_or_memory_was_short_or_the_bytes_were_in_an_archive():
    def failed(code):
        return replace(ENTRY, record=replace(ENTRY.record, error=Failure(code=code, message="")))

    assert {"deadline_exceeded", "resources_exceeded", "not_found"} == RETRY_PAYS
    assert all(read(failed(code)).retry_pays for code in RETRY_PAYS)
    assert not read(failed("corrupt_image")).retry_pays
