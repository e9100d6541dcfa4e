"""CloudFormation gives a role the permissions boundary of its template; ministack leaves it out."""

from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import provisioners


def apply() -> None:
    handlers = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    create, update = handlers["create"], handlers["update"]

    def create_bounded(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        return _bounded(create(logical_id, properties, stack), properties)

    def update_bounded(
        physical_id: str, old: dict[str, Any], properties: dict[str, Any], stack: str, logical_id: str | None = None
    ) -> Any:
        return _bounded(update(physical_id, old, properties, stack, logical_id), properties)

    handlers["create"], handlers["update"] = create_bounded, update_bounded


def _bounded(made: Any, properties: dict[str, Any]) -> Any:
    iam._roles[made[0]]["PermissionsBoundary"] = properties.get("PermissionsBoundary")
    return made
