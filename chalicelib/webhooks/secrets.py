"""What webhooks keep in Parameter Store: the URLs that hear of every completion, and the secret that signs. Pure."""

from collections.abc import Collection, Mapping

import msgspec

from chalicelib.webhooks import message, policy

SECRET, URLS = "webhook-secret", "webhook-urls"
PARAMETERS = (SECRET, URLS)
"""The parameters, after the stage's prefix: `/halftone-prod/webhook-secret`."""


class SecretsError(Exception):
    """The parameters are unusable; the message lists every problem, one a line, and repeats none of them."""


class Webhooks(msgspec.Struct, frozen=True, kw_only=True):
    """Which URLs hear of every completion, and the secret that signs. A URL may hold a secret too."""

    urls: tuple[str, ...]
    secret: bytes

    def __repr__(self) -> str:
        """Tell nothing: what is shown may be logged."""
        return "Webhooks()"


NONE = Webhooks(urls=(), secret=b"")


def read(found: Mapping[str, str], hosts: Collection[str] | None) -> Webhooks:
    """Read the parameters of a stage whose webhooks may go to `hosts`, None is any; raises SecretsError.

    A URL is called by its number.
    """
    problems = []
    secret = b""
    try:
        secret = message.read_secret(found.get(SECRET, ""))
    except ValueError as error:
        problems.append(f"{SECRET}: {error}" if SECRET in found else f"{SECRET}: there is no such parameter")
    urls = tuple(url.strip() for url in found.get(URLS, "").split(",") if url.strip())
    for number, url in enumerate(urls, start=1):
        try:
            host = policy.endpoint(url).host
        except ValueError as error:
            problems.append(f"{URLS}: number {number}: {error}")
            continue
        if hosts is not None and not policy.is_allowed(host, hosts):
            problems.append(f"{URLS}: number {number}: expected a host of WEBHOOK_HOSTS, got {host!r}")
    if problems:
        raise SecretsError("\n".join(["The stage's secrets are incomplete or wrong:", *problems]))
    return Webhooks(urls=urls, secret=secret)
