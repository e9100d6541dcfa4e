from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib import notices
from chalicelib.errors import BY_CODE
from chalicelib.model.completion import Completion, CompletionEvent
from chalicelib.model.picture import Format
from chalicelib.model.record import Failure, Status, Variant

SMALL = Variant(
    name="small",
    bucket="variants",
    key="small/photo.jpg",
    format=Format.JPEG,
    content_type="image/jpeg",
    width=128,
    height=96,
    bytes=4321,
    etag="abc",
)
BROKEN = Failure(code="corrupt_image", message="the picture stops half-way")
LONG_CODE = max(BY_CODE, key=len)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=1024).filter(
    lambda key: len(key.encode()) <= 1024
)


def completion(event=CompletionEvent.READY, key="a/photo.jpg", variants=(SMALL, SMALL), error=None, status=None):
    return Completion(
        event=event,
        image_id="id",
        bucket="originals",
        key=key,
        etag="0123",
        version_id=None,
        generation=1,
        status=status or Status(event.value.removeprefix("image.")),
        pipeline="default",
        variants=variants,
        error=error,
        processing_ms=10,
        original_bytes=1234,
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def failed(key="a/photo.jpg", error=BROKEN):
    return completion(CompletionEvent.FAILED, key, variants=(), error=error)


def test_of_an_order_that_failed_people_read_the_code_and_the_image_id_and_nothing_that_its_sender_wrote():
    lure = "You have won! Call 0900"
    error = Failure(code="not_found", message=lure)
    told = completion(CompletionEvent.ORDER_FAILED, key=lure, error=error, status=Status.FAILED)
    line = "Halftone: an order failed (not_found), image id"
    assert (notices.subject(told), notices.sms(told)) == (line, line)
    assert notices.letter(told) == "An order could not be carried out (not_found).\n\nImage id: id\n"


def test_an_order_that_failed_has_a_subject_with_room_for_any_code_and_a_whole_image_id():
    error = Failure(code=LONG_CODE, message="")
    told = completion(CompletionEvent.ORDER_FAILED, error=error, status=Status.FAILED)
    assert len(notices.subject(replace(told, image_id=str(uuid4())))) <= notices.SUBJECT_LENGTH


def parts(text):
    """How many text messages the text is sent as: 160 places of the GSM alphabet, or 70 UTF-16 units."""
    if text.isascii() and "`" not in text:
        places = sum(2 if character in "^{}[]~|\\" else 1 for character in text)
        return -(-places // 160)
    return -(-len(text.encode("utf-16-le")) // 140)


def test_the_subject_says_how_it_came_out():
    assert notices.subject(completion()) == "Halftone: photo.jpg is ready, 2 variants"
    assert notices.subject(completion(variants=(SMALL,))) == "Halftone: photo.jpg is ready, 1 variant"
    assert notices.subject(failed()) == "Halftone: photo.jpg could not be processed (corrupt_image)"
    assert notices.subject(completion(CompletionEvent.DELETED)) == "Halftone: photo.jpg was deleted"


def test_a_text_message_says_the_same():
    assert notices.sms(completion()) == "Halftone: photo.jpg is ready, 2 variants"
    assert notices.sms(failed()) == "Halftone: photo.jpg could not be processed (corrupt_image)"


@settings(deadline=None)
@given(KEYS, st.sampled_from([completion(), failed(), failed(error=Failure(code=LONG_CODE, message=""))]))
def test_any_key_makes_one_subject_and_one_text_message(key, base):
    told = replace(base, key=key)
    subject, sms = notices.subject(told), notices.sms(told)
    assert len(subject.encode("utf-16-le")) // 2 < 100
    assert len(sms) <= 140
    assert parts(sms) == 1
    for line in (subject, sms):
        assert line.startswith("Halftone: ")
        assert len(line.splitlines()) == 1
        assert all(character >= " " and character != "\x7f" for character in line)


@pytest.mark.parametrize(
    ("key", "subject"),
    [
        ("été/写真 📷.jpg", "Halftone: 写真 📷.jpg is ready, 2 variants"),
        ("one\r\nBcc: all@example.com.jpg", r"Halftone: one\r\nBcc: all@example.com.jpg is ready, 2 variants"),
        ("holiday\u202egpj.exe", r"Halftone: holiday\u202egpj.exe is ready, 2 variants"),
        ("Screenshot at 3.45\u202fPM.png", "Halftone: Screenshot at 3.45 PM.png is ready, 2 variants"),
        ("👩\u200d🚀.jpg", "Halftone: 👩\u200d🚀.jpg is ready, 2 variants"),
        ("folder/", "Halftone: folder/ is ready, 2 variants"),
    ],
)
def test_names_stay_what_they_are_and_cannot_pretend_to_be_more(key, subject):
    assert notices.subject(completion(key=key)) == subject


def test_a_long_name_keeps_its_beginning_and_its_end():
    key = "a" * 500 + "-0042.jpg"
    line = notices.sms(completion(key=key))
    assert line == f"Halftone: {'a' * 64}...{'a' * 24}-0042.jpg is ready, 2 variants"
    assert len(notices.subject(completion(key=key))) == 99
    assert len(notices.sms(failed(key))) == 140
    unusual = notices.sms(completion(key="é" + key))
    assert unusual.startswith("Halftone: éa")
    assert unusual.endswith("-0042.jpg is ready, 2 variants")
    assert 66 <= len(unusual) <= 70, "all the room there is"


@pytest.mark.parametrize("unusual", ["é", "€", "[", "~", "`", "\\", "📷"])
def test_a_character_that_takes_more_room_is_given_it(unusual):
    told = failed("x" * 100 + unusual)
    assert parts(notices.sms(told)) == 1
    assert len(notices.sms(failed("x" * 101))) > len(notices.sms(told))


def test_the_letter_lists_the_variants():
    assert notices.letter(completion(variants=(SMALL,))) == (
        "photo.jpg is ready, 1 variant.\n"
        "\n"
        "small: 128 x 96 jpeg, 4,321 bytes\n"
        "s3://variants/small/photo.jpg\n"
        "\n"
        "Original: s3://originals/a/photo.jpg\n"
        "Size: 1,234 bytes\n"
        "Pipeline: default\n"
        "When: 2026-01-01 00:00:00 UTC\n"
        "Image id: id\n"
    )


def test_the_letter_gives_the_reason_and_what_to_do():
    assert notices.letter(failed()).startswith(
        "photo.jpg could not be processed (corrupt_image).\n"
        "\n"
        "Reason: the picture stops half-way\n"
        "It has no variants, and is not tried again. A better file in its place will be processed anew.\n"
        "\n"
        "Original: s3://originals/a/photo.jpg\n"
    )


def test_the_letter_of_a_deletion_knows_no_size():
    told = replace(completion(CompletionEvent.DELETED, variants=()), original_bytes=None)
    assert notices.letter(told).startswith(
        "photo.jpg was deleted.\n"
        "\n"
        "Its variants are deleted too.\n"
        "\n"
        "Original: s3://originals/a/photo.jpg\n"
        "Pipeline: default\n"
    )


def test_a_long_list_is_cut_and_says_so():
    many = completion(variants=tuple(replace(SMALL, key=f"{number:04}" + "x" * 1000) for number in range(60)))
    letter = notices.letter(many)
    assert letter.startswith("photo.jpg is ready, 60 variants.")
    assert letter.count("s3://variants/") == 18
    assert "... and 42 more: the record has them all." in letter


@pytest.mark.parametrize(
    "hidden", ["\n", "\r", "\t", "\x1b", "\x85", "\u200e", "\u2028", "\u2029", "\u202e", "\u2066", "\ufeff"]
)
def test_a_letter_shows_what_cannot_be_seen(hidden):
    key = f"a{hidden}b.jpg"
    letter = notices.letter(completion(key=key, variants=(replace(SMALL, key=key),)))
    escape = hidden.encode("unicode_escape").decode()
    assert hidden not in letter.replace("\n", "")
    assert letter.count(f"a{escape}b.jpg\n") == 2
    assert letter.startswith(f"a{escape}b.jpg is ready")


@settings(deadline=None)
@given(KEYS, st.text(max_size=300), st.integers(0, 60))
def test_any_letter_is_bounded_and_each_line_is_ours(key, reason, count):
    told = completion(
        key=key,
        variants=tuple(replace(SMALL, key=key) for _ in range(count)),
        error=Failure(code="corrupt_image", message=reason),
    )
    letter = notices.letter(told)
    assert len(letter.encode()) < notices.LISTING_BYTES + 10_000
    begins = ("photo", "small: ", "s3://", "... and", "Reason: ", "It has", "Original: ", "Size: ", "Pipeline: ")
    begins = (*begins, "When: ", "Image id: ")
    _, *lines = letter.splitlines()
    assert all(line.startswith(begins) for line in lines if line)
    assert not set(letter) & set("\r\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\x00\x1b")
