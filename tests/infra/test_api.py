import boto3
from botocore.stub import Stubber

from infra import api
from infra.choices import Throttle


def test_an_api_has_the_name_of_its_stage_and_takes_only_so_much(environment: None) -> None:  # noqa: ARG001 - only to be set
    gateway = boto3.client("apigateway")
    name = [{"op": "replace", "path": "/name", "value": "halftone-prod"}]
    limits = [
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "5"},
        {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "9"},
    ]
    with Stubber(gateway) as stub:
        stub.add_response("update_rest_api", {}, {"restApiId": "abc", "patchOperations": name})
        stub.add_response("update_stage", {}, {"restApiId": "abc", "stageName": "api", "patchOperations": limits})
        api.finish(gateway, "abc", "halftone-prod", "api", Throttle(5, 9))
        stub.assert_no_pending_responses()
