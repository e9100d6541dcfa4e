"""AWS refuses a function something: the image is not at fault, and people can see what is."""

import json

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from chalicelib.aws import storage
from chalicelib.aws.clients import client, raising
from chalicelib.aws.denials import is_denied
from chalicelib.aws.storage import S3Storage
from chalicelib.errors import AccessDenied, StorageUnavailable
from chalicelib.model.record import Status
from tests.conftest import picture

WORDS = "User: arn:aws:sts::1:assumed-role/r/f is not authorized to perform: kms:Decrypt on resource: key/mine"


def denied(operation="GetObject", code="AccessDenied"):
    return ClientError({"Error": {"Code": code, "Message": WORDS}}, operation)


def metrics(text):
    return [json.loads(line) for line in text.splitlines() if '"_aws"' in line]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("code", ["AccessDenied", "403", "KMS.DisabledException", "AccessDeniedException"])
def test_it_is_an_error_of_its_own_a_line_of_the_log_and_a_metric(code, caplog, capsys):
    with pytest.raises(AccessDenied) as caught, raising(StorageUnavailable, "S3 could not read the object"):
        raise denied(code=code)
    assert str(caught.value) == f"S3 could not read the object: access was denied ({code})"
    assert "arn:" not in str(caught.value), "what outsiders read names no resource"
    (line,) = [one for one in caplog.records if one.name == "halftone.denials"]
    assert (line.levelname, line.operation, line.code) == ("ERROR", "GetObject", code)
    assert WORDS in line.said
    (metric,) = metrics(capsys.readouterr().out)
    assert (metric["AccessDenied"], metric["service"]) == ([1.0], "halftone")


def test_every_service_that_is_called_has_its_own_name_for_it():
    """Those of botocore's models that speak of access, and the errors of KMS behind them, are known."""
    session = botocore.session.get_session()
    for service in ("s3", "dynamodb", "sns", "lambda", "events", "stepfunctions", "ssm", "sqs"):
        model = session.get_service_model(service)
        codes = {
            shape.metadata.get("error", {}).get("code", shape.name)
            for shape in map(model.shape_for, model.shape_names)
            if shape.type_name == "structure" and shape.metadata.get("exception")
        }
        for code in codes:
            speaks = code.upper().startswith("KMS") or "AccessDenied" in code or code == "AuthorizationError"
            assert is_denied(code) == (speaks and "hrottl" not in code), (service, code)


def test_an_object_of_several_that_may_not_be_removed(stage, capsys):  # noqa: ARG001 - the environment
    with Stubber(client("s3")) as stubber:
        stubber.add_response("delete_objects", {"Errors": [{"Key": "a", "Code": "AccessDenied", "Message": WORDS}]})
        with pytest.raises(AccessDenied, match=r"did not remove variants: access was denied \(AccessDenied\)"):
            S3Storage().remove({("variants", "a"): None, ("variants", "b"): None})
    assert len(metrics(capsys.readouterr().out)) == 1


def test_what_was_sent_before_a_refusal_may_still_take_effect(stage, monkeypatch):  # noqa: ARG001 - the environment
    def put(*_args, **_options):
        storage.tries.unanswered = True
        raise denied("PutObject")

    monkeypatch.setattr(storage, "_put", put)
    with pytest.raises(AccessDenied) as caught:
        S3Storage().put(("variants", "a"), b"", content_type="image/png")
    assert caught.value.in_flight


@pytest.fixture
def refusing(stage):  # noqa: ARG001 - the client
    events = client("s3").meta.events

    def refuse(**_):
        raise denied()

    events.register("before-call.s3.GetObject", refuse, unique_id="refusal")
    yield lambda: events.unregister("before-call.s3.GetObject", unique_id="refusal")
    events.unregister("before-call.s3.GetObject", unique_id="refusal")


def test_the_record_says_so_until_the_policy_is_corrected(stage, refusing):
    stage.upload("photo.jpg", picture())
    with pytest.raises(AccessDenied):
        stage.tell()
    record = stage.record("photo.jpg")
    assert record.status is Status.PROCESSING
    assert (record.error.code, record.error.message) == (
        "access_denied",
        "S3 could not read the object: access was denied (AccessDenied)",
    )
    assert stage.completions() == [], "nobody hears of what is still to be done"
    refusing()
    record = stage.tell()
    assert (record.status, record.error) == (Status.READY, None)


def test_other_faults_are_not_in_the_record(stage, monkeypatch):
    stage.upload("photo.jpg", picture())

    def fail(*_args, **_options):
        raise StorageUnavailable("S3 could not read the object: SlowDown")

    monkeypatch.setattr(stage.halftone.storage, "open", fail)
    with pytest.raises(StorageUnavailable):
        stage.tell()
    assert stage.record("photo.jpg").error is None
