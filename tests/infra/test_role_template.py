from dataclasses import replace
from typing import Any

from cfnlint.api import lint

from infra import inventory, role_template, roles, stage
from infra.additions import Additions
from tests.infra.test_roles import estate
from tests.infra.test_stage import REGION

HANDLERS = [handler for handlers in roles.KINDS.values() for handler in handlers]
BOUNDARY = "arn:aws:iam::000000000000:policy/developers"


def granted(boundary: str = "") -> dict[str, Any]:
    return role_template.template(estate(), boundary)["Resources"]


def test_each_function_has_a_role_with_the_policy_of_its_kind() -> None:
    documents = roles.policies(estate())
    expected = {
        f"halftone-local-{handler}.role": documents[kind]
        for kind, handlers in roles.KINDS.items()
        for handler in handlers
    }
    found = {one["Properties"]["RoleName"]: one["Properties"]["Policies"] for one in granted().values()}
    assert found == {name: [{"PolicyName": "function", "PolicyDocument": one}] for name, one in expected.items()}
    assert set(role_template.role_arns(estate()).values()) == {
        f"arn:aws:iam::000000000000:role/{name}" for name in found
    }


def test_a_boundary_is_that_of_every_role() -> None:
    assert {one["Properties"]["PermissionsBoundary"] for one in granted(BOUNDARY).values()} == {BOUNDARY}
    assert not [one for one in granted().values() if "PermissionsBoundary" in one["Properties"]]


def test_only_lambda_may_take_a_role() -> None:
    for one in granted().values():
        (statement,) = one["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert (statement["Principal"], statement["Action"]) == ({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")


def test_names_of_roles_are_short_enough_and_none_is_taken_for_a_role_of_chalices() -> None:
    for handler in HANDLERS:
        name = role_template.role_name("a" * 20, handler)
        assert len(name) <= 64, "IAM has room for no more"
        assert inventory.handler("a" * 20, name) is None


def test_the_template_is_valid_and_small_enough_with_all_that_can_be_added() -> None:
    keys = tuple(f"arn:aws:kms:us-east-1:000000000000:key/{n:036}" for n in range(5))
    added = Additions(keys=keys, in_vpc=frozenset(HANDLERS), traced=True)
    text = stage.compact(role_template.template(replace(estate(), additions=added), BOUNDARY))
    assert len(text.encode()) <= 51_200, "CloudFormation takes no more without a bucket"
    assert lint(text, regions=[REGION]) == []
