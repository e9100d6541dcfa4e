import json
import re
from typing import Any

from chalicelib import pipelines
from chalicelib.model import Pipeline, Restore, Source, VariantSpec
from chalicelib.subscriptions import Subscription
from infra import stage
from localcloud.home import ROOT, STAGE

ACCOUNT, REGION = "000000000000", "us-east-1"
OUTPUTS = {
    "SourceBucket": f"halftone-{STAGE}-source-{ACCOUNT}",
    "DestBucket": f"halftone-{STAGE}-variants-{ACCOUNT}",
    "ImagesTable": f"halftone-{STAGE}-images",
    "CompletionsTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:halftone-{STAGE}-completions",
    "WorkflowArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:halftone-{STAGE}-workflow",
    "ChainArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:halftone-{STAGE}-chain",
    "PowertoolsServiceName": f"halftone-{STAGE}",
}


def committed(name: str) -> dict[str, Any]:
    return json.loads((ROOT / ".chalice" / name).read_text())


def statements(*variants: VariantSpec, restore: Restore | None = None, **variables: str) -> dict[str, dict[str, Any]]:
    environment = stage.environment(OUTPUTS, variables)
    pipeline = Pipeline(name="mine", source=Source(), variants=variants, restore=restore)
    document = stage.policy(STAGE, REGION, ACCOUNT, environment, pipeline)
    return {statement["Sid"]: statement for statement in document["Statement"]}


def test_outputs_become_variables_and_settings_are_kept() -> None:
    variables = stage.environment(OUTPUTS, {"PIPELINE": "thumbnails", "SOURCE_BUCKET": "old", "MAX_PIXELS": "10"})
    assert variables["SOURCE_BUCKET"] == OUTPUTS["SourceBucket"]
    assert variables["COMPLETIONS_TOPIC_ARN"] == OUTPUTS["CompletionsTopicArn"]
    assert (variables["PIPELINE"], variables["MAX_PIXELS"]) == ("thumbnails", "10")


def test_the_committed_local_stage_is_what_a_deployment_writes() -> None:
    """`chalice deploy --stage local` works as it stands, and `make up` changes nothing."""
    config = committed("config.json")
    without = {**config, "stages": {}}
    variables = stage.environment(OUTPUTS, {})
    assert stage.configured(without, STAGE, variables) == config
    assert committed("policy-local.json") == stage.policy(STAGE, REGION, ACCOUNT, variables, pipelines.load("default"))


def test_other_stages_and_other_settings_of_a_stage_are_kept() -> None:
    config = {"app_name": "halftone", "stages": {"prod": {"a": 1}, "dev": {"lambda_memory_size": 3008}}}
    result = stage.configured(config, "dev", {"X": "1"})
    assert result["stages"]["prod"] == {"a": 1}
    assert result["stages"]["dev"]["lambda_memory_size"] == 3008
    assert result["stages"]["dev"]["environment_variables"] == {"X": "1"}


def test_nothing_is_allowed_on_everything() -> None:
    for sid, statement in statements().items():
        assert not [action for action in statement["Action"] if "*" in action], sid
        assert all(resource.startswith("arn:aws:") for resource in statement["Resource"]), sid
        assert not [resource for resource in statement["Resource"] if resource.endswith("::*") or ":::*" in resource]


def test_originals_are_never_written() -> None:
    source = f"arn:aws:s3:::{OUTPUTS['SourceBucket']}/*"
    writing = [s for s in statements().values() if {"s3:PutObject", "s3:DeleteObject"} & set(s["Action"])]
    assert writing
    assert all(source not in statement["Resource"] for statement in writing)


def test_a_pipeline_that_restores_may_write_there_and_nowhere_else() -> None:
    restoring = statements(restore=Restore(origin="in/", target="back/"))
    source = f"arn:aws:s3:::{OUTPUTS['SourceBucket']}/"
    written = [
        resource
        for statement in restoring.values()
        if "s3:PutObject" in statement["Action"]
        for resource in statement["Resource"]
        if resource.startswith(source)
    ]
    assert written == [f"{source}back/*"]


def test_work_can_be_handed_over_to_two_functions_and_to_one_machine() -> None:
    allowed = statements()
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:halftone-{STAGE}"
    assert allowed["HandOver"]["Resource"] == [f"{function}-redeliver", f"{function}-resize_later"]
    assert allowed["StartWorkflows"]["Resource"] == [OUTPUTS["WorkflowArn"]]
    executions = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:halftone-{STAGE}-workflow:*"
    assert allowed["FollowWorkflows"]["Resource"] == [executions]


def test_variants_that_another_pipeline_left_in_the_source_bucket_may_be_removed_and_not_written() -> None:
    environment = stage.environment(OUTPUTS, {})
    source, folder = OUTPUTS["SourceBucket"], f"arn:aws:s3:::{OUTPUTS['SourceBucket']}/thumbnails/*"
    first = stage.policy(STAGE, REGION, ACCOUNT, environment, pipelines.load("thumbnails"))
    assert stage.former_folders(first, source) == [folder]
    assert stage.former_folders({}, source) == []

    def then(name: str, before: dict[str, Any]) -> dict[str, Any]:
        former = stage.former_folders(before, source)
        return stage.policy(STAGE, REGION, ACCOUNT, environment, pipelines.load(name), former)

    second = then("transfer", first)
    (removing,) = [found for found in second["Statement"] if folder in found["Resource"]]
    assert (removing["Sid"], removing["Action"]) == ("RemoveFormerVariants", ["s3:DeleteObject"])
    assert then("default", second)["Statement"] == second["Statement"], "and also later"
    assert then("thumbnails", second) == first


def test_allowed_buckets_are_in_the_policy() -> None:
    allowed = statements(ALLOWED_BUCKETS="one, two")
    assert {"arn:aws:s3:::one/*", "arn:aws:s3:::two/*"} <= set(allowed["WriteVariants"]["Resource"])
    assert {"arn:aws:s3:::one/*", "arn:aws:s3:::two/*"} <= set(allowed["ReadOriginals"]["Resource"])


def test_a_pipeline_that_writes_beside_the_originals_may_write_to_its_folders_and_nowhere_else() -> None:
    specs = (
        VariantSpec(name="small", bucket="source", key="thumbnails/{variant}/{key}"),
        VariantSpec(name="big", bucket="source", key="{variant}/{key}"),
        VariantSpec(name="other", key="elsewhere/{key}"),
    )
    source = f"arn:aws:s3:::{OUTPUTS['SourceBucket']}"
    writing = statements(*specs)["WriteVariants"]["Resource"]
    assert [found for found in writing if found.startswith(source)] == [
        f"{source}/big/*",
        f"{source}/thumbnails/small/*",
    ]


TOPIC = OUTPUTS["CompletionsTopicArn"]
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:any"


def test_each_subscription_is_a_resource_and_queues_get_the_message_alone() -> None:
    named = [
        Subscription(protocol="email", endpoint="ops@example.com", failures_only=True),
        Subscription(protocol="sms", endpoint="+4915112345678"),
        Subscription(protocol="sqs", endpoint=QUEUE),
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
        {"TopicArn": TOPIC, "Protocol": "sms", "Endpoint": "+4915112345678"},
        {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE, "RawMessageDelivery": True},
    ]


def test_another_filter_is_the_same_resource_and_another_address_is_another() -> None:
    def named(endpoint: str, *, failures_only: bool) -> set[str]:
        one = Subscription(protocol="email", endpoint=endpoint, failures_only=failures_only)
        return set(stage.subscriptions(TOPIC, [one])["Resources"])

    assert named("a@example.com", failures_only=True) == named("a@example.com", failures_only=False)
    assert named("a@example.com", failures_only=True) != named("b@example.com", failures_only=True)
    assert all(re.fullmatch("[A-Za-z0-9]+", name) for name in named("a@example.com", failures_only=True))


def test_no_stage_has_a_stack_of_the_name_of_anothers_subscriptions() -> None:
    longest = 20  # the AllowedPattern of the template
    assert len(stage.subscriptions_stack("a").removeprefix(f"{stage.APP}-a-")) > longest
