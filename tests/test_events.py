import json
import logging
from urllib.parse import quote_plus

import pytest

from chalicelib import events
from chalicelib.model.storage import StorageChange


def record(name="ObjectCreated:Put", key="a.jpg", **item):
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": name,
        "s3": {"bucket": {"name": "originals"}, "object": {"key": quote_plus(key, safe="/"), **item}},
    }


@pytest.mark.parametrize(
    "key", ["a b.jpg", "a+b.jpg", "100%.jpg", "%41.jpg", "folder/été.jpg", "📷.jpg", "a" * 896 + ".jpg", "a&b=c;d.jpg"]
)
def test_keys_are_decoded_once(key):
    (change,) = events.storage_changes({"Records": [record(key=key, sequencer="0A", eTag="0123")]})
    assert change == StorageChange(kind="created", bucket="originals", key=key, sequencer="0A", etag="0123")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ObjectCreated:Put", "created"),
        ("ObjectCreated:CompleteMultipartUpload", "created"),
        ("s3:ObjectCreated:Copy", "created"),
        ("ObjectRemoved:Delete", "removed"),
        ("ObjectRemoved:DeleteMarkerCreated", "removed"),
        ("LifecycleExpiration:Delete", "removed"),
    ],
)
def test_kinds(name, kind):
    (change,) = events.storage_changes({"Records": [record(name, sequencer="0A")]})
    assert (change.kind, change.etag) == (kind, None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [(events.SWEEP, "sweep"), ("ObjectCreated:Reprocess", "review"), ("ObjectRemoved:Reprocess", "review")],
)
@pytest.mark.parametrize("key", ["a.jpg", "with space + plus.jpg", "ü/日本.png", "100%.jpg"])
def test_an_event_without_a_sequencer_has_the_object_looked_at_as_it_is(name, kind, key):
    (change,) = events.storage_changes(json.loads(events.without_sequencer("originals", key, name=name)))
    assert change == StorageChange(kind=kind, bucket="originals", key=key)


def test_what_s3_tells_is_a_change_whatever_it_is_called():
    (change,) = events.storage_changes({"Records": [record(events.SWEEP, sequencer="0A")]})
    assert change.kind == "created"


def test_a_batch_keeps_its_order_and_leaves_out_other_kinds(caplog):
    batch = [
        record(key="1.jpg"),
        record("ObjectRestore:Post", key="2.jpg"),
        record("ObjectRemoved:Delete", key="3.jpg"),
    ]
    with caplog.at_level(logging.WARNING):
        changes = events.storage_changes({"Records": batch})
    assert [change.key for change in changes] == ["1.jpg", "3.jpg"]
    assert "another kind" in caplog.text


def test_the_test_event_of_s3_says_nothing():
    assert events.storage_changes({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "originals"}) == []


@pytest.mark.parametrize("event", [{}, {"key1": "value1"}, {"Records": []}])
def test_an_event_without_records_is_explained(event, caplog):
    with caplog.at_level(logging.WARNING):
        assert events.storage_changes(event) == []
    assert "no Records" in caplog.text


def test_a_record_without_bucket_or_key_is_left_out(caplog):
    broken = [{"eventName": "ObjectCreated:Put"}, {"eventName": "ObjectCreated:Put", "s3": {"object": {"key": 5}}}]
    with caplog.at_level(logging.WARNING):
        changes = events.storage_changes({"Records": [*broken, record(key="a.jpg")]})
    assert [change.key for change in changes] == ["a.jpg"]
    assert "without bucket or key" in caplog.text
