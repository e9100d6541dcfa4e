"""What was deployed of a stage, kept with it in AWS: the parameter `/halftone/<stage>/deployments`, for the way back.

Only who has the stage's lock writes there. There is room for about a dozen deployments; the oldest are forgotten.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from infra.errors import DeployError
from infra.stage import APP

ROOM = 4096  # bytes of a standard parameter's value (Systems Manager User Guide, "Managing parameter tiers")
CHANGES = "+changes"
"""What the commit of a deployment ends in if some of its files were not committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """`commit` is None if the project was no git checkout. `pipeline` is a name, or a path in the project."""

    commit: str | None
    pipeline: str
    at: str
    by: str

    def __str__(self) -> str:
        return f"{self.at[:19]} UTC  {self.commit or 'no commit'}  pipeline {self.pipeline}  by {self.by}"


@dataclass(frozen=True, slots=True)
class History:
    """The deployments that were completed, the latest last; `begun` is one since then that was not, or not yet."""

    complete: tuple[Deployment, ...] = ()
    begun: Deployment | None = None

    def completed(self) -> "History":
        """Count the deployment that was begun. If it is the latest once more, that one is replaced."""
        if self.begun is None:
            return self
        others = self.complete[:-1] if self.complete and _is_same(self.complete[-1], self.begun) else self.complete
        return History((*others, self.begun))

    def back(self) -> "History":
        """Say what a rollback leaves: the deployment that it goes to is begun, and those after it are forgotten.

        That is the latest completed one if another was begun since and broke off, else the one before it. Raises
        DeployError if there is none.
        """
        left = self.complete if self.begun else self.complete[:-1]
        if not left:
            raise DeployError("there is no deployment before this one to go back to")
        return History(left, left[-1])


def begin(ssm: Any, stage: str, commit: str | None, pipeline: str, caller: str) -> None:
    """Write down what is about to be deployed."""
    begun = Deployment(commit=commit, pipeline=pipeline, at=datetime.now(UTC).isoformat(), by=caller)
    write(ssm, stage, replace(read(ssm, stage), begun=begun))


def finish(ssm: Any, stage: str) -> None:
    """Write down that what was begun is deployed."""
    write(ssm, stage, read(ssm, stage).completed())


def read(ssm: Any, stage: str) -> History:
    try:
        return msgspec.json.decode(ssm.get_parameter(Name=parameter(stage))["Parameter"]["Value"], type=History)
    except ssm.exceptions.ParameterNotFound:
        return History()


def write(ssm: Any, stage: str, history: History) -> None:
    while len(value := msgspec.json.encode(history)) > ROOM:
        history = replace(history, complete=history.complete[1:])
    ssm.put_parameter(Name=parameter(stage), Value=value.decode(), Type="String", Overwrite=True)


def forget(ssm: Any, stage: str) -> list[str]:
    """Delete the parameter, and return its name if there was one."""
    gone: list[str] = ssm.delete_parameters(Names=[parameter(stage)])["DeletedParameters"]
    return gone


def names(ssm: Any, stage: str) -> list[str]:
    """Name the parameter if there is one."""
    return [one["Name"] for one in ssm.get_parameters(Names=[parameter(stage)])["Parameters"]]


def parameter(stage: str) -> str:
    return f"/{APP}/{stage}/deployments"


def _is_same(one: Deployment, other: Deployment) -> bool:
    return (one.commit, one.pipeline) == (other.commit, other.pipeline)
