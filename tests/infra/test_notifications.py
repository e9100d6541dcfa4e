import pytest

from chalicelib.model.pipeline import Pipeline, Restore, Source
from infra import notifications
from infra.notifications import Filter

ALL, PUT, REMOVED = ("s3:ObjectCreated:*",), ("s3:ObjectCreated:Put",), ("s3:ObjectRemoved:*",)


def overlap(one: Filter, other: Filter) -> bool:
    assert one.overlaps(other) == other.overlaps(one)
    return one.overlaps(other)


def test_filters_overlap_as_s3_has_it() -> None:
    jpegs = Filter("a", PUT, "in/", ".jpg")
    assert overlap(jpegs, jpegs)
    assert overlap(jpegs, Filter("b", ALL))
    assert overlap(jpegs, Filter("b", ALL, "in/new/", "b.jpg"))
    assert overlap(jpegs, Filter("b", (*REMOVED, *PUT), "", ".jpg"))
    assert not overlap(jpegs, Filter("b", ALL, "out/"))
    assert not overlap(jpegs, Filter("b", ALL, "in/", ".png"))
    assert not overlap(jpegs, Filter("b", REMOVED))
    assert not overlap(jpegs, Filter("b", ("s3:ObjectCreated:Copy",)))


CONFIGURATION = {
    "EventBridgeConfiguration": {},
    "LambdaFunctionConfigurations": [
        {"LambdaFunctionArn": "ours", "Events": ["s3:ObjectCreated:*"]},
        {
            "LambdaFunctionArn": "theirs",
            "Events": ["s3:ObjectRemoved:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "in/"}, {"Name": "suffix", "Value": "g"}]}},
        },
    ],
    "QueueConfigurations": [{"QueueArn": "queue", "Events": ["s3:ObjectCreated:Put", "s3:ObjectCreated:Post"]}],
    "TopicConfigurations": [{"TopicArn": "topic", "Events": ["s3:ObjectCreated:Copy"]}],
    "ResponseMetadata": {},
}


def test_a_buckets_configuration_is_read_whole() -> None:
    assert list(notifications.filters(CONFIGURATION)) == [
        Filter("ours", ALL),
        Filter("theirs", REMOVED, "in/", "g"),
        Filter("queue", ("s3:ObjectCreated:Put", "s3:ObjectCreated:Post")),
        Filter("topic", ("s3:ObjectCreated:Copy",)),
    ]


def test_only_ones_own_is_taken_out() -> None:
    left = notifications.without(CONFIGURATION, {"ours"})
    assert [one["LambdaFunctionArn"] for one in left["LambdaFunctionConfigurations"]] == ["theirs"]
    assert {"EventBridgeConfiguration", "QueueConfigurations", "TopicConfigurations"} < set(left)
    assert "ResponseMetadata" not in left, "S3 would not take it"
    assert notifications.without(left, {"ours"}) == left


def test_a_restoring_pipeline_listens_to_both_buckets() -> None:
    mine = Pipeline(name="mine", source=Source(prefix="in/"), variants=(), restore=Restore(origin="in/", target="b/"))
    uploads, variants = Filter("on_upload", notifications.UPLOADS, "in/"), Filter("on_destination", ALL)
    assert notifications.wanted(mine, "source", "dest") == {"source": [uploads], "dest": [variants]}


@pytest.mark.parametrize("prefix", ["", "in/"])
def test_an_overlap_is_told_in_words(prefix: str) -> None:
    told = str(Filter("arn:theirs", PUT, prefix, ".jpg"))
    assert told == f"arn:theirs (s3:ObjectCreated:Put of {prefix}*.jpg)"
