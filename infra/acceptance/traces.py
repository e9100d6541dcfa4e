"""What bears a stage's name, in every service that it uses.

This is no part of how a stage is deleted: it finds what `inventory` and the stacks have overlooked.
"""

import re
from collections.abc import Iterable

from infra.places import Place
from infra.stage import APP

LISTS = {
    "AWS::CloudFormation::Stack": ("cloudformation", "describe_stacks", "Stacks[].StackName"),
    "AWS::CloudWatch::Alarm": ("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"),
    "AWS::CloudWatch::Dashboard": ("cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName"),
    "AWS::DynamoDB::Table": ("dynamodb", "list_tables", "TableNames[]"),
    "AWS::Events::Rule": ("events", "list_rules", "Rules[].Name"),
    "AWS::IAM::Role": ("iam", "list_roles", "Roles[].RoleName"),
    "AWS::Lambda::Function": ("lambda", "list_functions", "Functions[].FunctionName"),
    "AWS::Lambda::LayerVersion": ("lambda", "list_layers", "Layers[].LayerName"),
    "AWS::Logs::LogGroup": ("logs", "describe_log_groups", "logGroups[].logGroupName"),
    "AWS::S3::Bucket": ("s3", "list_buckets", "Buckets[].Name"),
    "AWS::SNS::Subscription": ("sns", "list_subscriptions", "Subscriptions[].SubscriptionArn"),
    "AWS::SNS::Topic": ("sns", "list_topics", "Topics[].TopicArn"),
    "AWS::SQS::Queue": ("sqs", "list_queues", "QueueUrls[]"),
    "AWS::SSM::Parameter": ("ssm", "describe_parameters", "Parameters[].Name"),
    "AWS::StepFunctions::StateMachine": ("stepfunctions", "list_state_machines", "stateMachines[].name"),
}
"""For each type of resource: a client, its operation, and where the names are in its answer."""

ELSEWHERE = {
    "AWS::ApiGateway::RestApi": "all are called halftone; inventory finds the stage's by the function that it invokes",
    "AWS::IAM::ManagedPolicy": "that of whoever deploys, which is no part of a stage",
    "AWS::Lambda::Permission": "goes with its function",
    "AWS::S3::BucketPolicy": "goes with its bucket",
    "AWS::SQS::QueuePolicy": "goes with its queue",
}
"""Types that have no list here, and why."""


def left(place: Place, stage: str) -> list[str]:
    """List what bears the name of a stage, and not that of another whose name begins like it."""
    tags = _listed(place, "cloudformation", "describe_stacks", "Stacks[].Tags[?Key=='stage'][].Value")
    others = {other for other in tags if other.startswith(f"{stage}-")}
    found = {kind: _listed(place, *where) for kind, where in LISTS.items()}
    return [f"{kind} {name}" for kind, names in found.items() for name in names if is_of(stage, others, name)]


def is_of(stage: str, others: Iterable[str], name: str) -> bool:
    """Whether a resource is called after a stage; names may be ARNs, URLs and paths.

    >>> is_of("prod", {"prod-eu"}, "/aws/lambda/halftone-prod"), is_of("prod", {"prod-eu"}, "halftone-prod-eu-images")
    (True, False)
    """
    return _is_named(stage, name) and not any(_is_named(other, name) for other in others)


def _is_named(stage: str, name: str) -> bool:
    return re.search(rf"(^|[/:]){APP}[-/]{stage}($|[-/:])", name) is not None


def _listed(place: Place, service: str, operation: str, names: str) -> list[str]:
    return [name for name in place.client(service).get_paginator(operation).paginate().search(names) if name]
