import logging

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.clients import client
from chalicelib.aws.parameters import REFRESH, Parameters
from chalicelib.errors import CompletionsUnavailable

NAMES = ("webhook-secret", "webhook-urls")


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def parameters(stage, clock):  # noqa: ARG001 - the Parameter Store
    put("webhook-secret", "first")
    client("ssm").put_parameter(Name="/halftone-other/webhook-urls", Value="theirs", Type="SecureString")
    return Parameters("/halftone-test/", NAMES, clock)


def put(name, value):
    client("ssm").put_parameter(Name=f"/halftone-test/{name}", Value=value, Type="SecureString", Overwrite=True)


def test_what_does_not_exist_is_left_out(parameters):
    assert parameters.read() == {"webhook-secret": "first"}
    assert Parameters("/halftone-new/", NAMES).read() == {}


def test_another_value_arrives_when_it_is_time_to_read_again(parameters, clock):
    parameters.read()
    put("webhook-secret", "second")
    clock.now += REFRESH - 1
    assert parameters.read() == {"webhook-secret": "first"}
    clock.now += 1
    assert parameters.read() == {"webhook-secret": "second"}


def refuse(**_):
    raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetParameter")


@pytest.fixture
def refusing(parameters):  # noqa: ARG001 - it needs the Parameter Store first
    """Make Parameter Store refuse, until the test is over."""
    events = client("ssm").meta.events
    yield lambda: events.register("before-call.ssm.GetParameter", refuse, "refusal")
    events.unregister("before-call.ssm.GetParameter", unique_id="refusal")


def test_what_was_read_stays_good_when_it_cannot_be_read_again(parameters, clock, refusing, caplog):
    parameters.read()
    refusing()
    clock.now += REFRESH
    assert parameters.read() == {"webhook-secret": "first"}
    assert "The parameters that were read before stay good" in caplog.text
    assert not [one for one in caplog.records if one.levelno < logging.ERROR and "first" in one.getMessage()]


def test_without_any_the_completion_has_to_come_again(parameters, refusing):
    refusing()
    with pytest.raises(CompletionsUnavailable, match="Parameter Store did not answer: ThrottlingException"):
        parameters.read()
