import math
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.aws.catalogue import DynamoCatalogue, _entry, _item, _plain, _typed
from chalicelib.aws.clients import client
from chalicelib.errors import CatalogueUnavailable
from chalicelib.model.order import AdHoc
from chalicelib.model.picture import Format, OriginalInfo, Placeholder, VariantSpec
from chalicelib.model.record import Failure, Record, Status, Variant
from chalicelib.usecases.entry import MARGIN, Asked, Attempt, Entry, Image, Lease, Possible
from chalicelib.usecases.transitions import MOST_POSSIBLE, claimed, extended, given_up, noted
from tests.test_notices import SMALL

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
RECORD = Record(
    image_id="0d",
    status=Status.READY,
    bucket="originals",
    key="photo.jpg",
    etag="abc",
    version_id=None,
    pipeline="default",
    created_at=MOMENT,
    updated_at=MOMENT,
    processing_ms=12,
    generation=3,
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
NEW = Entry(record=RECORD)
LEASE = Lease(delivery="one", nonce="n", until=120, digest="digest")
ME = Attempt("one", "n", 120)


@pytest.fixture
def catalogue(stage):  # noqa: ARG001 - the table
    return DynamoCatalogue("images")


def item(image_id="0d"):
    return client("dynamodb").get_item(TableName="images", Key={"image_id": {"S": image_id}})["Item"]


# --- put and get


def test_an_entry_comes_back_at_its_new_revision_as_it_was_put(catalogue):
    written = catalogue.put(NEW)
    assert written == replace(NEW, revision=1)
    assert catalogue.get("0d") == written


def test_what_is_not_there_is_none(catalogue):
    assert catalogue.get("nothing") is None


def test_a_changed_entry_replaces_the_one_it_was_made_from(catalogue):
    first = catalogue.put(replace(NEW, lease=LEASE, possible_locations=(Possible("b", "k", "n", 120),)))
    second = catalogue.put(replace(first, lease=None, possible_locations=(), sequencer="05"))
    assert second.revision == 2
    assert catalogue.get("0d") == second


@pytest.mark.parametrize("revision", [0, 1, 7])
def test_who_was_not_there_first_hears_what_stands(catalogue, revision):
    stands = catalogue.put(replace(catalogue.put(NEW), sequencer="05"))
    assert catalogue.put(replace(NEW, revision=revision, sequencer="06")) == stands == catalogue.get("0d")


@pytest.mark.parametrize("known", [False, True])
def test_a_put_that_botocore_repeats_because_the_first_answer_was_lost_is_no_conflict(catalogue, monkeypatch, known):
    entry = catalogue.put(NEW) if known else NEW
    calls, put_item = [], client("dynamodb").put_item

    def repeated(**request):
        calls.append(put_item(**request))
        return put_item(**request)

    monkeypatch.setattr(client("dynamodb"), "put_item", repeated)
    written = catalogue.put(replace(entry, sequencer="05"))
    assert len(calls) == 1
    assert catalogue.get("0d") == written == replace(entry, revision=entry.revision + 1, sequencer="05")


def test_where_dynamodb_does_not_say_what_stands_it_is_read(catalogue, monkeypatch):
    stands = catalogue.put(NEW)
    put_item = client("dynamodb").put_item

    def terse(**request):
        assert request.pop("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        return put_item(**request)

    monkeypatch.setattr(client("dynamodb"), "put_item", terse)
    assert catalogue.put(replace(NEW, sequencer="06")) == stands


def test_a_change_is_made_on_what_others_left(catalogue):
    seen = catalogue.put(NEW)
    others = catalogue.put(replace(seen, sequencer="05"))
    given = []

    def transition(entry):
        given.append(entry)
        return replace(entry, epoch=7)

    changed = catalogue.change(seen, transition)
    assert given == [seen, others]
    assert changed == replace(others, epoch=7, revision=3) == catalogue.get("0d")


def test_where_nothing_is_to_be_changed_nothing_is_written(catalogue):
    seen = catalogue.put(NEW)
    others = catalogue.put(replace(seen, sequencer="05"))
    assert catalogue.change(seen, lambda entry: entry) is seen
    assert catalogue.change(seen, lambda entry: entry if entry.sequencer else noted(entry, "04")) == others
    assert catalogue.get("0d") == others


def test_a_note_is_written_even_if_it_says_nothing_new(catalogue):
    seen = catalogue.put(NEW)
    assert catalogue.change(seen, lambda entry: noted(entry, "")).revision == 2


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize(
    "work",
    [
        lambda catalogue: catalogue.get("0d"),
        lambda catalogue: catalogue.put(NEW),
        lambda catalogue: list(catalogue.unfinished(before=1)),
    ],
)
def test_a_table_that_is_not_there_is_a_fault(work):
    with pytest.raises(CatalogueUnavailable, match="ResourceNotFoundException"):
        work(DynamoCatalogue("nowhere"))


# --- the item


def test_the_item_has_the_names_and_forms_of_the_design(catalogue):
    catalogue.put(replace(NEW, sequencer="0AF"))
    found = item()
    assert set(Record.__struct_fields__) | {"revision", "sequencer"} == set(found), "and nothing that is not so"
    assert (found["status"], found["processing_ms"], found["generation"]) == ({"S": "ready"}, {"N": "12"}, {"N": "3"})
    assert found["created_at"] == {"S": "2026-01-02T03:04:05.678000Z"}
    assert found["error"] == {"NULL": True}
    assert found["variants"]["L"][0]["M"]["content_type"] == {"S": "image/jpeg"}


def test_while_somebody_holds_the_lease_the_item_says_processing_and_beside_it_what_was_settled(catalogue):
    failed = replace(RECORD, status=Status.FAILED, error=Failure(code="c", message="m"))
    held = catalogue.put(replace(NEW, record=failed, lease=LEASE))
    found = item()
    assert (found["status"], found["settled_status"]) == ({"S": "processing"}, {"S": "failed"})
    assert found["error"]["M"]["code"] == {"S": "c"}
    assert (found["unfinished"], found["due"]) == ({"S": "0"}, {"N": "180"})
    assert catalogue.get("0d") == held
    catalogue.put(replace(held, lease=None))
    assert item()["status"] == {"S": "failed"}
    assert not {"settled_status", "unfinished", "due", "lease"} & set(item())


TEXTS = st.text(max_size=20)
NUMBERS = st.integers(0, 2**40)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - naive
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
FAILURES = st.none() | st.builds(Failure, code=TEXTS, message=TEXTS)
ORIGINALS = st.none() | st.builds(
    OriginalInfo,
    format=TEXTS,
    width=NUMBERS,
    height=NUMBERS,
    bytes=NUMBERS,
    frames=NUMBERS,
    mode=TEXTS,
    has_alpha=st.booleans(),
    orientation=NUMBERS,
    exif=st.dictionaries(st.sampled_from(["make", "model", "taken_at"]), TEXTS),
)
VARIANTS = st.builds(
    Variant,
    name=TEXTS,
    bucket=TEXTS,
    key=TEXTS,
    format=st.sampled_from(Format),
    content_type=TEXTS,
    width=NUMBERS,
    height=NUMBERS,
    bytes=NUMBERS,
    etag=TEXTS,
)
RECORDS = st.builds(
    Record,
    image_id=st.uuids().map(str),
    status=st.sampled_from(Status),
    bucket=TEXTS,
    key=TEXTS,
    etag=st.none() | TEXTS,
    version_id=st.none() | TEXTS,
    pipeline=TEXTS,
    created_at=TIMES,
    updated_at=TIMES,
    processing_ms=st.none() | NUMBERS,
    generation=NUMBERS,
    original=ORIGINALS,
    placeholder=st.none() | st.builds(Placeholder, thumbhash=TEXTS, dominant_color=TEXTS),
    perceptual_hash=st.none() | TEXTS,
    variants=st.lists(VARIANTS, max_size=3).map(tuple),
    error=FAILURES,
)
SPECS = st.builds(
    VariantSpec, name=TEXTS, width=st.none() | NUMBERS, format=st.none() | st.sampled_from(Format), key=TEXTS
)
ASKED = st.builds(
    Asked,
    order=st.builds(AdHoc, spec=SPECS, dest_bucket=st.none() | TEXTS, dest_key=st.none() | TEXTS),
    at=NUMBERS,
    error=FAILURES,
)
ENTRIES = st.builds(
    Entry,
    record=RECORDS,
    revision=NUMBERS,
    claims=NUMBERS,
    lease=st.none()
    | st.builds(
        Lease,
        delivery=TEXTS,
        nonce=TEXTS,
        until=NUMBERS,
        digest=TEXTS,
        redo=st.booleans(),
        takes_notes=st.booleans(),
        given_up=st.booleans(),
    ),
    sequencer=TEXTS,
    digest=TEXTS,
    epoch=NUMBERS,
    settled_by=st.just("") | TEXTS,
    possible_locations=st.lists(
        st.builds(Possible, bucket=TEXTS, key=TEXTS, nonce=TEXTS, until=NUMBERS, shared=st.booleans()), max_size=3
    ).map(tuple),
    ad_hoc=st.lists(ASKED, max_size=3).map(tuple),
    owed=NUMBERS,
    replaced_by=st.none() | TEXTS.filter(bool),
    attempted=st.none() | TEXTS.filter(bool),
    deaths=NUMBERS,
    failures=NUMBERS,
)


def test_any_entry_has_all_its_fields_drawn():
    drawn = {
        "record",
        "revision",
        "claims",
        "lease",
        "sequencer",
        "digest",
        "epoch",
        "settled_by",
        "possible_locations",
    }
    drawn |= {"ad_hoc", "owed", "replaced_by", "attempted", "deaths", "failures"}
    assert drawn == set(Entry.__struct_fields__)


@settings(deadline=None)
@given(ENTRIES)
def test_any_entry_is_read_as_it_was_written(entry):
    assert _entry(_item(entry)) == entry


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entry=ENTRIES)
def test_any_entry_comes_back_from_the_table(catalogue, entry):
    image_id = str(uuid4())
    written = catalogue.put(replace(entry, revision=0, record=replace(entry.record, image_id=image_id)))
    assert catalogue.get(image_id) == written


@pytest.mark.parametrize(
    "character",
    [
        "x",
        '"',
        "\\",
        "é",
        "📷",
        "\x01",
    ],
)
def test_an_item_has_room_for_all_that_orders_with_the_worst_keys_may_put_in_it(character):
    key = character * (1024 // len(character.encode()))
    entry = replace(NEW, record=replace(RECORD, key=key, version_id="v" * 1024))
    for number in range(100):
        order = AdHoc(spec=VariantSpec(name=f"w{number}", width=number), dest_bucket="b" * 63, dest_key=key)
        made = replace(SMALL, name=f"w{number}", bucket="b" * 63, key=key)
        entry = extended(entry, Asked(order=order, at=number), made, ME)
    assert 1 < len(entry.ad_hoc) < 100, "some had to go"
    possible = MOST_POSSIBLE * (Possible("b" * 63, key, "0" * 16, 2**31, shared=True),)
    own = {("b" * 63, f"{number}{key}"[: len(key)]) for number in range(20)}
    assert size(_item(held(replace(entry, possible_locations=possible), ME, own))) < 400_000


def test_an_item_has_room_however_many_attempts_gave_up():
    key, entry = "x" * 1000, NEW
    for number in range(50):
        attempt = Attempt("sweep", f"{number:016}", 1000 * number)
        places = {("variants", f"{place:02}/{key}") for place in range(15)}  # three variants of any format
        entry = given_up(held(entry, attempt, places), attempt, 1000 * number, in_flight=True)
    assert size(_item(entry)) < 400_000


def held(entry, attempt, places):
    """The entry as the attempt has claimed it."""
    return claimed(
        entry,
        Lease(delivery=attempt.delivery, nonce=attempt.nonce, until=attempt.until, digest="d" * 32),
        [Possible(*place, attempt.nonce, attempt.until) for place in places],
        epoch=2**41,
        sequencer="",
        etag=None,
    )


def size(item):
    """The size of an item, as DynamoDB counts it (Developer Guide, "DynamoDB item sizes and formats")."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(typed):
    ((kind, value),) = typed.items()
    match kind:
        case "M":
            return 3 + sum(len(name.encode()) + _size(entry) + 1 for name, entry in value.items())
        case "L":
            return 3 + sum(_size(entry) + 1 for entry in value)
        case "N":
            return math.ceil(len(value) / 2) + 1
        case "S":
            return len(value.encode())
    return 1


# --- what is unfinished


def due(catalogue, image_id, moment):
    key = f"{image_id}.jpg"
    owed = 0 if moment is None else moment - MARGIN
    return catalogue.put(replace(NEW, record=replace(RECORD, image_id=image_id, key=key), owed=owed))


def found(catalogue, before=1000):
    return [image.key.removesuffix(".jpg") for image in catalogue.unfinished(before)]


def test_what_is_due_is_found_the_most_overdue_first_and_nothing_else(catalogue):
    for image_id, moment in (("a1", 900), ("a2", 1000), ("a3", 1001), ("a4", 70), ("a5", None), ("0b", 500)):
        due(catalogue, image_id, moment)
    assert found(catalogue) == ["0b", "a4", "a1", "a2"]
    assert list(catalogue.unfinished(before=70)) == [Image("originals", "a4.jpg")]


def test_what_is_finished_is_found_no_more(catalogue):
    entry = due(catalogue, "a1", 900)
    catalogue.put(replace(entry, owed=0))
    assert found(catalogue) == []


def test_all_first_digits_of_image_ids_are_looked_through(catalogue):
    ids = [f"{digit:x}0" for digit in range(16)]
    for image_id in ids:
        due(catalogue, image_id, 900)
    assert found(catalogue) == ids


def test_each_minute_another_digit_comes_first_so_that_a_backlog_starves_none(catalogue):
    for digit in range(16):
        due(catalogue, f"{digit:x}0", 0)
    firsts = [found(catalogue, 60 * minute + 59)[0] for minute in range(16, 32)]
    assert firsts == [f"{digit:x}0" for digit in range(16)]
    assert found(catalogue, 60 * 31) == ["f0", *(f"{digit:x}0" for digit in range(15))]


def test_many_come_in_pages(catalogue, monkeypatch):
    ids = [f"a{number:02}" for number in range(10)]
    for number, image_id in enumerate(ids):
        due(catalogue, image_id, 900 + number)
    call, pages = client("dynamodb")._make_api_call, []  # noqa: SLF001 - a page is a megabyte

    def small(operation, request):
        pages.append(operation)
        return call(operation, request | {"Limit": 3})

    monkeypatch.setattr(client("dynamodb"), "_make_api_call", small)
    assert found(catalogue) == ids
    assert len(pages) > 16, "one of them had several"


# --- how values are written

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=20,
)


@given(VALUES)
def test_values_are_written_as_boto3_would_and_read_as_they_were(value):
    assert _typed(value) == TypeSerializer().serialize(value)
    assert _plain(_typed(value)) == value


def test_a_number_may_come_with_an_exponent():
    assert _plain({"N": "1E+2"}) == 100


def test_what_an_entry_does_not_have_is_not_written():
    with pytest.raises(TypeError, match="an entry has no float"):
        _typed({"ratio": 0.5})
