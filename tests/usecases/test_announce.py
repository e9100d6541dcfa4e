"""Who is told of an image, and that it is put down."""

import pytest
from msgspec.structs import replace

from chalicelib.model.record import Failure, Status
from chalicelib.usecases.announce import announce, announce_owed
from chalicelib.usecases.entry import Entry
from tests.usecases.test_transitions import RECORD


@pytest.fixture
def owing(stage):
    return stage.halftone.catalogue.put(Entry(record=RECORD, owed=100))


@pytest.mark.parametrize(
    ("status", "event"),
    [(Status.READY, "image.ready"), (Status.FAILED, "image.failed"), (Status.DELETED, "image.deleted")],
)
def test_a_completion_says_what_is_on_record(stage, status, event):
    record = replace(RECORD, status=status, version_id="v", error=Failure(code="c", message="m"))
    announce(record, stage.halftone)
    (told,) = stage.completions()
    assert told.event == event
    for name in ("image_id", "bucket", "key", "etag", "version_id", "generation", "status", "variants", "error"):
        assert getattr(told, name) == getattr(record, name)


def test_what_nobody_ever_heard_of_is_no_news(stage):
    announce(replace(RECORD, generation=0), stage.halftone)
    assert stage.completions() == []


def test_what_was_announced_is_owed_no_more(stage, owing):
    entry = announce_owed(owing, stage.halftone)
    assert (entry.owed, entry.due) == (0, None)
    assert stage.halftone.catalogue.get("id") == entry


def test_what_is_owed_of_a_later_generation_stays(stage, owing):
    later = stage.halftone.catalogue.put(replace(owing, record=replace(RECORD, generation=3)))
    assert announce_owed(owing, stage.halftone) == later
    assert stage.halftone.catalogue.get("id").owed == 100


def test_who_adds_to_the_entry_meanwhile_does_not_keep_it_from_being_put_down(stage, owing):
    stage.halftone.catalogue.put(replace(owing, sequencer="09"))
    entry = announce_owed(owing, stage.halftone)
    assert (entry.owed, entry.sequencer) == (0, "09")


def test_what_is_not_owed_takes_no_call(stage):
    entry = Entry(record=RECORD)
    assert announce_owed(entry, stage.halftone) is entry
