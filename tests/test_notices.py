from datetime import UTC, datetime

import pytest

from chalicelib import notices
from chalicelib.model import Completion, CompletionEvent, Failure, Format, Status, Variant

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


def completion(event=CompletionEvent.READY, key="a/photo.jpg", variants=(SMALL, SMALL), error=None):
    return Completion(
        event=event,
        image_id="id",
        bucket="originals",
        key=key,
        status=Status.READY,
        pipeline="default",
        variants=variants,
        error=error,
        processing_ms=10,
        original_bytes=100,
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_the_subject_says_how_it_came_out():
    assert notices.subject(completion()) == "Halftone: photo.jpg is ready, 2 variants"
    assert notices.subject(completion(variants=(SMALL,))) == "Halftone: photo.jpg is ready, 1 variant"
    assert notices.subject(completion(CompletionEvent.FAILED)) == "Halftone: photo.jpg could not be processed"
    assert notices.subject(completion(CompletionEvent.DELETED)) == "Halftone: photo.jpg was deleted"


@pytest.mark.parametrize("key", ["x" * 1000 + ".jpg", "été 📷.jpg", "line\nbreak\x07.jpg"])
def test_any_key_makes_a_subject_that_sns_takes(key):
    line = notices.subject(completion(key=key))
    assert len(line) < 100
    assert line.isascii()
    assert line.isprintable()
    assert len(notices.sms(completion(key=key))) <= 140


def test_the_letter_lists_the_variants():
    text = notices.letter(completion(variants=(SMALL,)))
    assert "s3://originals/a/photo.jpg" in text
    assert "small: 128 x 96 jpeg, 4,321 bytes, s3://variants/small/photo.jpg" in text


def test_the_letter_gives_the_reason():
    error = Failure(code="corrupt_image", message="it stops half-way")
    text = notices.letter(completion(CompletionEvent.FAILED, variants=(), error=error))
    assert "it stops half-way (corrupt_image)" in text
