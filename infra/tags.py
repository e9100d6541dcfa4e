"""The tags of what is in no stack and is not tagged by Chalice. Layers can have none."""

from collections.abc import Mapping

from infra import secrets
from infra.inventory import Inventory
from infra.places import Place


def put(place: Place, stage: str, found: Inventory, tags: Mapping[str, str]) -> None:
    """Tag a stage's log groups, REST API, schedules and parameters. A tag that is left out later stays on them."""
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    logs, events, ssm = place.client("logs"), place.client("events"), place.client("ssm")
    for group in found.logs:
        logs.tag_resource(resourceArn=place.arn("logs", f"log-group:{group}"), tags=tags)
    for rule in found.rules.values():
        events.tag_resource(ResourceARN=place.arn("events", f"rule/{rule}"), Tags=pairs)
    for name in secrets.names(ssm, stage):
        ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=pairs)
    gateway = place.client("apigateway")
    for api in found.apis:
        arn = f"arn:{place.partition}:apigateway:{place.region}::/restapis/{api}"
        for deployed in gateway.get_stages(restApiId=api)["item"]:
            gateway.tag_resource(resourceArn=f"{arn}/stages/{deployed['stageName']}", tags=tags)
        gateway.tag_resource(resourceArn=arn, tags=tags)
