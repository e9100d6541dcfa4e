"""A stage's template with Chalice's part in it: what `chalice package` writes, what it leaves out, and what it refuses.

Chalice plans the functions, their triggers and the API for `chalice deploy` and `chalice package` alike. So a function
or a route that is added is in the template by itself, and a trigger that cannot be in it is an error.
"""

import copy
import os
from pathlib import Path
from typing import Any

from chalice.cli.factory import CLIFactory
from chalice.deploy import models
from chalice.deploy.appgraph import ApplicationGraphBuilder, DependencyBuilder
from chalice.deploy.deployer import create_build_stage
from chalice.deploy.swagger import CFNSwaggerGenerator
from chalice.package import PackageOptions, ResourceBuilder, SAMTemplateGenerator
from chalice.utils import UI, OSUtils, to_cfn_resource_name

from infra import anywhere, functions
from infra.choices import Throttle
from infra.stage import Json, failed_queue, stack

TRANSFORM = "AWS::Serverless-2016-10-31"
APP_ZIP, LAYER_ZIP = "app.zip", "layer.zip"
"""What the template calls the packages, which lie beside it."""


def complete(template: Json, project: Path, config: Json, stage: str, throttle: Throttle) -> Json:
    """Add to a stage's template what `config` makes of the app in the project; its packages have to be there.

    The app is imported, with the environment that Chalice's own commands give it.
    """
    os.environ["AWS_CHALICE_CLI_MODE"] = "true"
    scoped = _Project(project, config).create_config_obj(stage)
    building = create_build_stage(OSUtils(), UI(), CFNSwaggerGenerator(), scoped)
    builder = ResourceBuilder(ApplicationGraphBuilder(), DependencyBuilder(), building)
    resources = builder.construct_resources(scoped, stage)
    return _Generator(scoped, template, throttle).generate(resources)


class _Project(CLIFactory):
    """A Chalice project with a configuration that is in no file."""

    def __init__(self, project: Path, config: Json) -> None:
        super().__init__(str(project), environ=os.environ)
        self._config = config

    def load_project_config(self) -> Json:
        return self._config


class _NoRegion(PackageOptions):
    """API Gateway, of which Chalice asks, is called the same in all regions and partitions."""

    def __init__(self) -> None: ...

    def service_principal(self, service: str) -> str:
        return f"{service}.amazonaws.com"


class _Generator(SAMTemplateGenerator):
    """Chalice's generator, on top of a template, with the names and settings that `make deploy` gives."""

    def __init__(self, config: Any, template: Json, throttle: Throttle) -> None:
        super().__init__(config, _NoRegion())
        self._stage = {**template, "Transform": TRANSFORM}
        self._known = anywhere.references(template["Resources"])
        self._throttle = throttle
        self._failed_queue = anywhere.ANYWHERE.arn("sqs", failed_queue(config.chalice_stage))

    def generate(self, resources: list[models.Model]) -> Json:
        template = copy.deepcopy(self._stage)
        self._seen_names = set(template["Resources"])
        for resource in resources:
            self.dispatch(resource, template)
        return template

    def _generate_lambdalayer(self, resource: models.LambdaLayer, template: Json) -> None:
        super()._generate_lambdalayer(resource, template)
        _properties(resource, template).update(ContentUri=LAYER_ZIP, RetentionPolicy="Delete")

    def _generate_lambdafunction(self, resource: models.LambdaFunction, template: Json) -> None:
        super()._generate_lambdafunction(resource, template)
        properties = _properties(resource, template)
        failing = {"OnFailure": {"Type": "SQS", "Destination": self._failed_queue}}
        own = {
            "FunctionName": resource.function_name,
            "CodeUri": APP_ZIP,
            "EventInvokeConfig": {"MaximumRetryAttempts": functions.RETRIES, "DestinationConfig": failing},
        }
        properties.update(anywhere.referring({**properties, **own}, self._known))

    def _generate_scheduledevent(self, resource: models.ScheduledEvent, template: Json) -> None:
        super()._generate_scheduledevent(resource, template)
        _event(resource, template)["Name"] = resource.rule_name

    def _generate_snslambdasubscription(self, resource: models.SNSLambdaSubscription, template: Json) -> None:
        super()._generate_snslambdasubscription(resource, template)
        _event(resource, template)["Topic"] = anywhere.referring(resource.topic, self._known)

    def _generate_s3bucketnotification(self, resource: models.S3BucketNotification, template: Json) -> None:
        """Have a bucket of the template notify a function.

        The permission names the bucket by a text, and the bucket waits for it: S3 refuses whom it may not invoke.
        """
        bucket = self._buckets(template)[resource.bucket]
        function = to_cfn_resource_name(resource.lambda_function.resource_name)
        permission = f"{function}S3Permission"
        arn = {"Fn::GetAtt": [function, "Arn"]}
        template["Resources"][permission] = {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": arn,
                "Action": "lambda:InvokeFunction",
                "Principal": "s3.amazonaws.com",
                "SourceAccount": {"Ref": "AWS::AccountId"},
                "SourceArn": f"arn:{anywhere.ANYWHERE.partition}:s3:::{resource.bucket}",
            },
        }
        rules = [
            {"Name": name, "Value": value}
            for name, value in (("prefix", resource.prefix), ("suffix", resource.suffix))
            if value
        ]
        keys = {"Filter": {"S3Key": {"Rules": rules}}} if rules else {}
        bucket.setdefault("DependsOn", []).append(permission)
        notified = bucket["Properties"].setdefault("NotificationConfiguration", {"LambdaConfigurations": []})
        notified["LambdaConfigurations"] += [{"Event": event, "Function": arn, **keys} for event in resource.events]

    @staticmethod
    def _buckets(template: Json) -> dict[str, Json]:
        found = [one for one in template["Resources"].values() if one["Type"] == "AWS::S3::Bucket"]
        return {anywhere.text(one["Properties"]["BucketName"]): one for one in found}

    def _generate_restapi(self, resource: models.RestAPI, template: Json) -> None:
        super()._generate_restapi(resource, template)
        limits = {
            "ResourcePath": "/*",
            "HttpMethod": "*",
            "ThrottlingRateLimit": self._throttle.rate,
            "ThrottlingBurstLimit": self._throttle.burst,
        }
        template["Resources"]["RestAPI"]["Properties"] |= {
            "Name": stack(self._config.chalice_stage),
            "MethodSettings": [limits],
            "OpenApiVersion": "2.0",  # or SAM makes a stage `Stage` too
        }


def _properties(resource: models.ManagedModel, template: Json) -> Json:
    found: Json = template["Resources"][to_cfn_resource_name(resource.resource_name)]["Properties"]
    return found


def _event(resource: models.FunctionEventSubscriber, template: Json) -> Json:
    events = _properties(resource.lambda_function, template)["Events"]
    found: Json = events[to_cfn_resource_name(resource.resource_name)]["Properties"]
    return found
