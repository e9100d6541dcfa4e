"""From the completions topic to the targets, and again, as Lambda calls the handlers."""

import json
import socket
from pathlib import Path

import pytest
from botocore.stub import Stubber
from chalice.test import Client

import app as halftone_app
from chalicelib import events
from chalicelib.aws.clients import client as aws
from chalicelib.errors import CompletionsUnavailable
from infra.secrets import keep
from tests.conftest import picture
from tests.test_events import record

URL = "https://hooks.example.com/token"


@pytest.fixture
def client(stage, monkeypatch):  # noqa: ARG001 - the world that the handlers see
    monkeypatch.chdir(Path(__file__).parent.parent)
    monkeypatch.setenv("WEBHOOK_HOSTS", "hooks.example.com")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "halftone-test-on_completion")
    keep(aws("ssm"), "test", URL, new_secret=True)
    return Client(halftone_app.app)


@pytest.fixture
def handed_over(monkeypatch):
    """What was handed to another function, while no host name leads anywhere."""

    def fail(*_args, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    taken = []
    with Stubber(aws("lambda")) as stubber:
        stubber.add_response("invoke", {"StatusCode": 202})
        monkeypatch.setattr(socket, "getaddrinfo", fail)
        stubber.client.meta.events.register(
            "before-parameter-build.lambda.Invoke", lambda params, **_: taken.append(dict(params))
        )
        yield taken


def completed(client, stage):
    """Upload a picture, and let the completion of it arrive."""
    stage.upload("photo.jpg", picture())
    client.lambda_.invoke("on_upload", {"Records": [record(key="photo.jpg", sequencer="01")]})
    (envelope,) = stage.envelopes()
    client.lambda_.invoke("on_completion", {"Records": [{"Sns": envelope}]})


def test_a_target_that_fails_is_handed_over_alone(client, stage, handed_over, caplog):
    completed(client, stage)
    (invocation,) = handed_over
    assert (invocation["FunctionName"], invocation["InvocationType"]) == ("halftone-test-redeliver", "Event")
    again = events.handover(json.loads(invocation["Payload"]))
    assert again.target.startswith("webhook-")
    assert (again.completion.key, again.callback_url) == ("photo.jpg", None)
    assert b"token" not in invocation["Payload"], "a URL of the stage stays in its settings"
    assert "Not delivered, to be tried again" in caplog.text


def test_it_is_tried_again_alone_and_raised_when_it_fails_again(client, stage, handed_over, capsys):
    completed(client, stage)
    capsys.readouterr()
    with pytest.raises(CompletionsUnavailable, match=r"hooks\.example\.com did not answer"):
        client.lambda_.invoke("redeliver", json.loads(handed_over[0]["Payload"]))
    assert '"_aws"' not in capsys.readouterr().out, "the metrics were counted already"
    assert len(handed_over) == 1
