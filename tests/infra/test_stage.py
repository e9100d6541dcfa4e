import re
from typing import Any

from infra import stage
from infra.subscriptions import Subscription, parse
from localcloud.home import STAGE

ACCOUNT, REGION = "000000000000", "us-east-1"
OUTPUTS = {
    "SourceBucket": f"halftone-{STAGE}-source-{ACCOUNT}-{REGION}",
    "DestBucket": f"halftone-{STAGE}-variants-{ACCOUNT}-{REGION}",
    "ImagesTable": f"halftone-{STAGE}-images",
    "CompletionsTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:halftone-{STAGE}-completions",
    "WorkflowArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:halftone-{STAGE}-workflow",
    "ChainArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:halftone-{STAGE}-chain",
    "PowertoolsServiceName": f"halftone-{STAGE}",
}


def test_outputs_become_variables_and_settings_are_kept() -> None:
    variables = stage.environment(OUTPUTS, {"PIPELINE": "thumbnails", "SOURCE_BUCKET": "old", "MAX_PIXELS": "10"})
    assert variables["SOURCE_BUCKET"] == OUTPUTS["SourceBucket"]
    assert variables["COMPLETIONS_TOPIC_ARN"] == OUTPUTS["CompletionsTopicArn"]
    assert (variables["PIPELINE"], variables["MAX_PIXELS"]) == ("thumbnails", "10")


def test_other_stages_and_other_settings_of_a_stage_are_kept() -> None:
    dev = {
        "lambda_memory_size": 3008,
        "tags": {"team": "photos"},
        "lambda_functions": {"one": {"lambda_timeout": 9}, "two": {"lambda_timeout": 8}},
    }
    config = {"app_name": "halftone", "stages": {"prod": {"a": 1}, "dev": dev}}
    result = stage.configured(config, "dev", {"X": "1"}, {"one": "arn:role"})
    assert result["stages"]["prod"] == {"a": 1}
    assert result["stages"]["dev"] == {
        "lambda_memory_size": 3008,
        "environment_variables": {"X": "1"},
        "lambda_functions": {
            "one": {"lambda_timeout": 9, "iam_role_arn": "arn:role"},
            "two": {"lambda_timeout": 8},
        },
        "manage_iam_role": False,
        "tags": {"app": "halftone", "stage": "dev", "team": "photos"},
    }


def test_no_person_hears_of_an_order_whatever_they_asked_for() -> None:
    for entry in ("a@example.com", "a@example.com failures", "+4915112345678", "+4915112345678 failures"):
        (resource,) = stage.subscriptions(TOPIC, [parse(entry)])["Resources"].values()
        heard = resource["Properties"]["FilterPolicy"]["event"]
        assert "image.failed" in heard
        assert all(event.startswith("image.") for event in heard)


TOPIC = OUTPUTS["CompletionsTopicArn"]
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:any"


def test_each_subscription_is_a_resource_and_queues_get_the_message_alone() -> None:
    named = [
        Subscription(protocol="email", endpoint="ops@example.com", failures_only=True),
        Subscription(protocol="sms", endpoint="+4915112345678"),
        Subscription(protocol="sqs", endpoint=QUEUE),
        Subscription(protocol="sqs", endpoint=f"{QUEUE}-failures", failures_only=True),
    ]
    resources = stage.subscriptions(TOPIC, named)["Resources"]
    assert {resource["Type"] for resource in resources.values()} == {"AWS::SNS::Subscription"}
    assert [resource["Properties"] for resource in resources.values()] == [
        {
            "TopicArn": TOPIC,
            "Protocol": "email",
            "Endpoint": "ops@example.com",
            "FilterPolicy": {"event": ["image.failed"]},
        },
        {
            "TopicArn": TOPIC,
            "Protocol": "sms",
            "Endpoint": "+4915112345678",
            "FilterPolicy": {"event": ["image.ready", "image.failed", "image.deleted"]},
        },
        {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE, "RawMessageDelivery": True},
        {
            "TopicArn": TOPIC,
            "Protocol": "sqs",
            "Endpoint": f"{QUEUE}-failures",
            "FilterPolicy": {"event": ["image.failed", "order.failed"]},
            "RawMessageDelivery": True,
        },
    ]


def test_another_filter_is_the_same_resource_and_another_address_is_another() -> None:
    def named(endpoint: str, *, failures_only: bool) -> set[str]:
        one = Subscription(protocol="email", endpoint=endpoint, failures_only=failures_only)
        return set(stage.subscriptions(TOPIC, [one])["Resources"])

    assert named("a@example.com", failures_only=True) == named("a@example.com", failures_only=False)
    assert named("a@example.com", failures_only=True) != named("b@example.com", failures_only=True)
    assert all(re.fullmatch("[A-Za-z0-9]+", name) for name in named("a@example.com", failures_only=True))


def test_no_stage_has_a_stack_of_the_name_of_anothers() -> None:
    longest = 20  # the AllowedPattern of the template
    for name in (stage.subscriptions_stack("a"), stage.roles_stack("a")):
        assert len(name.removeprefix(f"{stage.APP}-a-")) > longest


def test_everything_is_tagged_as_chalice_tags_the_functions() -> None:
    config = {"tags": {"team": "photos", "app": "other"}, "stages": {"prod": {"tags": {"cost": "1"}}}}
    assert stage.tags(config, "prod") == {"team": "photos", "app": "halftone", "stage": "prod", "cost": "1"}
    written = stage.configured(config, "prod", {}, {})
    assert {**written["tags"], **written["stages"]["prod"]["tags"]} == stage.tags(config, "prod"), "as Chalice merges"
    assert stage.tags(written, "prod") == stage.tags(config, "prod")


def test_a_setting_of_a_function_is_found_where_chalice_finds_it() -> None:
    config: dict[str, Any] = {"size": 1, "lambda_functions": {"one": {"size": 2}, "two": {"size": 3}}}
    config["stages"] = {"prod": {"size": 4, "lambda_functions": {"one": {"size": 5}}}}
    assert [stage.setting(config, "prod", name, "size") for name in ("one", "two", "three")] == [5, 4, 4]
    assert [stage.setting(config, "dev", name, "size") for name in ("one", "two", "three")] == [2, 3, 1]
    assert stage.setting(config, "dev", "one", "other") is None
