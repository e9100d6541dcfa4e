"""What a platform team may ask of a stage, and how to see that it has it."""

import json
from typing import Any

from tests.cloud import Client

PLACE = "us-east-1:000000000000"
ON_CALL = f"arn:aws:sns:{PLACE}:on-call"
TAGS = {"app": "halftone", "stage": "gone", "team": "photos"}


def wishes(client: Client) -> dict[str, Any]:
    """Return settings of a deployment, of which the policy and the key are made; the policy allows everything."""
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    policy = client.of("iam").create_policy(PolicyName="developers", PolicyDocument=document)["Policy"]
    return {
        "PERMISSIONS_BOUNDARY": policy["Arn"],
        "ENCRYPTION_KEY_ARN": client.of("kms").create_key()["KeyMetadata"]["Arn"],
        "LOG_RETENTION_DAYS": 90,
        "API_THROTTLE": {"rate": 5, "burst": 9},
        "ALARM_ACTIONS": ON_CALL,
        "DELETION_PROTECTION": True,
    }


def assert_content(client: Client, api: str, wanted: dict[str, Any]) -> None:
    iam = client.of("iam")
    roles = [role["RoleName"] for role in iam.list_roles()["Roles"] if "halftone-gone" in role["RoleName"]]
    assert len(roles) > 10, "of functions and of state machines"
    for role in roles:
        found = iam.get_role(RoleName=role)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"]
        assert found == wanted["PERMISSIONS_BOUNDARY"], role
    deployed = client.of("apigateway").get_stage(restApiId=api, stageName="api")["methodSettings"]["*/*"]
    limits = {"rate": deployed["throttlingRateLimit"], "burst": deployed["throttlingBurstLimit"]}
    assert limits == wanted["API_THROTTLE"]
    alarms = client.of("cloudwatch").describe_alarms(AlarmNamePrefix="halftone-gone-")["MetricAlarms"]
    assert {action for alarm in alarms for action in (*alarm["AlarmActions"], *alarm["OKActions"])} == {ON_CALL}
    assert client.of("dynamodb").describe_table(TableName="halftone-gone-images")["Table"]["DeletionProtectionEnabled"]
    assert keys(client) == {wanted["ENCRYPTION_KEY_ARN"]}
    for what, tags in tagged(client, api).items():
        assert TAGS.items() <= tags.items(), what


def keys(client: Client) -> set[str | None]:
    """Return the KMS keys of queue and logs; the local cloud leaves those of table and topic out of a stack."""
    sqs = client.of("sqs")
    queue = sqs.get_queue_url(QueueName="halftone-gone-failed")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    groups = client.of("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/halftone-gone")["logGroups"]
    return {attributes.get("KmsMasterKeyId"), *(group.get("kmsKeyId") for group in groups)}


def tagged(client: Client, api: str) -> dict[str, dict[str, str]]:
    """Return the tags of one of each kind."""
    arns = {"lambda": f"arn:aws:lambda:{PLACE}:function:halftone-gone-sweep"}
    arns |= {
        "logs": f"arn:aws:logs:{PLACE}:log-group:/aws/lambda/halftone-gone",
        "events": f"arn:aws:events:{PLACE}:rule",
    }
    arns |= {"dynamodb": f"arn:aws:dynamodb:{PLACE}:table/halftone-gone-images"}
    listed = {
        "role": client.of("iam").list_role_tags(RoleName="halftone-gone-sweep.role")["Tags"],
        "table": client.of("dynamodb").list_tags_of_resource(ResourceArn=arns["dynamodb"])["Tags"],
        "rule": client.of("events").list_tags_for_resource(ResourceARN=f"{arns['events']}/halftone-gone-sweep-event")[
            "Tags"
        ],
    }
    stage_of_api = f"arn:aws:apigateway:us-east-1::/restapis/{api}/stages/api"
    return {kind: {tag["Key"]: tag["Value"] for tag in tags} for kind, tags in listed.items()} | {
        "function": client.of("lambda").list_tags(Resource=arns["lambda"])["Tags"],
        "log group": client.of("logs").list_tags_for_resource(resourceArn=arns["logs"])["tags"],
        "stage of the api": client.of("apigateway").get_tags(resourceArn=stage_of_api)["tags"],
        "api": client.of("apigateway").get_tags(resourceArn=f"arn:aws:apigateway:us-east-1::/restapis/{api}")["tags"],
    }
