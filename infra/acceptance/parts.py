"""What a stage consists of: as `app.py` registers it, as it is deployed, and as far as it has run."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalice.cli.factory import CLIFactory

from infra import stage as stages
from infra.acceptance.trials import CHANGES, TRIALS, UNTRIED, Route
from infra.errors import DeployError
from infra.inventory import API_HANDLER, LOGS, Inventory
from infra.places import Place

SKEW = 300.0  # seconds that the clock here may be ahead of AWS's; it refuses whoever is farther off
CORS = "OPTIONS"
"""What Chalice answers for routes by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Handlers of functions, and routes."""

    functions: Collection[str]
    routes: Collection[Route]

    def words(self) -> set[str]:
        return {*self.functions, *(" ".join(route) for route in self.routes)}


def registered(app: Any) -> Parts:
    """List what a Chalice app registers: of its views, Chalice makes one function."""
    views = {entry.view_name for methods in app.routes.values() for entry in methods.values()}
    routes = {(method, path) for path, methods in app.routes.items() for method in methods}
    return Parts(functions={*app.handler_map} - views | ({API_HANDLER} if views else set()), routes=routes)


def of_project(project: Path, stage: str) -> Parts:
    """List what the project's app registers with the settings of a stage, which go into this process's environment."""
    factory = CLIFactory(str(project), environ=os.environ)
    return registered(factory.create_config_obj(chalice_stage_name=stage).chalice_app)


def deployed(place: Place, found: Inventory) -> Parts:
    pages = [
        page
        for api in found.apis
        for page in place.client("apigateway").get_paginator("get_resources").paginate(restApiId=api, embed=["methods"])
    ]
    resources = [resource for page in pages for resource in page["items"]]
    routes = {(method, one["path"]) for one in resources for method in one.get("resourceMethods", {}) if method != CORS}
    return Parts(functions=set(found.functions), routes=routes)


def check(expected: Parts, found: Parts) -> None:
    """Raise DeployError unless what `app.py` registers is deployed, no more, and each is tried or has a reason."""
    wanted, there = expected.words(), found.words()
    if missing := sorted(wanted - there):
        raise DeployError(f"expected what app.py registers to be deployed, and there is no {', '.join(missing)}")
    if more := sorted(there - wanted):
        raise DeployError(f"expected nothing that app.py does not register, and there is {', '.join(more)}")
    if untried := sorted(wanted - tried() - UNTRIED.keys()):
        raise DeployError(f"infra/acceptance/trials.py tries no {', '.join(untried)}, and has no reason for it")


def tried() -> set[str]:
    trials = (*TRIALS, *CHANGES)
    return {name for one in trials for name in Parts(functions=set(one.functions), routes=set(one.routes)).words()}


def silent(place: Place, stage: str, handlers: Collection[str], began: float) -> list[str]:
    """List the functions that have logged nothing since `began` (Unix seconds): Lambda logs every call."""
    logs = place.client("logs")

    def has_run(handler: str) -> bool:
        group = f"{LOGS}{stages.APP}-{stage}" + ("" if handler == API_HANDLER else f"-{handler}")
        since = int(1000 * (began - SKEW))
        try:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since)
            return any(page["events"] for page in pages)
        except logs.exceptions.ResourceNotFoundException:
            return False

    return sorted(handler for handler in handlers if not has_run(handler))


def hashes(place: Place, found: Inventory) -> dict[str, str]:
    """Return the hash of each function's code."""
    client = place.client("lambda")
    return {
        handler: client.get_function_configuration(FunctionName=arn)["CodeSha256"]
        for handler, arn in found.functions.items()
    }


def doubled(before: Inventory, after: Inventory) -> list[str]:
    """Name the kinds of which a second deployment has not left what there was; its layer is a new version."""
    kinds = [name for name in Inventory.__slots__ if name not in {"layers", "logs"}]
    pairs = {kind: (_listed(getattr(before, kind)), _listed(getattr(after, kind))) for kind in kinds}
    return [f"{kind}: {was} are now {now}" for kind, (was, now) in pairs.items() if was != now]


def _listed(found: Any) -> list[str]:
    """AWS lists in any order."""
    return sorted(str(one) for one in (found.items() if isinstance(found, dict) else found))
