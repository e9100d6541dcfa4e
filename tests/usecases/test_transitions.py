"""What an entry becomes, step by step: what is kept, when it is due, and how many died on it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from chalicelib.errors import ImageBusy
from chalicelib.model.order import AdHoc
from chalicelib.model.picture import VariantSpec
from chalicelib.model.record import Failure, Record, Status
from chalicelib.usecases import transitions
from chalicelib.usecases.entry import LONGEST_PAUSE, MARGIN, Asked, Attempt, Entry, Image, Lease, Outcome, Possible
from chalicelib.usecases.transitions import (
    AD_HOC_BYTES,
    announced,
    asked_again,
    claimed,
    extended,
    given_up,
    noted,
    replaced,
    settled,
    still_held,
    with_place,
    without_place,
)
from tests.test_notices import SMALL

MOMENT = 1_767_225_600
UNTIL = MOMENT + 100
ME, OTHER = Attempt("mine", "me", UNTIL), Attempt("other", "o", UNTIL + 20)
BY, WHEN = Image("originals", "other.jpg"), datetime.fromtimestamp(MOMENT, UTC)
HERE, THERE = ("variants", "small/photo.jpg"), ("variants", "small/photo.png")
RECORD = Record(
    image_id="id",
    status=Status.READY,
    bucket="originals",
    key="photo.jpg",
    etag="abc",
    version_id=None,
    pipeline="default",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    updated_at=datetime(2026, 1, 1, tzinfo=UTC),
    generation=2,
    variants=(SMALL,),
)
NEWER = replace(RECORD, generation=3)
SETTLED = Entry(
    record=RECORD, revision=3, claims=4, sequencer="05", digest="older", epoch=5, settled_by="other", failures=2
)


def ours(entry=SETTLED, attempt=ME, *, places=(HERE, THERE), epoch=7, sequencer="", etag=None, **lease):
    """An entry that the attempt has claimed."""
    return claimed(
        entry,
        Lease(delivery=attempt.delivery, nonce=attempt.nonce, until=attempt.until, digest="digest", **lease),
        [Possible(*place, attempt.nonce, attempt.until) for place in places],
        epoch=epoch,
        sequencer=sequencer,
        etag=etag,
    )


def asked(name, at=MOMENT, **more):
    return Asked(order=AdHoc(spec=VariantSpec(name=name)), at=at, **more)


def variant(name):
    return replace(SMALL, name=name, key=f"_/{name}")


def done(entry, *, attempt=ME, owed=0, **changes):
    """What `settled` makes of an entry."""
    return settled(entry, Outcome(**({"record": NEWER, "digest": "digest"} | changes)), attempt, owed=owed)


# --- the lease


def test_a_claim_names_its_holder_and_every_place_before_anything_is_written():
    entry = ours(sequencer="06", etag="new", takes_notes=False)
    assert entry.lease == Lease(delivery="mine", nonce="me", until=UNTIL, digest="digest", takes_notes=False)
    assert entry.possible_locations == tuple(Possible(*place, "me", UNTIL) for place in (HERE, THERE))
    assert (entry.claims, entry.sequencer, entry.epoch, entry.attempted) == (5, "06", 7, "new")
    assert entry.due == UNTIL + MARGIN
    assert (entry.record, entry.digest, entry.settled_by) == (RECORD, "older", "other")


def test_a_claim_never_turns_back_the_order_of_changes_or_deployments():
    entry = ours(replace(SETTLED, epoch=9), sequencer="04")
    assert (entry.sequencer, entry.epoch) == ("05", 9)


def test_a_claim_keeps_the_places_of_orders():
    before = with_place(SETTLED, OTHER, HERE, shared=True)
    entry = ours(before, places=[HERE])
    assert entry.possible_locations == (*before.possible_locations, Possible(*HERE, "me", UNTIL))


def test_who_takes_over_answers_for_the_places_of_who_died():
    before = ours(attempt=OTHER, places=[HERE, THERE])
    entry = ours(before, places=[HERE])
    assert entry.possible_locations == (Possible(*THERE, "o", OTHER.until), Possible(*HERE, "me", UNTIL))


def test_a_lease_is_over_when_what_was_sent_in_it_has_taken_effect():
    lease = ours().lease
    assert not lease.is_over(UNTIL + MARGIN - 1)
    assert lease.is_over(UNTIL + MARGIN)


@pytest.mark.parametrize(
    ("before", "etag", "deaths"),
    [
        (lambda entry: entry, "v", 3),
        (lambda entry: entry, None, 3),
        (lambda entry: entry, "another", 0),
        (lambda entry: replace(entry, lease=replace(entry.lease, given_up=True)), "v", 2),
        (lambda entry: replace(entry, lease=replace(entry.lease, nonce="me")), "v", 2),
        (lambda entry: replace(entry, lease=None), "v", 0),
    ],
    ids=["dead", "dead, version unknown", "another version", "given up", "our own", "settled"],
)
def test_a_holder_that_neither_settled_nor_gave_up_died_on_its_version(before, etag, deaths):
    entry = replace(ours(attempt=OTHER, etag="v"), deaths=2)
    assert ours(before(entry), etag=etag).deaths == deaths


def test_a_version_that_is_not_known_is_the_one_attempted_before():
    assert ours(ours(attempt=OTHER, etag="v")).attempted == "v"


def test_a_note_only_ever_raises_the_sequencer():
    entry = ours()
    assert noted(entry, "06") == replace(entry, sequencer="06")
    assert noted(entry, "04") == entry


def test_a_note_tells_the_sweep_of_a_lease_that_it_did_not_know_of():
    entry = ours(repeated=True)
    assert (entry.due, noted(entry, "").due) == (None, UNTIL + MARGIN)
    assert given_up(entry, ME, MOMENT, in_flight=True).due is not None
    assert still_held(entry, done(entry), "newer").due == UNTIL + MARGIN


def test_who_goes_on_keeps_lease_and_places_and_puts_down_the_rest():
    held = ours(redo=True)
    entry = still_held(held, done(held), "newer")
    assert (entry.lease, entry.possible_locations, entry.due, entry.attempted) == (
        replace(held.lease, redo=False),
        held.possible_locations,
        held.due,
        "newer",
    )
    assert (entry.settled_by, entry.digest) == ("mine", "digest")


@pytest.mark.parametrize(("in_flight", "until"), [(True, MOMENT), (False, MOMENT - MARGIN)])
def test_who_gives_up_leaves_its_work_to_whoever_comes(in_flight, until):
    held = ours(with_place(SETTLED, OTHER, HERE, shared=False))
    entry = given_up(held, ME, MOMENT, in_flight=in_flight)
    assert entry.lease == replace(held.lease, until=until, given_up=True)
    assert entry.lease.is_over(MOMENT) is not in_flight
    assert {(place.nonce, place.until) for place in entry.possible_locations} == {("o", UNTIL + 20), ("me", until)}
    assert (entry.failures, entry.due) == (3, until + 8 * MARGIN)


def test_only_its_holder_gives_a_lease_up_or_settles():
    held = ours(attempt=OTHER)
    assert given_up(held, ME, MOMENT, in_flight=False) is held
    assert done(held) is held
    assert done(SETTLED) is SETTLED


def test_the_pause_of_the_sweep_doubles_up_to_a_limit():
    held = ours(replace(SETTLED, failures=0))
    assert given_up(held, ME, MOMENT, in_flight=True).due == MOMENT + 2 * MARGIN
    held = ours(replace(SETTLED, failures=50))
    assert given_up(held, ME, MOMENT, in_flight=True).due == MOMENT + MARGIN * 2**LONGEST_PAUSE


# --- what was settled


def test_settling_gives_the_lease_up_and_forgets_failures_and_deaths():
    held = replace(ours(), deaths=2, replaced_by="another")
    ready = replace(RECORD, etag="new")
    entry = done(held, record=ready, ad_hoc=(asked("w7"),))
    assert entry == replace(
        held,
        record=ready,
        lease=None,
        digest="digest",
        settled_by="mine",
        possible_locations=(),
        ad_hoc=(asked("w7"),),
        replaced_by=None,
        deaths=0,
        failures=0,
    )
    assert entry.due is None


def test_what_was_on_record_already_is_still_settled_by_who_did_it():
    held = replace(ours(), owed=UNTIL, replaced_by="another")
    entry = done(held, record=RECORD)
    assert (entry.record, entry.settled_by, entry.lease) == (RECORD, "other", None)
    assert (entry.owed, entry.replaced_by, entry.due) == (UNTIL, "another", UNTIL + MARGIN)


def test_places_of_others_stay_until_their_writers_were_over_when_the_attempt_began():
    held = ours(with_place(SETTLED, OTHER, HERE, shared=False))
    over = 1000 * (OTHER.until + MARGIN)
    assert done(held, attempt=replace(ME, began=over)).possible_locations == ()
    entry = done(held, attempt=replace(ME, began=over - 1))
    assert entry.possible_locations == (Possible(*HERE, "o", OTHER.until),)
    assert entry.due == OTHER.until + MARGIN


def test_what_has_to_be_announced_is_due_when_nobody_is_left_who_may_do_it():
    entry = done(ours(), owed=UNTIL)
    assert (entry.owed, entry.due) == (UNTIL, UNTIL + MARGIN)
    told = announced(entry, 3)
    assert (told, told.due) == (replace(entry, owed=0), None)


def test_only_the_generation_that_is_owed_is_put_down_as_announced():
    entry = done(ours(), owed=UNTIL)
    assert announced(entry, 2) is entry, "a later one is owed by now"
    assert announced(SETTLED, 2) is SETTLED


def test_what_is_announced_may_still_be_due_for_other_reasons():
    entry = announced(done(ours(with_place(SETTLED, OTHER, HERE, shared=False)), owed=UNTIL + 500), 3)
    assert (entry.owed, entry.due) == (0, OTHER.until + MARGIN)
    held = ours(replace(SETTLED, owed=UNTIL))
    assert announced(held, 2).due == held.lease.until + MARGIN


def test_an_image_is_shown_as_in_process_while_somebody_holds_it():
    failed = replace(RECORD, status=Status.FAILED, error=Failure(code="c", message="m"))
    held = ours(replace(SETTLED, record=failed))
    assert held.shown == replace(failed, status=Status.PROCESSING, error=None)
    assert held.shown.variants == (SMALL,)
    assert done(held).shown == NEWER


def test_only_who_has_the_lease_holds_an_entry():
    assert ours().held_by(ME)
    assert not ours().held_by(replace(ME, nonce="twin"))
    assert not SETTLED.held_by(ME)


def test_an_image_that_is_replaced_leaves_its_variants_to_the_sweep():
    order = replace(SETTLED, ad_hoc=(asked("w7"),))
    entry = replaced(order, (SMALL.bucket, SMALL.key), BY, WHEN)
    assert entry.possible_locations == (Possible(SMALL.bucket, SMALL.key, "", 0, shared=True),)
    assert (entry.ad_hoc, entry.record.variants, entry.record.generation) == ((), (), 3)
    assert (entry.record.error.code, entry.replaced_by, entry.owed) == ("replaced", BY.id, MOMENT)
    assert (entry.claims, entry.due) == (5, MARGIN)
    assert replaced(entry, (SMALL.bucket, SMALL.key), BY, WHEN) is entry


def test_whose_place_was_another_waits_all_the_same():
    entry = replaced(SETTLED, THERE, BY, WHEN)
    assert entry == replace(SETTLED, claims=5, replaced_by=BY.id)


def test_who_died_saves_nothing_once_the_image_is_replaced():
    held = ours()
    late = datetime.fromtimestamp(UNTIL + MARGIN, UTC)
    assert not replaced(held, THERE, BY, late).held_by(ME)
    with pytest.raises(ImageBusy):
        replaced(held, THERE, BY, late - timedelta(seconds=1))


# --- ad hoc variants


def test_a_place_is_named_before_it_is_written_and_taken_back():
    before = with_place(SETTLED, OTHER, HERE, shared=False)
    entry = with_place(before, ME, HERE, shared=True)
    assert entry.possible_locations == (*before.possible_locations, Possible(*HERE, "me", UNTIL, shared=True))
    assert entry.due == UNTIL + MARGIN, "the first that is over"
    assert without_place(entry, ME, THERE) == entry
    assert without_place(entry, ME, HERE) == before
    assert without_place(before, OTHER, HERE) == SETTLED


def test_an_ad_hoc_variant_joins_those_that_are_there():
    made = variant("w7")
    begun = with_place(SETTLED, ME, (made.bucket, made.key), shared=False)
    entry = extended(begun, asked("w7"), made, ME, owed=UNTIL)
    assert entry == replace(
        SETTLED,
        record=replace(RECORD, variants=(SMALL, made)),
        ad_hoc=(asked("w7"),),
        settled_by="mine",
        owed=UNTIL,
    )
    assert entry.due == UNTIL + MARGIN
    assert (entry.asked("w7"), entry.variant("w7")) == (asked("w7"), made)
    assert (entry.asked("small"), entry.variant("w8")) == (None, None)


def test_one_that_cannot_be_made_is_remembered_with_its_reason():
    late = asked("w7", error=Failure(code="deadline_exceeded", message="too slow"))
    entry = extended(SETTLED, late, None, ME)
    assert (entry.record, entry.ad_hoc, entry.due) == (RECORD, (late,), None)


def test_one_that_is_asked_for_again_is_put_down_so():
    entry = extended(extended(SETTLED, asked("w7"), variant("w7"), ME), asked("w8"), variant("w8"), ME)
    again = asked_again(entry, "w7", MOMENT + 1)
    assert again == replace(entry, ad_hoc=(asked("w7", MOMENT + 1), asked("w8")))
    assert asked_again(again, "w7", MOMENT + 1) is again
    assert asked_again(entry, "w9", MOMENT + 1) is entry


def test_one_that_is_made_again_takes_the_place_of_the_former():
    entry = extended(SETTLED, asked("w7"), variant("w7"), ME)
    again = extended(entry, asked("w7", MOMENT + 1), replace(variant("w7"), etag="new"), ME)
    assert [one.at for one in again.ad_hoc] == [MOMENT + 1]
    assert [one.etag for one in again.record.variants] == ["abc", "new"]


def filled():
    """An entry in which there is just room for what it has: three variants, which were asked for out of order."""
    entry = SETTLED
    for name, at in (("w2", MOMENT + 2), ("w1", MOMENT + 1), ("w3", MOMENT + 3)):
        entry = extended(entry, asked(name, at), variant(name), ME)
    return entry


def size(entry):
    return sum(len(msgspec.json.encode((one, entry.variant(one.order.spec.name)))) for one in entry.ad_hoc)


def test_what_was_asked_for_longest_ago_makes_room_and_its_object_is_left_to_the_sweep(monkeypatch):
    entry = filled()
    monkeypatch.setattr(transitions, "AD_HOC_BYTES", size(entry))
    assert extended(entry, asked("w3", MOMENT + 3), variant("w3"), ME) == entry, "there is just room"
    more = extended(entry, asked("w4", MOMENT + 4), variant("w4"), ME)
    assert [one.order.spec.name for one in more.ad_hoc] == ["w2", "w3", "w4"]
    assert {one.name for one in more.record.variants} == {"small", "w2", "w3", "w4"}
    assert more.possible_locations == (Possible("variants", "_/w1", "", 0),)
    assert more.due == MARGIN


def test_no_more_goes_than_has_to(monkeypatch):
    large = Asked(order=AdHoc(spec=VariantSpec(name="w0"), dest_key="x" * 1000), at=MOMENT)
    full = extended(filled(), large, variant("w0"), ME)
    monkeypatch.setattr(transitions, "AD_HOC_BYTES", size(full))
    more = extended(full, asked("w4", MOMENT + 4), variant("w4"), ME)
    assert [one.order.spec.name for one in more.ad_hoc] == ["w1", "w2", "w3", "w4"]


def test_as_many_go_as_have_to(monkeypatch):
    def long(name, letters, at):
        return Asked(order=AdHoc(spec=VariantSpec(name=name), dest_key="x" * letters), at=at)

    full = extended(filled(), long("w2", 1000, MOMENT + 2), variant("w2"), ME)
    monkeypatch.setattr(transitions, "AD_HOC_BYTES", size(full))
    more = extended(full, long("w4", 500, MOMENT + 4), variant("w4"), ME)
    assert [one.order.spec.name for one in more.ad_hoc] == ["w3", "w4"], "w1 alone makes too little room"


def test_what_was_asked_for_again_goes_later(monkeypatch):
    entry = filled()
    monkeypatch.setattr(transitions, "AD_HOC_BYTES", size(entry))
    entry = extended(entry, asked("w1", MOMENT + 4), variant("w1"), ME)
    more = extended(entry, asked("w4", MOMENT + 5), variant("w4"), ME)
    assert [one.order.spec.name for one in more.ad_hoc] == ["w3", "w1", "w4"]


def test_one_that_has_no_object_leaves_none_to_the_sweep(monkeypatch):
    late = asked("w0", MOMENT, error=Failure(code="deadline_exceeded", message="too slow"))
    entry = extended(filled(), late, None, ME)
    monkeypatch.setattr(transitions, "AD_HOC_BYTES", size(entry))
    more = extended(entry, asked("w4", MOMENT + 4), variant("w4"), ME)
    assert "w0" not in [one.order.spec.name for one in more.ad_hoc]
    assert "variants" not in {place.key for place in more.possible_locations}


def test_the_latest_stays_however_large_it_is(monkeypatch):
    monkeypatch.setattr(transitions, "AD_HOC_BYTES", 1)
    entry = extended(filled(), asked("w4", MOMENT + 4), variant("w4"), ME)
    assert [one.order.spec.name for one in entry.ad_hoc] == ["w4"]


def test_one_fits_however_its_place_is_called():
    longest = replace(variant("w7"), key="\x01" * 1024)
    order = AdHoc(spec=VariantSpec(name="w7"), dest_bucket="b" * 63, dest_key="\x01" * 1024)
    entry = extended(SETTLED, Asked(order=order, at=MOMENT), longest, ME)
    assert size(entry) < AD_HOC_BYTES / 5
