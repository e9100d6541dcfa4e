from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.webhooks import policy
from chalicelib.webhooks.policy import Endpoint

# IANA's registries of special-purpose addresses, and of multicast.
INWARD = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
        "240.0.0.0/4",
    )
]  # fmt: skip
INWARD_6 = [
    IPv6Network(network)
    for network in (
        "::/8",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
        "2001:db8::/32",
        "2001::/32",
        "100::/64",
        "3fff::/20",
    )
]


def within(networks):
    return st.sampled_from(networks).flatmap(
        lambda network: st.integers(int(network[0]), int(network[-1])).map(type(network[0]))
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://hooks.example.com", Endpoint("hooks.example.com", 443, "/")),
        ("https://Hooks.Example.COM/A?b=C&d=%20", Endpoint("hooks.example.com", 443, "/A?b=C&d=%20")),
        ("https://hooks.example.com:8443/x/", Endpoint("hooks.example.com", 8443, "/x/")),
        ("https://xn--bcher-kva.example?x", Endpoint("xn--bcher-kva.example", 443, "/?x")),
    ],
)
def test_urls_are_taken_apart(url, expected):
    assert policy.endpoint(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "//hooks.example.com/",
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "https:///path",
        "https://",
        "https://user@hooks.example.com/",
        "https://user:pass@hooks.example.com/",
        "https://hooks.example.com@169.254.169.254/",
        "https://hooks.example.com\\@169.254.169.254/",
        "https://hooks.example.com/#fragment",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:65536/",
        "https://hooks.example.com:port/",
        "https://hooks.example.com./",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.0x1/",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://hooks_.example.com/",
        "https://-hooks.example.com/",
        "https://hooks..example.com/",
        "https://hooks.exämple.com/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nHost: evil.example.com",
        "https://hooks.example.com/" + "x" * 2048,
        f"https://{'x' * 64}.example.com/",
        f"https://{'x.' * 126}example/",
    ],
)
def test_what_is_no_webhook_url_is_refused_without_being_repeated(url):
    with pytest.raises(ValueError, match=r"^expected a URL") as caught:
        policy.endpoint(url)
    assert not url or url not in str(caught.value)


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_comes_is_a_host_name_or_a_value_error(host, path):
    try:
        place = policy.endpoint(f"https://{host}/{path}")
    except ValueError:
        return
    assert policy.is_host(place.host)
    assert place.host == place.host.lower()
    assert place.path.isascii()
    assert place.path.isprintable()
    assert " " not in place.path


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_no_address_is_a_host_name(address):
    assert not policy.is_host(str(address))


@pytest.mark.parametrize(
    ("host", "fine"),
    [
        ("hooks.example.com", True),
        ("a.hooks.example.com", False),
        ("example.com", False),
        ("a.example.net", True),
        ("a.b.example.net", True),
        ("example.net", False),
        ("badexample.net", False),
        ("a.example.net.evil.com", False),
    ],
)
def test_the_allow_list_holds_hosts_and_suffixes(host, fine):
    assert policy.is_allowed(host, {"hooks.example.com", ".example.net"}) is fine


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "8.8.8.8", "2606:4700::1111", "2a00:1450:4001:82a::200e"]
)
def test_the_open_internet_is_public(address):
    assert policy.is_public(address)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "::1", "::", "fe80::1%eth0", "0.0.0.0"]
)
def test_what_points_inward_is_not(address):
    assert not policy.is_public(address)


@given(within(INWARD) | within(INWARD_6))
def test_no_special_address_is_public(address):
    assert not policy.is_public(str(address))


@given(st.ip_addresses(v=4))
def test_no_ipv6_address_that_carries_an_ipv4_one_is_public(address):
    number = int(IPv4Address(address))
    for carrier in (
        IPv6Address((0xFFFF << 32) | number),  # mapped
        IPv6Address(number),  # compatible
        IPv6Address((0x0064FF9B << 96) | number),  # NAT64
        IPv6Address((0x2002 << 112) | (number << 80)),  # 6to4
        IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF)),  # Teredo
    ):
        assert not policy.is_public(str(carrier))


@given(st.ip_addresses(v=6))
def test_only_global_unicast_is_public(address):
    assert policy.is_public(str(address)) <= (address in IPv6Network("2000::/3"))
