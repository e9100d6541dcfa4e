"""A resize as a run of the state machine: started, and followed."""

from collections.abc import Mapping
from typing import Any, Protocol

from chalicelib.errors import NotFound
from chalicelib.model.order import ResizeOrder
from chalicelib.model.workflow import Workflow
from chalicelib.usecases.ports import Halftone
from chalicelib.usecases.resize import check


class Workflows(Protocol):
    """Step Functions. Every method raises WorkflowsUnavailable when Step Functions fails."""

    def start(self, task: Mapping[str, Any]) -> str:
        """Start a run of the state machine with this input, and return its id."""

    def find(self, execution_id: str) -> Workflow | None:
        """Tell how a run of this state machine, and of no other, stands."""


def start_workflow(task: Mapping[str, Any], order: ResizeOrder, halftone: Halftone, workflows: Workflows) -> str:
    """Start a run for a task and return its id; `order` is the task, read. Raises what resize() would at once."""
    check(order, halftone)
    return workflows.start(task)


def follow_workflow(execution_id: str, workflows: Workflows) -> Workflow:
    """Return how a run stands, or raise NotFound."""
    found = workflows.find(execution_id)
    if found is None:
        raise NotFound(f"there is no workflow {execution_id}")
    return found
