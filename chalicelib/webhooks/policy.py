"""Where a webhook may go: which URLs, which hosts, which addresses. Pure: `sender.py` resolves and connects.

The rules are those of the Standard Webhooks specification ("Server side request forgery") and of the OWASP cheat sheet
on SSRF: an allow-list of names first, then a look at every address that a name leads to.
"""

import re
from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

import msgspec

MAX_URL = 2048

_CHARACTERS = r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = rf"(?:{_LABEL}\.)+(?=[a-z]){_LABEL}"
_UNICAST = IPv6Network("2000::/3")
_SPECIAL = (  # what `is_global` takes in, in some Python or in all
    IPv4Network("192.88.99.0/24"),  # relays of 6to4, RFC 7526
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("3fff::/20"),  # documentation, RFC 9637
)


class Endpoint(msgspec.Struct, frozen=True):
    """A webhook's URL, taken apart; `path` includes the query."""

    host: str
    port: int
    path: str


def endpoint(url: str) -> Endpoint:
    """Take a webhook's URL apart; raises ValueError that says what is wrong, without repeating what may be a secret.

    >>> endpoint("https://hooks.example.com/halftone?token=1")
    Endpoint(host='hooks.example.com', port=443, path='/halftone?token=1')
    """
    if len(url) > MAX_URL or not re.fullmatch(_CHARACTERS, url):
        raise ValueError(f"expected a URL of at most {MAX_URL} ASCII characters, percent-encoded")
    try:
        parts = urlsplit(url)
        port = 443 if parts.port is None else parts.port
    except ValueError:
        raise ValueError("expected a URL with a host name, and if with a port then with one up to 65535") from None
    if parts.scheme != "https":
        raise ValueError("expected a URL that begins with https://")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("expected a URL without a user name, a password and a fragment")
    host = parts.hostname or ""
    if not is_host(host):
        raise ValueError("expected a URL with a host name such as hooks.example.com, not an address")
    if port == 0:
        raise ValueError("expected a URL with another port than 0")
    return Endpoint(host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def is_host(name: str) -> bool:
    """Tell whether this is a full host name, in lower case: no address in any spelling, and no bare `localhost`."""
    return len(name) <= 253 and re.fullmatch(_HOST, name) is not None


def is_allowed(host: str, allowed: Collection[str]) -> bool:
    """Tell whether a host is on the allow-list, whose entries are host names, or `.suffix` for all hosts below one.

    >>> is_allowed("eu.hooks.example.com", [".example.com"]), is_allowed("example.com", [".example.com"])
    (True, False)
    """
    return host in allowed or any(entry.startswith(".") and host.endswith(entry) for entry in allowed)


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to the open internet: neither private nor local, reserved, or a group's.

    Of IPv6 only global unicast counts (2000::/3, RFC 4291), so that no address counts that carries an IPv4 one:
    mapped, NAT64 (RFC 6052) and 6to4 lead to wherever that leads, 169.254.169.254 included.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address) and parsed not in _UNICAST:
        return False
    if any(parsed in network for network in _SPECIAL):
        return False
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved)
