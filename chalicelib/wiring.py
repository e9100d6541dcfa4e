"""The one place where settings, adapters and use cases meet."""

import math
import secrets
import time
from functools import cache, partial
from typing import Any

from chalicelib import settings
from chalicelib.aws.catalogue import DynamoCatalogue
from chalicelib.aws.functions import LambdaFunction
from chalicelib.aws.parameters import Parameters
from chalicelib.aws.storage import S3Storage
from chalicelib.aws.targets import EmfMetrics, EventBus
from chalicelib.aws.topic import SnsCompletions
from chalicelib.aws.workflows import StepFunctions
from chalicelib.errors import CompletionsUnavailable, TimeIsUp, WorkflowsUnavailable
from chalicelib.pipelines import loading
from chalicelib.renderer.guard import Renderer, child_memory
from chalicelib.usecases.entry import Attempt
from chalicelib.usecases.fan_out import Outlets
from chalicelib.usecases.ports import Call, Halftone
from chalicelib.webhooks import secrets as webhook_secrets
from chalicelib.webhooks.sender import Route, Webhook

MARGIN_MS = 2_000
"""What is kept back of a function's time, to write down that it was not enough."""


@cache
def halftone() -> Halftone:
    """Wire the stage that the environment describes; raises SettingsError or PipelineError, each with all problems."""
    stage = settings.load()
    pipeline = loading.load(stage.pipeline)
    return Halftone(
        settings=stage,
        pipeline=pipeline,
        digest=loading.digest(pipeline, stage.limits),
        render=renderer().render,
        storage=S3Storage(),
        catalogue=DynamoCatalogue(stage.images_table),
        completions=SnsCompletions(stage.completions_topic_arn),
    )


def rendering() -> Halftone:
    """Wire the stage for work that renders: the process for it starts while clients are made and S3 is asked.

    Raises what `halftone` raises.
    """
    renderer().start()
    return halftone()


@cache
def renderer() -> Renderer:
    """Wire the process that renders; it starts when it is needed. Raises SettingsError with all problems."""
    return Renderer(child_memory(settings.load().memory_mib))


def outlets() -> Outlets:
    """Wire what stands behind the completions topic, for one invocation: the secrets may be others in the next.

    Raises SettingsError with all problems, SecretsError likewise, and CompletionsUnavailable if nobody has the secrets.
    """
    stage = settings.load()
    webhooks = webhook_secrets.NONE
    if stage.webhook_hosts:
        webhooks = webhook_secrets.read(parameters(stage.parameters).read(), stage.webhook_hosts)
    route = Route(secret=webhooks.secret, hosts=stage.webhook_hosts)
    return Outlets(
        targets=(
            EmfMetrics(),
            *([EventBus(stage.event_bus)] if stage.event_bus else []),
            *(Webhook(url, route) for url in webhooks.urls),
        ),
        webhook=partial(Webhook, route=route),
        hand_over=LambdaFunction(stage.redeliver_function, unreachable=CompletionsUnavailable).hand_over,
    )


@cache
def parameters(prefix: str) -> Parameters:
    """Wire what Parameter Store has for webhooks."""
    return Parameters(prefix, webhook_secrets.PARAMETERS)


@cache
def deferral() -> LambdaFunction:
    """Wire the function that carries out orders nobody waits for; raises SettingsError with all problems."""
    return LambdaFunction(settings.load().deferred_function, unreachable=WorkflowsUnavailable)


@cache
def uploads() -> LambdaFunction:
    """Wire the function that brings images in line; raises SettingsError with all problems."""
    return LambdaFunction(settings.load().upload_function, unreachable=WorkflowsUnavailable)


@cache
def workflows() -> StepFunctions:
    """Wire the state machine; raises SettingsError with all problems, and WorkflowsUnavailable where there is none."""
    stage = settings.load()
    if not stage.workflow_arn:
        raise WorkflowsUnavailable("this stage has no state machine: WORKFLOW_ARN is not set")
    return StepFunctions(stage.workflow_arn)


def call(context: Any, delivery: str | None = None, *, fair_share: float = 0.9) -> Call:
    """Describe the invocation that Lambda's `context` stands for; `delivery` is set where it carries on another one.

    `fair_share` is the part of the function's time that any image has to do with.
    """
    seconds = context.get_remaining_time_in_millis() / 1000

    def checkpoint() -> None:
        if context.get_remaining_time_in_millis() < MARGIN_MS:
            raise TimeIsUp("the work takes longer than the function may run")

    moment = time.time()
    attempt = Attempt(
        delivery or context.aws_request_id,
        nonce=secrets.token_hex(8),
        until=math.ceil(moment + seconds),
        began=int(1000 * moment),
    )
    return Call(attempt, checkpoint, fair_share * (seconds - MARGIN_MS / 1000))
