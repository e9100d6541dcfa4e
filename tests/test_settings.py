import pytest

from chalicelib import settings
from chalicelib.model import Limits

NAMES = {
    "SOURCE_BUCKET": "originals",
    "DEST_BUCKET": "variants",
    "IMAGES_TABLE": "images",
    "COMPLETIONS_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:completions",
}


def test_a_minimal_environment_gets_the_documented_defaults():
    stage = settings.load(NAMES)
    assert (stage.pipeline, stage.event_bus) == ("default", "default")
    assert stage.limits == Limits(max_bytes=50_000_000, max_pixels=100_000_000, max_frames=1_000)
    assert stage.allowed_buckets == {"originals", "variants"}


def test_everything_can_be_set():
    stage = settings.load(
        NAMES
        | {
            "PIPELINE": "mine.toml",
            "EVENT_BUS": "bus",
            "ALLOWED_BUCKETS": "one, two,,",
            "MAX_FILE_BYTES": "10",
            "MAX_PIXELS": "20",
            "MAX_FRAMES": "30",
        }
    )
    assert (stage.pipeline, stage.event_bus) == ("mine.toml", "bus")
    assert stage.allowed_buckets == {"originals", "variants", "one", "two"}
    assert (stage.limits.max_bytes, stage.limits.max_pixels, stage.limits.max_frames) == (10, 20, 30)


def test_every_problem_is_reported_together():
    with pytest.raises(settings.SettingsError) as caught:
        settings.load({"DEST_BUCKET": "variants", "COMPLETIONS_TOPIC_ARN": "completions", "MAX_PIXELS": "-1"})
    lines = str(caught.value).splitlines()[1:]
    assert [line.partition(":")[0] for line in lines] == [
        "SOURCE_BUCKET",
        "IMAGES_TABLE",
        "COMPLETIONS_TOPIC_ARN",
        "MAX_PIXELS",
    ]
    assert "got '-1'" in lines[-1]


def test_a_deployment_without_names_is_refused_and_an_import_is_not():
    assert settings.triggers({}).source_bucket == "unset"
    with pytest.raises(settings.SettingsError, match="SOURCE_BUCKET"):
        settings.triggers({"AWS_CHALICE_CLI_MODE": "true"})
    assert settings.triggers(NAMES | {"AWS_CHALICE_CLI_MODE": "true"}).source_bucket == "originals"
