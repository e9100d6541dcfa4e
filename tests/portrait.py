"""What there is of a stage on the local cloud, in terms that are the same however it was deployed."""

import json
from collections.abc import Iterator
from typing import Any

from localcloud.cloud import REGION
from tests.cloud import Client

BY_CLOUDFORMATION = ("aws:", "lambda:createdBy")  # tags
CONFIGURED = ("Handler", "Runtime", "Timeout", "MemorySize", "Environment", "TracingConfig", "Architectures")
OF_THE_API = ("name", "binaryMediaTypes", "endpointConfiguration", "minimumCompressionSize", "policy", "apiKeySource")
OF_ITS_STAGE = ("stageName", "methodSettings", "tracingEnabled", "variables", "accessLogSettings")
OF_A_METHOD = ("httpMethod", "authorizationType", "authorizerId", "apiKeyRequired")


def portrait(client: Client, stage: str, api: str) -> dict[str, Any]:
    """Describe functions, roles, triggers, logs and the API of a stage; its name and its API's id are evened out."""
    found = {
        "functions": dict(_functions(client, f"halftone-{stage}")),
        "notifications": sorted(_notifications(client, f"halftone-{stage}")),
        "schedules": dict(_schedules(client, f"halftone-{stage}")),
        "subscriptions": sorted(_subscriptions(client, f"halftone-{stage}")),
        "logs": dict(_logs(client, f"halftone-{stage}")),
        "alarms": _alarms(client, f"halftone-{stage}"),
        "api": _api(client, api),
    }
    text = json.dumps(found).replace(f"halftone-{stage}", "halftone-STAGE").replace(api, "API")
    text = text.replace(f"stage={stage}:", "stage=STAGE:").replace(f'"stage": "{stage}"', '"stage": "STAGE"')
    evened: dict[str, Any] = json.loads(text)
    return evened


def _functions(client: Client, name: str) -> Iterator[tuple[str, Any]]:
    functions = client.of("lambda")
    for found in functions.list_functions()["Functions"]:
        function = found["FunctionName"]
        if not function.startswith(name):
            continue
        (failing,) = functions.list_function_event_invoke_configs(FunctionName=function)["FunctionEventInvokeConfigs"]
        tags = _tags(functions.list_tags(Resource=found["FunctionArn"])["Tags"])
        yield (
            function,
            {
                **{part: found.get(part) for part in CONFIGURED},
                "layers": [layer["Arn"].rpartition(":")[0] for layer in found["Layers"]],
                "tags": tags,
                "failing": [failing["MaximumRetryAttempts"], failing["DestinationConfig"]["OnFailure"]],
                "concurrency": functions.get_function_concurrency(FunctionName=function).get(
                    "ReservedConcurrentExecutions"
                ),
                "callers": sorted(_callers(functions, function)),
                "role": _role(client.of("iam"), found["Role"].rpartition("/")[2]),
            },
        )


def _callers(functions: Any, function: str) -> Iterator[str]:
    """Name who may invoke a function, in which name."""
    try:
        policy = json.loads(functions.get_policy(FunctionName=function)["Policy"])
    except functions.exceptions.ResourceNotFoundException:
        return
    for statement in policy["Statement"]:
        conditions = {
            key.lower(): value for test in statement.get("Condition", {}).values() for key, value in test.items()
        }
        yield json.dumps([statement["Principal"], statement["Action"], conditions], sort_keys=True)


def _role(iam: Any, name: str) -> dict[str, Any]:
    role = iam.get_role(RoleName=name)["Role"]
    inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
    return {
        "name": name,
        "trust": role["AssumeRolePolicyDocument"],
        "boundary": role.get("PermissionsBoundary"),
        "tags": _tags({tag["Key"]: tag["Value"] for tag in role.get("Tags", [])}),
        "policies": [iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"] for one in inline],
        "attached": iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"],
    }


def _notifications(client: Client, name: str) -> Iterator[list[str]]:
    s3 = client.of("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        if bucket["Name"].startswith(name):
            configuration = s3.get_bucket_notification_configuration(Bucket=bucket["Name"])
            for one in configuration.get("LambdaFunctionConfigurations", []):
                keys = json.dumps(one.get("Filter"), sort_keys=True)
                yield from ([bucket["Name"], event, one["LambdaFunctionArn"], keys] for event in one["Events"])


def _schedules(client: Client, name: str) -> Iterator[tuple[str, Any]]:
    events = client.of("events")
    for rule in events.list_rules(NamePrefix=name)["Rules"]:
        targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        yield rule["Name"], [rule["ScheduleExpression"], rule["State"], [target["Arn"] for target in targets]]


def _subscriptions(client: Client, name: str) -> Iterator[list[str]]:
    for one in client.of("sns").list_subscriptions()["Subscriptions"]:
        if one["TopicArn"].endswith(f":{name}-completions") and one["Protocol"] == "lambda":
            yield [one["TopicArn"], one["Endpoint"]]


def _logs(client: Client, name: str) -> Iterator[tuple[str, Any]]:
    logs = client.of("logs")
    for group in logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]:
        tags = logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"]
        yield group["logGroupName"], [group.get("retentionInDays"), _tags(tags)]


def _alarms(client: Client, name: str) -> dict[str, Any]:
    alarms = client.of("cloudwatch").describe_alarms(AlarmNamePrefix=name)["MetricAlarms"]
    parts = ("MetricName", "Dimensions", "Threshold", "AlarmActions")
    return {alarm["AlarmName"]: [alarm.get(part) for part in parts] for alarm in alarms}


def _api(client: Client, api: str) -> dict[str, Any]:
    gateway = client.of("apigateway")
    rest = gateway.get_rest_api(restApiId=api)
    resources = gateway.get_resources(restApiId=api, embed=["methods"], limit=500)["items"]
    arn = f"arn:aws:apigateway:{REGION}::/restapis/{api}"
    return {
        "settings": {part: rest.get(part) for part in OF_THE_API} | {"tags": _of(gateway, arn, rest)},
        "stages": [
            {part: one.get(part) for part in OF_ITS_STAGE}
            | {"tags": _of(gateway, f"{arn}/stages/{one['stageName']}", one)}
            for one in gateway.get_stages(restApiId=api)["item"]
        ],
        "authorizers": [one["name"] for one in gateway.get_authorizers(restApiId=api)["items"]],
        "methods": {
            f"{verb} {resource['path']}": [
                *(method.get(part) for part in OF_A_METHOD),
                method.get("methodIntegration", {}).get("type"),
                method.get("methodIntegration", {}).get("uri"),
            ]
            for resource in resources
            for verb, method in resource.get("resourceMethods", {}).items()
        },
    }


def _of(gateway: Any, arn: str, described: dict[str, Any]) -> dict[str, str]:
    """Return the tags of an API or of its stage: the cloud keeps those of a stack elsewhere than those of a call."""
    return _tags(described.get("tags", {}) | gateway.get_tags(resourceArn=arn)["tags"])


def _tags(tags: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if not key.startswith(BY_CLOUDFORMATION)}


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """List where two portraits differ, and how."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = sorted(one.keys() | other.keys())
        return [line for name in names for line in differences(one.get(name), other.get(name), f"{where}/{name}")]
    return [] if one == other else [f"{where}: {one} and {other}"]
