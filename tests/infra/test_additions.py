from dataclasses import replace
from typing import Any

import pytest

from chalicelib.settings import SettingsError
from infra import additions, roles
from infra.additions import Additions
from tests.infra.test_roles import estate
from tests.infra.test_stage import ACCOUNT, REGION

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OWN = {"Sid": "ReadOurs", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::ours/*"}


def policies(added: Additions) -> dict[str, dict[str, Any]]:
    described = estate()
    with_them = replace(described, additions=added)
    return {
        kind: {statement["Sid"]: statement for statement in policy["Statement"]}
        for kind, policy in roles.policies(with_them).items()
    }


def read(config: dict[str, Any] | None = None, *keys: str, extra: Any = None) -> Additions:
    return additions.read(config or {}, "prod", keys, extra or {}, roles.KINDS)


def test_nothing_is_added_unasked() -> None:
    plain = roles.policies(estate())
    assert [list(found.values()) for found in policies(read()).values()] == [one["Statement"] for one in plain.values()]


def via(*services: str) -> dict[str, Any]:
    return {"StringLike": {"kms:ViaService": [f"{service}.{REGION}.*" for service in services]}}


@pytest.mark.parametrize(
    ("kind", "decrypting", "encrypting"),
    [
        ("images", ("dynamodb", "s3", "sns", "sqs"), ("dynamodb", "s3", "sns", "sqs")),
        ("sweep", ("dynamodb", "sqs"), ("sqs",)),
        ("notices", ("sns", "sqs"), ("sns", "sqs")),
        ("fan_out", ("sqs", "ssm"), ("sqs",)),
        ("redelivery", ("sqs", "ssm"), ("sqs",)),
        ("restore", ("s3", "sqs"), ("s3", "sqs")),
    ],
)
def test_a_key_is_used_by_way_of_the_services_that_a_function_uses(
    kind: str, decrypting: tuple[str, ...], encrypting: tuple[str, ...]
) -> None:
    found = policies(read(None, KEY))[kind]
    assert found["Decrypt"] == {
        "Sid": "Decrypt",
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": [KEY],
        "Condition": via(*decrypting),
    }
    assert (found["Encrypt"]["Action"], found["Encrypt"]["Resource"]) == (["kms:GenerateDataKey"], [KEY])
    assert found["Encrypt"]["Condition"] == via(*encrypting)


@pytest.mark.parametrize(
    ("config", "inside"),
    [
        ({"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]}, set(roles.KINDS)),
        ({"stages": {"prod": {"subnet_ids": ["subnet-1"]}}}, set(roles.KINDS)),
        ({"stages": {"dev": {"subnet_ids": ["subnet-1"]}}}, set()),
        ({"lambda_functions": {"redeliver": {"subnet_ids": ["subnet-1"]}}}, {"redelivery"}),
        ({"stages": {"prod": {"lambda_functions": {"sweep": {"subnet_ids": ["subnet-1"]}}}}}, {"sweep"}),
    ],
)
def test_lambda_may_attach_functions_to_the_vpc_that_chalice_is_told_of(config: Any, inside: set[str]) -> None:
    found = policies(read(config))
    assert {kind for kind, statements in found.items() if "AttachToVpc" in statements} == inside
    for kind in inside:
        allowed, denied = found[kind]["AttachToVpc"], found[kind]["LeaveVpcToLambda"]
        assert "ec2:CreateNetworkInterface" in allowed["Action"]
        assert (allowed["Effect"], denied["Effect"], denied["Action"]) == ("Allow", "Deny", allowed["Action"])
        functions = denied["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"]
        assert len(functions) == len(roles.KINDS[kind])
        assert all(f":{ACCOUNT}:function:halftone-" in arn for arn in functions), "the code itself may not"


def test_functions_that_are_traced_may_write_traces() -> None:
    for config in ({"xray": True}, {"stages": {"prod": {"xray": True}}}):
        for found in policies(read(config)).values():
            assert found["Trace"]["Action"] == ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
    off = {"xray": True, "stages": {"prod": {"xray": False}}}
    assert not any("Trace" in found for found in policies(read(off)).values())


def test_statements_of_ones_own_are_added_to_one_policy_or_to_every_one() -> None:
    found = policies(read(extra={"images": [OWN]}))
    assert [kind for kind, statements in found.items() if "ReadOurs" in statements] == ["images"]
    assert found["images"]["ReadOurs"] == OWN
    assert all(statements["ReadOurs"] == OWN for statements in policies(read(extra={"every": [OWN]})).values())


def test_a_name_that_iam_would_find_twice_is_refused() -> None:
    twice = {"images": [OWN | {"Sid": "Announce"}]}
    with pytest.raises(SettingsError, match=r"policy-extra\.json: images: expected other names than Announce"):
        policies(read(extra=twice))


def test_every_problem_is_told() -> None:
    with pytest.raises(SettingsError) as caught:
        read(None, KEY, extra={"image": [OWN], "api": [{"Effect": "Allow"}], "sweep": OWN})
    lines = str(caught.value).splitlines()[1:]
    assert [line.partition(": expected")[0] for line in lines] == [
        "policy-extra.json",
        "policy-extra.json: api",
        "policy-extra.json: sweep",
    ]
    assert "got 'image'" in lines[0]


def test_a_statement_of_ones_own_is_not_taken_for_a_folder_of_a_former_pipeline() -> None:
    mine = {"Sid": "Mine", "Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "*"}
    described = estate()
    present = roles.policies(estate())
    present["images"]["Statement"].append(mine)
    assert roles.former_folders(present.values(), described.variables["SOURCE_BUCKET"]) == []
