import base64

import pytest

from chalicelib.webhooks.secrets import NONE, SecretsError, read

URLS = "https://hooks.example.com/a, https://other.example.net:8443/b?c=d"
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
HOSTS = frozenset({"hooks.example.com", ".example.net"})


def test_a_secret_signs_for_the_urls_and_for_callers():
    found = read({"webhook-secret": SECRET, "webhook-urls": URLS}, HOSTS)
    assert found.urls == ("https://hooks.example.com/a", "https://other.example.net:8443/b?c=d")
    assert found.secret == b"s" * 32
    assert read({"webhook-secret": SECRET}, HOSTS).urls == NONE.urls


def test_neither_is_shown():
    assert repr(read({"webhook-secret": SECRET, "webhook-urls": URLS}, HOSTS)) == "Webhooks()"


def test_every_problem_is_told_and_nothing_secret():
    urls = f"{URLS}, http://plain.example.com/token, https://third.example.com/token"
    with pytest.raises(SecretsError) as caught:
        read({"webhook-secret": "guess", "webhook-urls": urls}, HOSTS)
    lines = str(caught.value).splitlines()[1:]
    assert lines[0].startswith("webhook-secret: expected whsec_")
    assert lines[1].startswith("webhook-urls: number 3: expected a URL that begins with https://")
    assert lines[2] == "webhook-urls: number 4: expected a host of WEBHOOK_HOSTS, got 'third.example.com'"
    assert "token" not in str(caught.value)
    assert "guess" not in str(caught.value)


def test_a_secret_that_is_missing_is_told_as_that():
    with pytest.raises(SecretsError, match="webhook-secret: there is no such parameter"):
        read({"webhook-urls": URLS}, HOSTS)


def test_hosts_need_not_be_known():
    assert len(read({"webhook-secret": SECRET, "webhook-urls": URLS}, None).urls) == 2
