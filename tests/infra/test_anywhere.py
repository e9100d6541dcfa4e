from typing import Any

import pytest

from infra import anywhere
from infra.anywhere import ANYWHERE

REGION, ACCOUNT = ANYWHERE.region, ANYWHERE.account


def template(**resources: Any) -> dict[str, Any]:
    return {
        "Parameters": {"Name": {"Type": "String"}, "Kind": {"Type": "String"}},
        "Conditions": {"Own": {"Fn::Equals": [{"Ref": "Kind"}, "own"]}},
        "Resources": resources,
        "Outputs": {},
    }


def test_parameters_and_conditions_are_worked_out() -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Condition": "Own", "Properties": {"BucketName": {"Ref": "Name"}}}
    found = anywhere.resolved(template(Bucket=bucket), {"Name": f"photos-{REGION}", "Kind": "own"})
    assert "Parameters" not in found
    assert "Conditions" not in found
    assert found["Resources"] == {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::Sub": f"photos-{REGION}"}}}
    }
    assert anywhere.resolved(template(Bucket=bucket), {"Name": "photos", "Kind": "foreign"})["Resources"] == {}


def test_what_a_condition_chooses_is_there_and_no_value_is_nothing() -> None:
    choice = {
        "A": {"Fn::If": ["Own", {"Ref": "Name"}, {"Ref": "AWS::NoValue"}]},
        "B": {"Fn::If": ["Other", 1, {"Ref": "AWS::NoValue"}]},
    }
    document = template(One={"Type": "any", "Properties": choice})
    document["Conditions"]["Other"] = {"Fn::Not": [{"Fn::Equals": [{"Ref": "Kind"}, "own"]}]}
    for kind, expected in {"own": {"A": "x"}, "foreign": {"B": 1}}.items():
        found = anywhere.resolved(document, {"Name": "x", "Kind": kind})
        assert found["Resources"]["One"]["Properties"] == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"Fn::Sub": "${Name}-a"}, "x-a"),
        ({"Fn::Sub": f"${{Name}}-{REGION}"}, {"Fn::Sub": f"x-{REGION}"}),
        ({"Fn::Sub": "${Other.Arn}"}, {"Fn::Sub": "${Other.Arn}"}),
        ({"Fn::GetAtt": ["Other", "Arn"]}, {"Fn::GetAtt": ["Other", "Arn"]}),
        ({"Ref": "Other"}, {"Ref": "Other"}),
        ("${Functions}one", "${Functions}one"),
    ],
)
def test_what_is_no_parameter_stays(before: Any, after: Any) -> None:
    other = {"Type": "any", "Properties": {"A": [before]}}
    assert anywhere.resolved(template(One=other), {"Name": "x", "Kind": "own"})["Resources"]["One"]["Properties"] == {
        "A": [after]
    }


def test_texts_that_name_a_place_are_substituted_once() -> None:
    assert anywhere.placed({"a": [f"{ACCOUNT}:x", "x"]}) == {"a": [{"Fn::Sub": f"{ACCOUNT}:x"}, "x"]}
    assert anywhere.placed({"Fn::Sub": f"{ACCOUNT}:x"}) == {"Fn::Sub": f"{ACCOUNT}:x"}


def test_outputs_are_known_before_there_is_a_stack() -> None:
    named = template(
        Table={"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "images"}},
        Topic={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "completions"}},
        Machine={"Type": "AWS::StepFunctions::StateMachine", "Properties": {"StateMachineName": "chain"}},
    )
    values = {"A": {"Ref": "Table"}, "B": {"Ref": "Topic"}, "C": {"Ref": "Machine"}, "D": {"Fn::Sub": REGION}, "E": "e"}
    named["Outputs"] = {name: {"Value": value} for name, value in values.items()}
    assert anywhere.outputs(named) == {
        "A": "images",
        "B": ANYWHERE.arn("sns", "completions"),
        "C": ANYWHERE.arn("states", "stateMachine:chain"),
        "D": REGION,
        "E": "e",
    }
    named["Outputs"] = {"A": {"Value": {"Ref": "Unknown"}}}
    with pytest.raises(KeyError):
        anywhere.outputs(named)


def test_texts_become_references_so_that_what_uses_a_resource_is_made_after_it() -> None:
    resources = {
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "images"}},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "reader"}},
        "Unnamed": {"Type": "AWS::IAM::Role", "Properties": {}},
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "photos"}},
    }
    function = {
        "Role": f"arn:{ANYWHERE.partition}:iam::{ACCOUNT}:role/reader",
        "Names": ["images", "images-2", "photos"],
    }
    assert anywhere.referring(function, anywhere.references(resources)) == {
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Names": [{"Ref": "Table"}, "images-2", "photos"],
    }
