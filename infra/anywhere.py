"""A stage without a place: CloudFormation's pseudo parameters stand for account, region and partition. Pure.

What computes names and policies for one place computes them for any: the texts that come out hold `${AWS::Region}` and
the like, and are put under `Fn::Sub` where they stand in a template.
"""

from collections.abc import Callable, Mapping
from typing import Any

from infra.places import Place
from infra.stage import Json

PSEUDO = "${AWS::"
NO_VALUE = {"Ref": "AWS::NoValue"}
ANYWHERE = Place(
    session=None, region="${AWS::Region}", account="${AWS::AccountId}", partition="${AWS::Partition}", caller="nobody"
)


def resolved(template: Json, parameters: Mapping[str, str]) -> Json:
    """Return a template with its parameters and conditions worked out; what a condition leaves out is gone."""
    tests = template.get("Conditions", {})
    conditions = {name: _holds(test, parameters) for name, test in tests.items()}
    kept = {name: part for name, part in template.items() if name not in {"Parameters", "Conditions"}}
    kept["Resources"] = {
        name: {part: value for part, value in resource.items() if part != "Condition"}
        for name, resource in template["Resources"].items()
        if conditions.get(resource.get("Condition"), True)
    }
    found: Json = _filled(kept, parameters, conditions)
    return found


def placed(value: Any) -> Any:
    """Put each text that names a place under `Fn::Sub`, except those that are already."""
    match value:
        case {"Fn::Sub": _}:
            return value
        case str() if PSEUDO in value:
            return {"Fn::Sub": value}
        case dict():
            return {name: placed(one) for name, one in value.items()}
        case list():
            return [placed(one) for one in value]
    return value


def outputs(template: Json) -> dict[str, str]:
    """Return what the outputs of a resolved template will be; raises KeyError for one of which nothing is known."""
    meant = {refer.get("Ref"): known for known, refer in references(template["Resources"]).items()}
    values = {name: output["Value"] for name, output in template["Outputs"].items()}
    return {name: meant[value["Ref"]] if "Ref" in value else text(value) for name, value in values.items()}


def references(resources: Mapping[str, Json]) -> dict[str, Json]:
    """Return how a template refers to its own resources, by the text that this stands for.

    What refers to a resource is made after it. There is none for buckets: they are made after what they notify.
    """
    found = {}
    for logical_id, resource in resources.items():
        if resource["Type"] in _KNOWN:
            named_by, meant, refer = _KNOWN[resource["Type"]]
            if name := resource["Properties"].get(named_by):
                found[meant(text(name))] = refer(logical_id)
    return found


def referring(value: Any, known: Mapping[str, Json]) -> Any:
    """Replace each text that is known by what refers to it."""
    match value:
        case str():
            return known.get(value, value)
        case dict():
            return {name: referring(one, known) for name, one in value.items()}
        case list():
            return [referring(one, known) for one in value]
    return value


def text(value: Any) -> str:
    """Return a text that may have been put under `Fn::Sub`."""
    found: str = value["Fn::Sub"] if isinstance(value, dict) else value
    return found


def _ref(name: str) -> Json:
    return {"Ref": name}


def _arn(name: str) -> Json:
    return {"Fn::GetAtt": [name, "Arn"]}


_KNOWN: dict[str, tuple[str, Callable[[str], str], Callable[[str], Json]]] = {
    "AWS::DynamoDB::Table": ("TableName", str, _ref),
    "AWS::SNS::Topic": ("TopicName", lambda name: ANYWHERE.arn("sns", name), _ref),
    "AWS::SQS::Queue": ("QueueName", lambda name: ANYWHERE.arn("sqs", name), _arn),
    "AWS::StepFunctions::StateMachine": (
        "StateMachineName",
        lambda name: ANYWHERE.arn("states", f"stateMachine:{name}"),
        _ref,
    ),
    "AWS::IAM::Role": ("RoleName", lambda name: f"arn:{ANYWHERE.partition}:iam::{ANYWHERE.account}:role/{name}", _arn),
}
"""By type: the property that names it, the name or ARN that others know it by, and what returns that (CloudFormation
Template Reference, "Return values").
"""


def _holds(test: Json, parameters: Mapping[str, str]) -> bool:
    match test:
        case {"Fn::Not": [inner]}:
            return not _holds(inner, parameters)
        case {"Fn::Equals": [first, second]}:
            return bool(_filled(first, parameters, {}) == _filled(second, parameters, {}))
    raise KeyError(f"a condition of {test}")


def _filled(value: Any, parameters: Mapping[str, str], conditions: Mapping[str, bool]) -> Any:
    match value:
        case {"Ref": str(name)} if name in parameters:
            return placed(parameters[name])
        case {"Fn::Sub": str(found)}:
            for name, given in parameters.items():
                found = found.replace(f"${{{name}}}", given)
            return {"Fn::Sub": found} if "${" in found else found
        case {"Fn::If": [str(name), holds, else_]}:
            return _filled(holds if conditions[name] else else_, parameters, conditions)
        case dict():
            filled = {name: _filled(one, parameters, conditions) for name, one in value.items()}
            return {name: one for name, one in filled.items() if one != NO_VALUE}
        case list():
            return [_filled(one, parameters, conditions) for one in value]
    return value
