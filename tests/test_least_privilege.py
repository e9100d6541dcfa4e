"""Each function does its job with its own policy, cannot without any action of it, and can do nothing else.

The handlers run as they are, on an in-process AWS. Before each call IAM's rules are applied to the function's policy.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from chalice.test import Client
from msgspec.structs import replace

import app as halftone_app
from chalicelib import events, wiring
from chalicelib.aws.clients import client as aws
from chalicelib.errors import HalftoneError, NotFound, UnsupportedFormat
from chalicelib.model.pipeline import Pipeline, Restore, Source
from infra import roles
from infra.secrets import keep
from localcloud.stage import SCHEDULED
from tests.conftest import ENVIRONMENT, Died, Stage, failing, over, picture
from tests.iam import allowed, needed
from tests.test_app_restore import RESTORING, imported
from tests.test_events import record

REGION, ACCOUNT, STAGE = "eu-west-1", "123456789012", "test"
PLACE = f"{REGION}:{ACCOUNT}"
MACHINE = f"arn:aws:states:{PLACE}:stateMachine:halftone-test-workflow"
CHOSEN = {"WORKFLOW_ARN": MACHINE, "EVENT_BUS": "default"}
PHOTO = {"bucket": "originals", "key": "photo.jpg"}
BY_LAMBDA = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}
"""What Lambda does as the function: its log, and its on-failure destination. See tests/e2e for these."""


@dataclass
class World:
    """A stage whose functions have roles."""

    stage: Stage
    client: Client
    variables: dict[str, str]
    restoring: Callable[[], Client]
    set_environment: Callable[[str, str], None]
    statements: list[dict[str, Any]] = field(default_factory=list)
    function: str = ""
    used: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    enforced: bool = False

    def role(self, handler: str, without: str = "") -> None:
        pipeline = replace(wiring.halftone().pipeline, restore=Restore(origin="in/", target="back/"))
        estate = roles.Estate(STAGE, REGION, ACCOUNT, "aws", self.variables, pipeline)
        kind = next(kind for kind, handlers in roles.KINDS.items() if handler in handlers)
        found = roles.policies(estate)[kind]["Statement"]
        self.set_environment("AWS_LAMBDA_FUNCTION_NAME", estate.function(handler))
        self.function = f"arn:aws:lambda:{PLACE}:function:{estate.function(handler)}"
        self.statements = [{**one, "Action": [name for name in one["Action"] if name != without]} for one in found]

    @contextmanager
    def in_role(self) -> Iterator[None]:
        self.enforced = True
        try:
            yield
        finally:
            self.enforced = False

    def check(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if self.enforced:
            for action, resource in needed(model.name, params, PLACE):
                self.ask(action, resource, model.name)

    def ask(self, action: str, resource: str, operation: str) -> None:
        self.used.add(action)
        if action not in allowed(self.statements, resource, self.function):
            self.denied.add(action)
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": f"{action} on {resource}"}}, operation)

    def gone(self, http_response: Any, model: Any, context: dict[str, Any], **_: Any) -> None:
        """Say that an object is gone only to whom the bucket may be listed for, as S3 does."""
        if self.enforced and http_response.status_code == 404:
            self.ask("s3:ListBucket", f"arn:aws:s3:::{context['bucket']}", model.name)

    @staticmethod
    def remember(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["bucket"] = params.get("Bucket")

    def invoke(self, handler: str, event: Any, client: Client | None = None) -> Any:
        with self.in_role():
            return (client or self.client).lambda_.invoke(handler, event).payload

    def request(self, method: str, path: str, body: Any = None) -> Any:
        data = b"" if body is None else json.dumps(body).encode()
        with self.in_role():
            return self.client.http.request(method, path, body=data, headers={"Content-Type": "application/json"})


ANSWERS: dict[str, Any] = {
    "lambda.Invoke": {"StatusCode": 202},
    "stepfunctions.StartExecution": {"executionArn": "x"},
    "stepfunctions.DescribeExecution": {
        "executionArn": f"arn:aws:states:{PLACE}:execution:halftone-test-workflow:one",
        "status": "FAILED",
        "input": "{}",
        "error": "NotFound",
        "cause": "not_found",
        "startDate": "1767225600",
    },
    "stepfunctions.GetExecutionHistory": {"events": []},
}
"""Of services that need not run here."""


@pytest.fixture
def world(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    monkeypatch.chdir(Path(__file__).parent.parent)
    for name, value in CHOSEN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WEBHOOK_HOSTS", "hooks.invalid")
    wiring.halftone.cache_clear()
    for cached in (wiring.deferral, wiring.uploads, wiring.workflows):
        cached.cache_clear()
    keep(aws("ssm"), STAGE, "https://hooks.invalid/token", new_secret=False)

    def restoring() -> Client:
        path = tmp_path / "restoring.toml"
        path.write_text(RESTORING)
        return Client(imported(monkeypatch, path))

    variables = {**ENVIRONMENT, **CHOSEN}
    made = World(stage, Client(halftone_app.app), variables, restoring, monkeypatch.setenv)
    with hooked(made):
        yield made
    for cached in (wiring.deferral, wiring.uploads, wiring.workflows):
        cached.cache_clear()


@contextmanager
def hooked(world: World) -> Iterator[None]:
    def answer(found: Any) -> Any:
        return lambda **_: (SimpleNamespace(status_code=200), found)

    hooks: list[tuple[Any, str, Any]] = []
    for service in ("s3", "dynamodb", "sns", "events", "lambda", "stepfunctions", "ssm"):
        emitter = aws(service).meta.events
        hooks.append((emitter, "provide-client-params", world.check))
        hooks += [
            (emitter, f"before-call.{name}", answer(found))
            for name, found in ANSWERS.items()
            if name.startswith(service)
        ]
    s3 = aws("s3").meta.events
    hooks += [(s3, "provide-client-params.s3", world.remember), (s3, "after-call.s3", world.gone)]
    for emitter, name, hook in hooks:
        emitter.register(name, hook)
    try:
        yield
    finally:
        for emitter, name, hook in hooks:
            emitter.unregister(name, hook)


def uploaded(world: World) -> None:
    """An upload is processed, looked at once more for the sweep, and deleted."""
    world.stage.upload("photo.jpg", picture())
    world.invoke("on_upload", {"Records": [record(key="photo.jpg", sequencer="01")]})
    world.invoke("on_upload", json.loads(events.without_sequencer(*PHOTO.values(), name=events.SWEEP)))
    world.stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    world.invoke("on_upload", {"Records": [record("ObjectRemoved:Delete", key="photo.jpg", sequencer="02")]})


def ordered(handler: str) -> Callable[[World], None]:
    """An order makes an image, another finds that it is broken by now, and a third that it is gone."""

    def carry_out(world: World) -> None:
        order = {**PHOTO, "variants": []} if handler == "resize_later" else PHOTO
        world.stage.upload("photo.jpg", picture())
        world.invoke(handler, order)
        world.stage.upload("photo.jpg", b"no picture")
        with suppress(UnsupportedFormat):
            world.invoke(handler, order)
        world.stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
        with suppress(NotFound):
            world.invoke(handler, order)

    return carry_out


def stepped(world: World) -> None:
    """The first step of the chain finds an image, then one that is broken, and then none."""

    def step() -> None:
        written = world.invoke("chain_resize", {**PHOTO, "redriven": "x"})
        world.client.lambda_.invoke("chain_store", json.loads(json.dumps(written)) | {"redriven": "x"})

    for data in (picture(), b"no picture"):
        world.stage.upload("photo.jpg", data)
        step()
    world.stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    with suppress(NotFound):
        step()


def requested(world: World) -> None:
    """Everything that the API does."""
    world.stage.upload("photo.jpg", picture())
    for path, body in (
        ("/resize", PHOTO),
        ("/resize", PHOTO | {"mode": "async"}),
        ("/workflows", PHOTO),
        ("/workflows/one", None),
    ):
        world.request("POST" if body else "GET", path, body)
    world.stage.upload("photo.jpg", b"no picture")
    world.request("POST", "/resize", PHOTO)
    world.stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    world.request("POST", "/resize", PHOTO)


def completed(world: World) -> dict[str, Any]:
    world.stage.upload("photo.jpg", picture())
    world.stage.tell("photo.jpg")
    (envelope, *_) = world.stage.envelopes()
    return {"Records": [{"Sns": envelope}]}


def saved(world: World) -> None:
    """The second step of the chain saves what the first has written."""
    world.stage.upload("photo.jpg", picture())
    step = world.client.lambda_.invoke("chain_resize", {**PHOTO, "redriven": "x"}).payload
    world.invoke("chain_store", json.loads(json.dumps(step)) | {"redriven": "x"})


def notified(world: World) -> None:
    """The chain says what it has saved."""
    world.stage.upload("photo.jpg", picture())
    step = world.client.lambda_.invoke("chain_resize", {**PHOTO, "redriven": "x"}).payload
    stored = world.client.lambda_.invoke("chain_store", json.loads(json.dumps(step)) | {"redriven": "x"}).payload
    world.invoke("chain_notify", json.loads(json.dumps(stored)))


def fanned_out(world: World) -> None:
    """A completion reaches the bus, and the webhook's host is nowhere."""
    world.invoke("on_completion", completed(world))


def redelivered(world: World) -> None:
    """The bus had not taken it."""
    (announcement,) = events.announcements(completed(world))
    handover = {"target": "eventbridge", "completion": announcement.completion, "callback_url": None}
    world.invoke("redeliver", msgspec.to_builtins(handover))


def swept(world: World) -> None:
    """A worker died."""
    world.stage.upload("photo.jpg", picture())
    world.stage.render = failing(Died())
    with suppress(Died):
        world.stage.tell("photo.jpg", "", kind="review", by=over())
    world.invoke("sweep", SCHEDULED)


def restored(world: World) -> None:
    """Somebody puts an object into the destination bucket, twice: the second has no original."""
    client = world.restoring()
    for key in ("photo.jpg", "gone.jpg"):
        world.stage.upload(key, picture(), bucket="variants")
        if key == "photo.jpg":
            world.stage.upload(f"in/{key}", picture())
        event = record(key=key, sequencer="01")
        event["s3"]["bucket"]["name"] = "variants"
        world.invoke("on_destination", {"Records": [event]}, client)


JOBS: dict[str, Callable[[World], None]] = {
    "on_upload": uploaded,
    "resize_task": ordered("resize_task"),
    "resize_later": ordered("resize_later"),
    "chain_resize": stepped,
    "api_handler": requested,
    "chain_store": saved,
    "chain_notify": notified,
    "on_completion": fanned_out,
    "redeliver": redelivered,
    "sweep": swept,
    "on_destination": restored,
}

FAILS = {
    "s3:GetObject": "S3 could not read the object",
    "s3:ListBucket": "S3 could not read the object",
    "s3:PutObject": "S3 did not take the variant",
    "s3:DeleteObject": "S3 did not remove variants",
    "dynamodb:GetItem": "DynamoDB did not answer",
    "dynamodb:PutItem": "DynamoDB did not take the record",
    "dynamodb:Query": "DynamoDB did not answer",
    "sns:Publish": "SNS did not take the completion",
    "events:PutEvents": "EventBridge did not take the completion",
    "lambda:InvokeFunction": "Lambda did not take what is to be done later",
    "states:StartExecution": "Step Functions did not start the workflow",
    "states:DescribeExecution": "Step Functions did not answer",
    "states:GetExecutionHistory": "Step Functions did not answer",
    "ssm:GetParameter": "Parameter Store did not answer",
}
"""What cannot be done without an action."""

COPY = "S3 did not copy the object"
ELSE = {("on_destination", "s3:PutObject"): COPY, ("on_destination", "s3:ListBucket"): COPY}

SELDOM = {("chain_resize", "sns:Publish")}
"""What the jobs here do not come to: this one tells of an image whose place another one takes (`shared_keys`)."""


def granted(handler: str) -> list[str]:
    kind = next(kind for kind, handlers in roles.KINDS.items() if handler in handlers)
    return sorted({action for one in POLICIES[kind]["Statement"] for action in one["Action"]} - BY_LAMBDA)


POLICIES = roles.policies(
    roles.Estate(
        STAGE,
        REGION,
        ACCOUNT,
        "aws",
        {**ENVIRONMENT, **CHOSEN},
        Pipeline(name="mine", source=Source(), variants=(), restore=Restore(origin="in/", target="back/")),
    )
)


@pytest.mark.parametrize("handler", JOBS)
def test_a_function_does_its_job_with_its_policy_and_needs_all_of_it(world: World, handler: str) -> None:
    world.role(handler)
    JOBS[handler](world)
    assert world.denied == set()
    assert sorted(world.used) == [action for action in granted(handler) if (handler, action) not in SELDOM]


@pytest.mark.parametrize(
    ("handler", "action"),
    [one for handler in JOBS for one in product([handler], granted(handler)) if one not in SELDOM],
)
def test_without_an_action_this_fails(
    world: World, handler: str, action: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    world.role(handler, without=action)
    told = ""
    try:
        JOBS[handler](world)
    except HalftoneError as error:
        told = str(error)
    assert world.denied == {action}, told
    what = ELSE.get((handler, action), FAILS[action])
    assert f"{what}: access was denied (AccessDenied)" in told + caplog.text


ELSEWHERE = {
    "originals, to write": ("s3:PutObject", "arn:aws:s3:::originals/photo.jpg", set()),
    "originals, to delete": ("s3:DeleteObject", "arn:aws:s3:::originals/photo.jpg", set()),
    "originals, to read": ("s3:GetObject", "arn:aws:s3:::originals/photo.jpg", {"images", "api"}),
    "variants, to write": ("s3:PutObject", "arn:aws:s3:::variants/photo.jpg", {"images", "api"}),
    "variants, to read": ("s3:GetObject", "arn:aws:s3:::variants/photo.jpg", {"images", "api", "restore"}),
    "a bucket of others": ("s3:GetObject", "arn:aws:s3:::payroll/list", set()),
    "records, to write": ("dynamodb:PutItem", f"arn:aws:dynamodb:{PLACE}:table/images", {"images", "api", "records"}),
    "records, to delete": ("dynamodb:DeleteItem", f"arn:aws:dynamodb:{PLACE}:table/images", set()),
    "records, all of them": ("dynamodb:Scan", f"arn:aws:dynamodb:{PLACE}:table/images", set()),
    "records, by the index": ("dynamodb:Query", f"arn:aws:dynamodb:{PLACE}:table/images/index/unfinished", {"sweep"}),
    "completions": ("sns:Publish", ENVIRONMENT["COMPLETIONS_TOPIC_ARN"], {"images", "api", "notices"}),
    "a text message to a phone": ("sns:Publish", "*", set()),
    "another topic": ("sns:Publish", f"arn:aws:sns:{PLACE}:alerts", set()),
    "failed events, to forge": ("sqs:SendMessage", f"arn:aws:sqs:{PLACE}:halftone-test-failed", set()),
    "failed events, to read": ("sqs:ReceiveMessage", f"arn:aws:sqs:{PLACE}:halftone-test-failed", set()),
    "the function of another app": ("lambda:InvokeFunction", f"arn:aws:lambda:{PLACE}:function:payroll", set()),
    "secrets": (
        "ssm:GetParameter",
        f"arn:aws:ssm:{PLACE}:parameter/halftone-test/webhook-secret",
        {"fan_out", "redelivery"},
    ),
    "secrets, to write": ("ssm:PutParameter", f"arn:aws:ssm:{PLACE}:parameter/halftone-test/webhook-secret", set()),
    "workflows": ("states:StartExecution", MACHINE, {"api"}),
    "a log group": (
        "logs:CreateLogGroup",
        f"arn:aws:logs:{PLACE}:log-group:/aws/lambda/halftone-test-on_upload:log-stream:",
        set(),
    ),
    "its own policy": ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/halftone-test-on_upload", set()),
}
"""What functions might be made to do, and the policies that allow it."""


@pytest.mark.parametrize("what", ELSEWHERE)
def test_outside_its_job_a_function_is_refused(what: str) -> None:
    action, resource, allowing = ELSEWHERE[what]
    found = set()
    for kind, handlers in roles.KINDS.items():
        for handler in handlers:
            name = "halftone-test" if handler == "api_handler" else f"halftone-test-{handler}"
            code = f"arn:aws:lambda:{PLACE}:function:{name}"
            if action in allowed(POLICIES[kind]["Statement"], resource, code):
                found.add(kind)
    assert found == allowing


def test_lambda_itself_may_leave_failed_events_in_the_queue() -> None:
    for policy in POLICIES.values():
        assert "sqs:SendMessage" in allowed(policy["Statement"], f"arn:aws:sqs:{PLACE}:halftone-test-failed")


def test_every_function_has_a_job_here() -> None:
    """A new function has to be added to JOBS, and its policy is then tried like the others."""
    assert set(JOBS) == {handler for handlers in roles.KINDS.values() for handler in handlers}
