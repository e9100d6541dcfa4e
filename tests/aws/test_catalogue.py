from dataclasses import replace
from datetime import UTC, datetime

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws.catalogue import DynamoCatalogue, _plain, _typed
from chalicelib.aws.clients import client
from chalicelib.errors import CatalogueUnavailable
from chalicelib.model.order import AdHoc
from chalicelib.model.picture import Format, OriginalInfo, Placeholder, VariantSpec
from chalicelib.model.record import Failure, Record, Status
from chalicelib.usecases.ports import Newer, Overtaken, Since, Worker
from tests.test_notices import SMALL

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
RECORD = Record(
    image_id="id",
    status=Status.PROCESSING,
    bucket="originals",
    key="photo.jpg",
    etag="abc",
    version_id=None,
    pipeline="default",
    created_at=MOMENT,
    updated_at=MOMENT,
)
READY = replace(
    RECORD,
    status=Status.READY,
    processing_ms=12,
    original=OriginalInfo(
        format="jpeg",
        width=4,
        height=3,
        bytes=9,
        frames=1,
        mode="RGB",
        has_alpha=False,
        orientation=6,
        exif={"make": "x"},
    ),
    placeholder=Placeholder(thumbhash="aGk=", dominant_color="#aabbcc"),
    perceptual_hash="00ff",
    variants=(SMALL,),
)
PLACES = {("variants", "small/photo.jpg"), ("variants", "other/photo.jpg")}
ONE, TWO, THREE, FOUR = (Worker(name, until=120, nonce="") for name in ("one", "two", "three", "four"))
EXTRAS = (AdHoc(spec=VariantSpec(name="w7-webp", width=7, format=Format.WEBP), dest_key="here"),)


@pytest.fixture
def catalogue(stage):  # noqa: ARG001 - the table
    return DynamoCatalogue("images")


def claim(catalogue, grounds, *, worker=ONE, record=RECORD, places=PLACES):
    return catalogue.claim(record, grounds, worker=worker, places=places)


def newer(sequencer, digest="digest"):
    return Newer(sequencer, digest)


def settle(catalogue, entry, *, worker=ONE, record=READY, digest="digest", extras=()):
    catalogue.save(entry, record, worker=worker, digest=digest, extras=extras)
    return catalogue.get("id")


def test_a_record_comes_back_as_it_was_saved(catalogue):
    entry = settle(catalogue, claim(catalogue, newer("01")), extras=EXTRAS)
    assert (entry.record, entry.extras, entry.extras_etag, entry.digest) == (READY, EXTRAS, "abc", "digest")
    failed = replace(READY, status=Status.FAILED, variants=(), error=Failure(code="c", message="m"))
    assert settle(catalogue, entry, record=failed).record == failed


def test_the_item_has_the_names_and_forms_of_the_design(catalogue):
    settle(catalogue, claim(catalogue, newer("0aF")))
    item = client("dynamodb").get_item(TableName="images", Key={"image_id": {"S": "id"}})["Item"]
    assert set(Record.__dataclass_fields__) <= set(item)
    assert item["sequencer"] == {"S": "0AF".rjust(64, "0")}
    assert (item["status"], item["processing_ms"]) == ({"S": "ready"}, {"N": "12"})
    assert item["created_at"] == {"S": "2026-01-02T03:04:05.678000Z"}
    assert item["error"] == {"NULL": True}
    assert item["variants"]["L"][0]["M"]["content_type"] == {"S": "image/jpeg"}


def test_what_is_not_there_is_none(catalogue):
    assert catalogue.get("nothing") is None


def test_a_claim_says_who_works_and_where_before_anything_is_written(catalogue):
    entry = claim(catalogue, newer("01"))
    assert (entry.owner, entry.claimants, entry.places, entry.generation) == (ONE, {ONE}, PLACES, 1)
    assert catalogue.get("id") == entry


def test_a_claim_keeps_when_it_began_and_what_is_in_the_buckets(catalogue):
    settle(catalogue, claim(catalogue, newer("01")))
    later = replace(RECORD, etag="new", created_at=MOMENT.replace(year=2027), updated_at=MOMENT.replace(year=2027))
    entry = claim(catalogue, newer("02"), record=later, places=())
    assert entry.record == replace(later, created_at=MOMENT, variants=(SMALL,))


@pytest.mark.parametrize(
    ("stored", "status", "sequencer", "digest", "claimed"),
    [
        ("0A", Status.READY, "0B", "digest", True),
        ("0A", Status.READY, "0A", "digest", False),
        ("0A", Status.READY, "0A", "another", True),
        ("0A", Status.PROCESSING, "0A", "digest", False),
        ("0A", Status.PROCESSING, "0A", "another", False),
        ("0A", Status.FAILED, "0A", "digest", False),
        ("0A", Status.READY, "09", "another", False),
        ("0A", Status.PROCESSING, "09", "digest", False),
        ("FF", Status.READY, "100", "digest", True),
        ("100", Status.READY, "FF", "digest", False),
        ("0a", Status.READY, "0B", "digest", True),
    ],
)
def test_which_changes_are_grounds_for_a_claim(catalogue, stored, status, sequencer, digest, claimed):
    settle(catalogue, claim(catalogue, newer("0")), digest="another")
    begun = claim(catalogue, newer(stored))
    if status is not Status.PROCESSING:
        settle(catalogue, begun, record=replace(READY, status=status))
    if claimed:
        assert claim(catalogue, newer(sequencer, digest)).record.status is Status.PROCESSING
    else:
        with pytest.raises(Overtaken) as caught:
            claim(catalogue, newer(sequencer, digest))
        assert caught.value.entry == catalogue.get("id")


def test_any_change_is_newer_than_none(catalogue):
    settle(catalogue, claim(catalogue, Since(0)))
    assert claim(catalogue, newer("01")).sequencer == "01".rjust(64, "0")


def test_a_claim_since_a_generation_holds_only_while_it_lasts(catalogue):
    entry = claim(catalogue, Since(0))
    with pytest.raises(Overtaken):
        claim(catalogue, Since(0))
    assert claim(catalogue, Since(entry.generation)).generation == entry.generation + 1
    with pytest.raises(Overtaken):
        claim(catalogue, Since(entry.generation))


def test_a_save_holds_only_if_nothing_was_claimed_since(catalogue):
    first = claim(catalogue, newer("01"), worker=ONE)
    second = claim(catalogue, newer("02"), worker=TWO)
    with pytest.raises(Overtaken) as caught:
        settle(catalogue, first)
    assert caught.value.entry == second
    assert settle(catalogue, second, worker=TWO).record == READY
    with pytest.raises(Overtaken):
        settle(catalogue, second, worker=TWO)


def test_places_are_forgotten_when_nobody_can_write_to_them_any_more(catalogue):
    claim(catalogue, newer("01"), worker=ONE)
    entry = settle(catalogue, claim(catalogue, newer("02"), worker=TWO, places=()), worker=TWO)
    assert (entry.claimants, entry.places) == ({ONE}, PLACES)
    catalogue.leave(entry, worker=ONE)
    entry = settle(catalogue, claim(catalogue, newer("03"), worker=THREE), worker=THREE)
    assert (entry.claimants, entry.places) == (frozenset(), {("variants", "small/photo.jpg")})
    deleted = replace(READY, status=Status.DELETED, variants=())
    entry = settle(catalogue, claim(catalogue, newer("04"), worker=FOUR), worker=FOUR, record=deleted)
    assert entry.places == frozenset()


def test_claimants_are_forgotten_with_their_places_once_they_are_dead(catalogue):
    claim(catalogue, newer("01"), worker=ONE)
    entry = claim(catalogue, newer("02"), worker=TWO)
    soon, late = (datetime.fromtimestamp(seconds, UTC) for seconds in (180, 181))
    assert (entry.dead(soon), entry.dead(late)) == (frozenset(), {ONE, TWO})
    catalogue.save(entry, READY, worker=TWO, digest="digest", extras=(), dead={ONE})
    settled = catalogue.get("id")
    assert (settled.claimants, settled.places) == (frozenset(), {("variants", "small/photo.jpg")})


def test_disturbing_overtakes_who_is_at_work_and_nobody_else(catalogue):
    claim(catalogue, newer("01"), worker=ONE)
    working = claim(catalogue, newer("02"), worker=TWO)
    catalogue.disturb(working, worker=ONE)
    with pytest.raises(Overtaken) as caught:
        settle(catalogue, working, worker=TWO)
    disturbed = caught.value.entry
    assert (disturbed.owner, disturbed.claimants, disturbed.record.status) == (TWO, {TWO}, Status.PROCESSING)
    at_rest = settle(catalogue, disturbed, worker=TWO)
    with pytest.raises(Overtaken):
        catalogue.disturb(at_rest, worker=ONE)


def test_extending_leaves_a_settled_entry_as_it_is(catalogue):
    at_rest = settle(catalogue, claim(catalogue, newer("01")))
    entry = catalogue.extend(at_rest, worker=TWO, places={("variants", "more")})
    assert (entry.record, entry.owner, entry.claimants) == (READY, ONE, {TWO})
    assert entry.places == at_rest.places | {("variants", "more")}
    with pytest.raises(Overtaken):
        catalogue.extend(at_rest, worker=TWO, places=())
    working = claim(catalogue, newer("02"))
    with pytest.raises(Overtaken):
        catalogue.extend(working, worker=TWO, places=())


def test_a_seal_hides_who_settled_an_entry(catalogue):
    settle(catalogue, claim(catalogue, newer("01")))
    catalogue.seal("id", delivery="on")
    assert catalogue.get("id").owner == ONE
    catalogue.seal("id", delivery="one")
    assert catalogue.get("id").owner is None


@pytest.mark.usefixtures("stage")
def test_a_table_that_is_not_there_is_a_fault():
    with pytest.raises(CatalogueUnavailable, match="ResourceNotFoundException"):
        DynamoCatalogue("nowhere").get("id")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text() | st.sets(st.text(), min_size=1),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=20,
)


@given(VALUES)
def test_values_are_written_as_boto3_would_and_read_as_they_were(value):
    assert _sorted(_typed(value)) == _sorted(TypeSerializer().serialize(value))
    assert _plain(_typed(value)) == value


def _sorted(typed):
    """Give string sets an order."""
    if isinstance(typed, dict):
        return {name: sorted(entry) if name == "SS" else _sorted(entry) for name, entry in typed.items()}
    return [_sorted(entry) for entry in typed] if isinstance(typed, list) else typed


def test_a_number_may_come_with_an_exponent():
    assert _plain({"N": "1E+2"}) == 100


def test_what_an_entry_does_not_have_is_not_written():
    with pytest.raises(TypeError, match="an entry has no float"):
        _typed({"ratio": 0.5})
