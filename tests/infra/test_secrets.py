import pytest

from chalicelib.aws.clients import client
from chalicelib.settings import SettingsError
from chalicelib.webhooks import message
from chalicelib.webhooks.secrets import SecretsError
from infra.secrets import check, forget, keep

URL = "https://hooks.example.com/token"
HOSTS = frozenset({"hooks.example.com"})


@pytest.fixture
def ssm(stage):  # noqa: ARG001 - the Parameter Store
    return client("ssm")


def kept(ssm):
    names = ["/halftone-prod/webhook-secret", "/halftone-prod/webhook-urls"]
    found = ssm.get_parameters(Names=names, WithDecryption=True)["Parameters"]
    assert {one["Type"] for one in found} <= {"SecureString"}
    return {one["Name"].rpartition("/")[2]: one["Value"] for one in found}


def test_a_secret_is_made_once_and_then_on_request(ssm, capsys):
    keep(ssm, "prod", "", new_secret=False)
    first = kept(ssm)
    assert len(message.read_secret(first["webhook-secret"])) == 32
    keep(ssm, "prod", URL, new_secret=False)
    assert kept(ssm) == first | {"webhook-urls": URL}
    keep(ssm, "prod", "", new_secret=True)
    assert kept(ssm)["webhook-secret"] != first["webhook-secret"]
    assert kept(ssm)["webhook-urls"] == URL
    keep(ssm, "prod", "-", new_secret=False)
    assert set(kept(ssm)) == {"webhook-secret"}
    said = capsys.readouterr().out
    assert "/halftone-prod/webhook-urls: deleted" in said
    assert "whsec" not in said
    assert "token" not in said


def test_what_is_wrong_is_not_written(ssm):
    with pytest.raises(SecretsError, match="number 1: expected a URL that begins with https"):
        keep(ssm, "prod", "http://hooks.example.com", new_secret=False)
    assert kept(ssm) == {}


def test_a_deployment_says_what_is_missing_and_how_to_write_it(ssm):
    check(ssm, "prod", frozenset())
    with pytest.raises(SettingsError, match=r"no such parameter\nTo write them: make secrets STAGE=prod"):
        check(ssm, "prod", HOSTS)
    keep(ssm, "prod", URL, new_secret=False)
    check(ssm, "prod", HOSTS)
    with pytest.raises(SettingsError, match=r"got 'hooks\.example\.com'"):
        check(ssm, "prod", frozenset({".example.org"}))


def test_a_stage_that_goes_leaves_none(ssm):
    keep(ssm, "prod", URL, new_secret=False)
    forget(ssm, "prod")
    assert kept(ssm) == {}
    forget(ssm, "prod")
