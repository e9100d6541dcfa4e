"""A webhook goes out: over HTTPS, to an address that was checked, within five seconds."""

import hashlib
import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cache
from ipaddress import ip_address
from threading import Timer

import msgspec

from chalicelib.errors import CompletionRefused, CompletionsUnavailable
from chalicelib.model.completion import Completion
from chalicelib.webhooks import message, policy
from chalicelib.webhooks.policy import Endpoint

SECONDS = 5.0
"""What one delivery may take in all, from looking up the name to the status line of the answer."""

RETRIED = frozenset({408, 425, 429})
"""The statuses of the 4xx that may end differently next time; every other one says that the request is wrong."""


def look_up(host: str, port: int) -> Sequence[str]:
    """Return the IP addresses of a host."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@cache
def system_trust() -> ssl.SSLContext:
    """Return a context that believes the certificates that the system believes."""
    return ssl.create_default_context()


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """How webhooks leave a stage: signed with `secret`, to hosts of the allow-list alone.

    The rest is the world: what a name leads to, how an address is connected to (in how many seconds), whose
    certificates are believed.
    """

    secret: bytes
    hosts: frozenset[str]
    seconds: float = SECONDS
    look_up: Callable[[str, int], Sequence[str]] = look_up
    connect: Callable[[tuple[str, int], float], socket.socket] = socket.create_connection
    trust: Callable[[], ssl.SSLContext] = system_trust

    def __repr__(self) -> str:
        """Leave out the secret: what is shown may be logged."""
        return f"Route(hosts={self.hosts})"


class Webhook:
    """`Target`: one URL. Its name is made from the URL, but does not tell it: paths and queries may hold secrets."""

    def __init__(self, url: str, route: Route) -> None:
        self.name = f"webhook-{hashlib.sha256(url.encode()).hexdigest()[:12]}"
        self._url = url
        self._route = route

    def deliver(self, completion: Completion) -> None:
        """Post a completion.

        Raises CompletionRefused when the URL is not allowed, or the receiver says that it will never take it, and
        CompletionsUnavailable when another attempt may end better. Redirects are not followed, as the specification
        recommends: whoever moves a receiver tells its sender.
        """
        place = self._allowed()
        content = message.body(completion)
        headers = message.headers(self._url, content, self._route.secret, timestamp=int(time.time()))
        try:
            status = self._post(place, content, headers)
        except (OSError, http.client.HTTPException) as error:
            why = str(error) or type(error).__name__
            raise CompletionsUnavailable(f"{place.host} did not answer: {why}") from error
        if 400 <= status < 500 and status not in RETRIED:
            raise CompletionRefused(f"{place.host} answered {status}")
        if not 200 <= status < 300:
            raise CompletionsUnavailable(f"{place.host} answered {status}")

    def _allowed(self) -> Endpoint:
        try:
            place = policy.endpoint(self._url)
        except ValueError as error:
            raise CompletionRefused(f"a webhook's URL is wrong: {error}") from None
        if not policy.is_allowed(place.host, self._route.hosts):
            raise CompletionRefused(f"{place.host} is not on this stage's allow-list of webhooks")
        return place

    def _post(self, place: Endpoint, content: bytes, headers: dict[str, str]) -> int:
        """Send a message and return the status of the answer, whose body stays unread."""
        deadline = time.monotonic() + self._route.seconds
        with self._connected(place, deadline) as connected, _ended_by(connected, deadline):
            client = http.client.HTTPConnection(place.host, place.port)
            client.auto_open = 0  # it has its connection, and must never make another one
            client.sock = connected
            host = place.host if place.port == 443 else f"{place.host}:{place.port}"
            client.request("POST", place.path, content, {"Host": host, "Connection": "close", **headers})
            with closing(client.getresponse()) as response:
                return response.status

    def _connected(self, place: Endpoint, deadline: float) -> ssl.SSLSocket:
        """Connect to the first address that answers, and to no other than those that were looked at.

        Each may take half of the time that is left, the last one all of it. A second look-up, which could lead
        elsewhere, never happens.
        """
        addresses = self._addresses(place, deadline)
        for address in addresses:
            last = address == addresses[-1]
            try:
                connected = self._secured(address, place, deadline - (0 if last else _left(deadline) / 2))
            except OSError:
                if last:
                    raise
            else:
                connected.settimeout(_left(deadline))
                return connected
        raise OSError("the host has no address")

    def _secured(self, address: str, place: Endpoint, deadline: float) -> ssl.SSLSocket:
        """Connect to one address, and see the certificate of the host name."""
        with ExitStack() as undone:
            plain = undone.enter_context(self._route.connect((address, place.port), _left(deadline)))
            unproven = self._route.trust().wrap_socket(plain, server_hostname=place.host, do_handshake_on_connect=False)
            connected = undone.enter_context(unproven)
            with _ended_by(connected, deadline):
                connected.do_handshake()
            undone.pop_all()
            return connected

    def _addresses(self, place: Endpoint, deadline: float) -> Sequence[str]:
        """Look the host up, in a thread because a look-up takes no timeout; raises CompletionRefused.

        The unspecified address (0.0.0.0, ::) is none: with it a resolver says that it keeps the others to itself.
        """
        pool = ThreadPoolExecutor(max_workers=1)
        try:
            found = pool.submit(self._route.look_up, place.host, place.port).result(_left(deadline))
        finally:
            pool.shutdown(wait=False)
        addresses = [address for address in found if not ip_address(address).is_unspecified]
        for address in addresses:
            if not policy.is_public(address):
                raise CompletionRefused(f"{place.host} leads to {address}, which is not on the open internet")
        return list(dict.fromkeys(addresses))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    return left


@contextmanager
def _ended_by(connected: ssl.SSLSocket, deadline: float) -> Iterator[None]:
    """Cut the connection at the deadline, whatever it is busy with, and raise TimeoutError.

    A timeout of the socket alone starts anew with every byte, and so never ends a receiver that sends one a second.
    """
    end = Timer(_left(deadline), _cut, [connected])
    end.start()
    try:
        yield
    finally:
        end.cancel()
        _left(deadline)


def _cut(connected: socket.socket) -> None:
    with suppress(OSError):  # the other side may have been quicker
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
