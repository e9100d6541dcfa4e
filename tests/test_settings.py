import pytest

from chalicelib import settings
from chalicelib.model.picture import Limits

NAMES = {
    "SOURCE_BUCKET": "originals",
    "DEST_BUCKET": "variants",
    "IMAGES_TABLE": "images",
    "COMPLETIONS_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:completions",
    "WORKFLOW_ARN": "arn:aws:states:eu-west-1:123456789012:stateMachine:workflow",
}


def test_a_minimal_environment_gets_the_documented_defaults():
    stage = settings.load(NAMES)
    assert (stage.pipeline, stage.event_bus) == ("default", None)
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
            "MAX_MOVING_PIXELS": "40",
            "MAX_CPU_SECONDS": "50",
        }
    )
    assert (stage.pipeline, stage.event_bus) == ("mine.toml", "bus")
    assert stage.allowed_buckets == {"originals", "variants", "one", "two"}
    assert stage.limits == Limits(max_bytes=10, max_pixels=20, max_frames=30, max_moving_pixels=40, max_cpu_seconds=50)


def test_every_problem_is_reported_together():
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(
            {
                "DEST_BUCKET": "variants",
                "COMPLETIONS_TOPIC_ARN": "completions",
                "WORKFLOW_ARN": "arn:aws:states:eu-west-1:123456789012:execution:workflow:one",
                "MAX_PIXELS": "-1",
            }
        )
    lines = str(caught.value).splitlines()[1:]
    assert [line.partition(":")[0] for line in lines] == [
        "SOURCE_BUCKET",
        "IMAGES_TABLE",
        "COMPLETIONS_TOPIC_ARN",
        "WORKFLOW_ARN",
        "MAX_PIXELS",
    ]
    assert "got '-1'" in lines[-1]


def test_a_deployment_without_names_is_refused_and_an_import_is_not():
    assert settings.triggers({}).source_bucket == "unset"
    with pytest.raises(settings.SettingsError, match="SOURCE_BUCKET"):
        settings.triggers({"AWS_CHALICE_CLI_MODE": "true"})
    assert settings.triggers(NAMES | {"AWS_CHALICE_CLI_MODE": "true"}).source_bucket == "originals"


def test_webhooks_go_to_the_hosts_that_are_named_and_to_none_without():
    assert settings.load(NAMES).webhook_hosts == frozenset()
    stage = settings.load(NAMES | {"WEBHOOK_HOSTS": "hooks.example.com, .example.org"})
    assert stage.webhook_hosts == {"hooks.example.com", ".example.org"}


def test_every_problem_of_webhook_hosts_is_reported_with_the_others():
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(NAMES | {"MAX_PIXELS": "0", "WEBHOOK_HOSTS": "hooks.example.com, *.example.net, .org, 10.0.0.1"})
    lines = str(caught.value).splitlines()[1:]
    assert [line.partition(": ")[0] for line in lines] == ["MAX_PIXELS", *["WEBHOOK_HOSTS"] * 3]


@pytest.mark.parametrize("name", ["WEBHOOK_SECRET", "WEBHOOK_URLS", "NOTIFY"])
def test_what_all_functions_would_have_is_not_taken_from_the_environment(name):
    with pytest.raises(settings.SettingsError, match=f"{name}: expected .*, not in the environment") as caught:
        settings.load(NAMES | {name: "whsec_value"})
    assert "whsec_value" not in str(caught.value)


@pytest.mark.parametrize(
    ("running", "name", "function"),
    [
        ("halftone-my-stage-on_completion", "redeliver_function", "halftone-my-stage-redeliver"),
        ("halftone-my-stage", "deferred_function", "halftone-my-stage-resize_later"),
        ("halftone-my-stage-sweep", "upload_function", "halftone-my-stage-on_upload"),
        ("halftone-my-stage-redeliver", "parameters", "/halftone-my-stage/"),
    ],
)
def test_the_functions_that_work_is_handed_to_are_beside_the_one_that_runs(running, name, function):
    assert getattr(settings.load(NAMES | {"AWS_LAMBDA_FUNCTION_NAME": running}), name) == function


@pytest.fixture
def restoring(tmp_path):
    """A pipeline that restores."""
    path = tmp_path / "restoring.toml"
    path.write_text('[source]\nprefix = "in/"\n[variants.small]\nwidth = 1\n[restore]\nfrom = "in/"\nto = "back/"\n')
    return {"PIPELINE": str(path)}


def test_the_destination_bucket_is_guarded_when_the_pipeline_restores(restoring):
    assert settings.triggers(NAMES | restoring).guarded_bucket == "variants"
    assert settings.triggers(NAMES | {"PIPELINE": "default"}).guarded_bucket is None
    assert settings.triggers(NAMES).guarded_bucket is None


@pytest.mark.parametrize(
    ("prefix", "filtered"),
    [
        ("", None),
        ("uploads/", "uploads/"),
        ("a/b-c_d.e!(f)'g/", "a/b-c_d.e!(f)'g/"),
        ("my photos/", "my"),
        ("albums/J\u00fcrgen/", "albums/J"),
        ("50%/", "50"),
        ("*", None),
        ("a+b/", "a"),
    ],
)
def test_s3_filters_uploads_as_far_as_the_prefix_needs_no_encoding(tmp_path, prefix, filtered):
    path = tmp_path / "mine.toml"
    path.write_text(f'[source]\nprefix = "{prefix}"\n[variants.small]\nwidth = 1\n')
    assert settings.triggers(NAMES | {"PIPELINE": str(path)}).uploads_under == filtered
    assert settings.triggers(NAMES).uploads_under is None


def test_a_pipeline_that_restores_is_not_deployed_into_one_bucket(restoring):
    deploying = NAMES | restoring | {"AWS_CHALICE_CLI_MODE": "true"}
    assert settings.triggers(deploying).guarded_bucket == "variants"
    with pytest.raises(settings.SettingsError, match="DEST_BUCKET: expected another bucket"):
        settings.triggers(deploying | {"DEST_BUCKET": "originals"})
