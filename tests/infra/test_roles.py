import json
from typing import Any

import pytest

import app as halftone_app
from chalicelib.model.picture import VariantSpec
from chalicelib.model.pipeline import Pipeline, Restore, Source
from chalicelib.pipelines import loading
from infra import role_template, roles, stage
from localcloud.home import ROOT, STAGE
from tests.iam import allowed
from tests.infra.test_stage import ACCOUNT, OUTPUTS, REGION

SOURCE, DEST = f"arn:aws:s3:::{OUTPUTS['SourceBucket']}", f"arn:aws:s3:::{OUTPUTS['DestBucket']}"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:halftone-{STAGE}"
OWN = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}
READING = {"s3:GetObject", "s3:ListBucket"}
IMAGES = READING | {"s3:PutObject", "s3:DeleteObject", "dynamodb:GetItem", "dynamodb:PutItem", "sns:Publish"}
WORKFLOWS = {"states:StartExecution", "states:DescribeExecution", "states:GetExecutionHistory"}
EXPECTED = {
    "on_upload": IMAGES,
    "resize_task": IMAGES,
    "resize_later": IMAGES,
    "chain_resize": IMAGES,
    "chain_store": {"dynamodb:GetItem", "dynamodb:PutItem"},
    "api_handler": IMAGES | WORKFLOWS | {"lambda:InvokeFunction"},
    "chain_notify": {"sns:Publish"},
    "on_completion": {"events:PutEvents", "lambda:InvokeFunction", "ssm:GetParameter"},
    "redeliver": {"events:PutEvents", "ssm:GetParameter"},
    "sweep": {"dynamodb:Query", "lambda:InvokeFunction"},
    "on_destination": READING | {"s3:PutObject"},
}


def estate(*variants: VariantSpec, former: tuple[str, ...] = (), **variables: str) -> roles.Estate:
    pipeline = Pipeline(
        name="mine", source=Source(), variants=variants, restore=Restore(origin="in/", target="in/back/")
    )
    present = {"EVENT_BUS": "default", **variables}
    return roles.Estate(STAGE, REGION, ACCOUNT, "aws", stage.environment(OUTPUTS, present), pipeline, former)


def statements(handler: str, described: roles.Estate | None = None) -> list[dict[str, Any]]:
    kind = next(kind for kind, handlers in roles.KINDS.items() if handler in handlers)
    found = roles.policies(described or estate())[kind]
    assert found["Version"] == "2012-10-17"
    return found["Statement"]


def may(handler: str, resource: str, described: roles.Estate | None = None) -> set[str]:
    return allowed(statements(handler, described), resource)


def by_sid(handler: str, described: roles.Estate | None = None) -> dict[str, list[str]]:
    return {statement["Sid"]: statement["Resource"] for statement in statements(handler, described)}


def test_without_an_event_bus_nobody_may_send_to_one() -> None:
    for handlers in roles.KINDS.values():
        assert "FanOut" in by_sid(handlers[0]) or handlers[0] not in {"on_completion", "redeliver"}
        assert "FanOut" not in by_sid(handlers[0], estate(EVENT_BUS=""))


def test_the_committed_local_stage_is_what_a_deployment_writes() -> None:
    """`chalice deploy --stage local` works as it stands, and `make up` changes nothing."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    variables = stage.environment(OUTPUTS, {"EVENT_BUS": "default"})
    local = roles.Estate(STAGE, REGION, ACCOUNT, "aws", variables, loading.load("default"))
    assert stage.configured({**config, "stages": {}}, STAGE, variables, role_template.role_arns(local)) == config


def test_every_function_has_a_policy() -> None:
    registered = {source.name for source in halftone_app.app.event_sources}
    registered |= {function.name for function in halftone_app.app.pure_lambda_functions}
    assert set(estate().handlers) == registered | {"api_handler", "on_destination"}
    assert set(roles.policies(estate())) == set(roles.KINDS)
    default = roles.Estate(STAGE, REGION, ACCOUNT, "aws", stage.environment(OUTPUTS, {}), loading.load("default"))
    assert set(default.handlers) == registered | {"api_handler"}, (
        "a pipeline that restores nothing has no such function"
    )
    assert set(roles.policies(default)) == set(roles.KINDS) - {"restore"}


@pytest.mark.parametrize("handler", EXPECTED)
def test_a_function_may_do_what_it_does_and_nothing_else(handler: str) -> None:
    """So those that talk to hosts of others may touch no picture and no record, and start nothing."""
    granted = [statement for statement in statements(handler) if statement["Effect"] == "Allow"]
    actions = [action for statement in granted for action in statement["Action"]]
    assert sorted(actions) == sorted(OWN | EXPECTED[handler]), "nothing by a pattern, and nothing twice"


@pytest.mark.parametrize("handler", EXPECTED)
def test_nothing_is_allowed_on_everything(handler: str) -> None:
    for other in ("*", "arn:aws:s3:::somebody-elses", "arn:aws:s3:::somebody-elses/a.jpg", f"{SOURCE}-2/a.jpg"):
        assert may(handler, other) == set()
    for service, resource in {
        "dynamodb": "table/halftone-local-other",
        "sns": "halftone-local-other",
        "sqs": "halftone-local-other",
        "events": "event-bus/other",
        "lambda": "function:halftone-local-chain_store",
        "ssm": "parameter/halftone-local/other",
        "states": "stateMachine:halftone-local-chain",
        "logs": "log-group:/aws/lambda/halftone-local-eu-on_upload:log-stream:a",
    }.items():
        assert may(handler, f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}") == set()


def test_each_function_writes_the_logs_of_its_kind() -> None:
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/halftone-{STAGE}"
    assert by_sid("api_handler")["WriteLogs"] == [f"{group}:*"]
    assert by_sid("redeliver")["WriteLogs"] == [f"{group}-redeliver:*"]
    for handler in set(EXPECTED) - {"api_handler"}:
        assert may(handler, f"{group}-{handler}:log-stream:a")


@pytest.mark.parametrize("handler", EXPECTED)
def test_originals_are_never_written(handler: str) -> None:
    assert may(handler, f"{SOURCE}/a.jpg") <= {"s3:GetObject"}
    assert may(handler, f"{SOURCE}/in/a.jpg") <= {"s3:GetObject"}


def test_a_pipeline_that_restores_may_read_and_write_there_and_nowhere_else() -> None:
    assert may("on_destination", f"{SOURCE}/in/a.jpg") == {"s3:GetObject"}
    assert may("on_destination", f"{SOURCE}/in/back/a.jpg") == {"s3:GetObject", "s3:PutObject"}
    assert may("on_destination", f"{SOURCE}/a.jpg") == set()
    assert may("on_destination", f"{DEST}/a.jpg") == {"s3:GetObject"}
    assert may("on_upload", f"{SOURCE}/in/back/a.jpg") == {"s3:GetObject"}


def test_work_can_be_handed_over_to_one_function_each_and_to_one_machine() -> None:
    assert by_sid("on_completion")["HandOver"] == [f"{FUNCTION}-redeliver"]
    assert by_sid("api_handler")["HandOver"] == [f"{FUNCTION}-resize_later"]
    assert by_sid("sweep")["HandOver"] == [f"{FUNCTION}-on_upload"]
    assert by_sid("api_handler")["StartWorkflows"] == [OUTPUTS["WorkflowArn"]]
    executions = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:halftone-{STAGE}-workflow:*"
    assert by_sid("api_handler")["FollowWorkflows"] == [executions]


def test_secrets_are_read_by_their_names() -> None:
    parameters = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/halftone-{STAGE}"
    for handler in ("on_completion", "redeliver"):
        assert by_sid(handler)["ReadSecrets"] == [f"{parameters}/webhook-secret", f"{parameters}/webhook-urls"]


def test_the_sweep_reads_the_index_of_what_is_unfinished_and_no_record() -> None:
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{OUTPUTS['ImagesTable']}"
    assert may("sweep", f"{table}/index/unfinished") == {"dynamodb:Query"}
    assert may("sweep", table) == set()
    assert may("sweep", f"{table}/index/other") == set()


@pytest.mark.parametrize("handler", ["on_upload", "api_handler"])
def test_variants_that_another_pipeline_left_in_the_source_bucket_may_be_removed_and_not_written(handler: str) -> None:
    variables = stage.environment(OUTPUTS, {})
    source, thumbnail = OUTPUTS["SourceBucket"], f"{SOURCE}/thumbnails/a.jpg"

    def then(name: str, before: dict[str, Any]) -> dict[str, Any]:
        former = roles.former_folders(before.values(), source)
        return roles.policies(roles.Estate(STAGE, REGION, ACCOUNT, "aws", variables, loading.load(name), former))

    def removable(policies: dict[str, Any]) -> set[str]:
        kind = next(kind for kind, handlers in roles.KINDS.items() if handler in handlers)
        return allowed(policies[kind]["Statement"], thumbnail)

    assert roles.former_folders([], source) == []
    first = then("thumbnails", {})
    assert roles.former_folders(first.values(), source) == [f"{SOURCE}/thumbnails/*"]
    assert removable(first) == {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}
    second = then("transfer", first)
    assert removable(second) == {"s3:GetObject", "s3:DeleteObject"}
    assert then("default", second) == second, "and also later"
    assert then("thumbnails", second) == first


@pytest.mark.parametrize("handler", ["on_upload", "api_handler"])
def test_allowed_buckets_may_be_read_and_written(handler: str) -> None:
    described = estate(ALLOWED_BUCKETS="one, two")
    for name in ("one", "two"):
        assert may(handler, f"arn:aws:s3:::{name}", described) == {"s3:ListBucket"}
        assert may(handler, f"arn:aws:s3:::{name}/a", described) == {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}


def test_a_pipeline_that_writes_beside_the_originals_may_write_to_its_folders_and_nowhere_else() -> None:
    described = estate(
        VariantSpec(name="small", bucket="source", key="thumbnails/{variant}/{key}"),
        VariantSpec(name="big", bucket="source", key="{variant}/{key}"),
        VariantSpec(name="other", key="elsewhere/{key}"),
    )
    writing = by_sid("on_upload", described)["WriteVariants"]
    assert writing == [f"{DEST}/*", f"{SOURCE}/big/*", f"{SOURCE}/thumbnails/small/*"]


def test_no_policy_names_a_partition_of_its_own() -> None:
    """In China and in GovCloud ARNs begin otherwise."""
    variables = {
        name: value.replace("arn:aws:", "arn:aws-cn:") for name, value in stage.environment(OUTPUTS, {}).items()
    }
    pipeline = Pipeline(name="mine", source=Source(), variants=(), restore=Restore(origin="in/", target="in/back/"))
    elsewhere = roles.Estate(STAGE, "cn-north-1", ACCOUNT, "aws-cn", variables, pipeline)
    found = json.dumps(roles.policies(elsewhere))
    assert "arn:aws-cn:s3:::" in found
    assert "arn:aws:" not in found
