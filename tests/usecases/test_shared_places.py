"""Two originals whose variants share a place, where a pipeline allows it: what docs/recipes.md says becomes of them."""

from dataclasses import replace

import pytest

from chalicelib import orders
from chalicelib.model.record import Status
from chalicelib.model.storage import StorageChange
from chalicelib.pipelines import loading as pipelines
from chalicelib.usecases.follow import follow
from chalicelib.usecases.resize import resize
from tests.conftest import call, picture

FIRST, SECOND = "source-folder/a/x.jpg", "source-folder/b/x.jpg"


@pytest.fixture
def shared(stage):
    """The stage under `metadata_sized`, with two originals of one base name."""
    stage = replace(stage, halftone=replace(stage.halftone, pipeline=pipelines.load("metadata_sized")))
    for key, size in ((FIRST, (40, 30)), (SECOND, (50, 60))):
        stage.upload(key, picture(*size), Metadata=dict(zip(("width", "height"), map(str, size), strict=True)))
        told(stage, "created", key, sequencer="01")
    return stage


def told(stage, kind, key, *, sequencer=""):
    change = StorageChange(kind=kind, bucket="originals", key=key, sequencer=sequencer)
    return follow([change], stage.halftone, call(f"{kind} {key} {len(stage.completions())}"))


def listed(stage, key):
    (variant,) = stage.record(key).variants
    return variant.etag


def stored(stage):
    return stage.halftone.storage.etag("variants", "x.jpg")


def test_the_later_one_wins_and_the_record_of_the_other_names_what_was_there(shared):
    assert shared.image("variants", "x.jpg").size == (50, 60)
    assert stored(shared) == listed(shared, SECOND) != listed(shared, FIRST)
    assert shared.record(FIRST).status is Status.READY


@pytest.mark.parametrize(("deleted", "other", "size"), [(FIRST, SECOND, (50, 60)), (SECOND, FIRST, (40, 30))])
def test_deleting_either_takes_it_away_until_somebody_asks_for_the_other(shared, deleted, other, size):
    shared.s3.delete_object(Bucket="originals", Key=deleted)
    told(shared, "removed", deleted, sequencer="02")
    assert shared.keys("variants") == set()
    assert shared.record(other).status is Status.READY
    resize(orders.parse({"bucket": "originals", "key": other}), shared.halftone, call("request"))
    assert shared.image("variants", "x.jpg").size == size


def test_reprocessing_never_finds_both_in_order(shared):
    for _ in range(2):
        before = len(shared.completions())
        for key in (FIRST, SECOND):
            assert told(shared, "created", key) == {"handled": 1, "skipped": 0}
        assert [completion.key for completion in shared.completions()[before:]] == [FIRST, SECOND]
        assert stored(shared) == listed(shared, SECOND)
