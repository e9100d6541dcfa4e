"""What API Gateway has to be told beside Chalice, which gives every stage's API the same name and no limit."""

from typing import Any

from infra.choices import Throttle


def finish(gateway: Any, api: str, name: str, deployed_as: str, throttle: Throttle) -> None:
    """Name an API, so that its metrics are its own, and limit what it takes, which has no limit otherwise."""
    gateway.update_rest_api(restApiId=api, patchOperations=[_replace("/name", name)])
    limits = [
        _replace("/*/*/throttling/rateLimit", str(throttle.rate)),
        _replace("/*/*/throttling/burstLimit", str(throttle.burst)),
    ]
    gateway.update_stage(restApiId=api, stageName=deployed_as, patchOperations=limits)


def _replace(path: str, value: str) -> dict[str, str]:
    return {"op": "replace", "path": path, "value": value}
