import logging
import socket
import ssl
from threading import Event

import pytest
import trustme
from msgspec.structs import replace

from chalicelib.errors import CompletionRefused, CompletionsUnavailable
from chalicelib.webhooks import message, sender
from chalicelib.webhooks.sender import Route, Webhook
from tests.test_notices import completion
from tests.webhooks.receiver import HOST, receiving, status

SECRET = b"s" * 32
PUBLIC = "93.184.216.34"
OTHER_PUBLIC = "1.1.1.1"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def receiver(authority):
    with receiving(authority) as listening:
        yield listening


class World:
    """A network on which every public address is the receiver, and that remembers who was asked for."""

    def __init__(self, authority, port, addresses=(PUBLIC,)):
        self.authority = authority
        self.port = port
        self.addresses = list(addresses)
        self.looked_up = []
        self.connected = []
        self.dead = set()

    def look_up(self, host, port):
        self.looked_up.append((host, port))
        return self.addresses

    def connect(self, address, timeout):
        self.connected.append(address)
        if address[0] in self.dead:
            raise ConnectionRefusedError("nobody listens")
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def trust(self):
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    def route(self, **changes):
        route = Route(
            secret=SECRET, hosts=frozenset({HOST}), look_up=self.look_up, connect=self.connect, trust=self.trust
        )
        return replace(route, **changes)


@pytest.fixture
def world(authority, receiver):
    return World(authority, receiver.port)


def send(world, url=f"https://{HOST}/halftone?a=1", **changes):
    Webhook(url, world.route(**changes)).deliver(completion())


def test_a_completion_arrives_signed(world, receiver):
    send(world)
    (request,) = receiver.requests
    assert request.line == "POST /halftone?a=1 HTTP/1.1"
    assert request.body == message.body(completion())
    headers = request.headers
    expected = message.signature(headers["webhook-id"], int(headers["webhook-timestamp"]), request.body, SECRET)
    assert headers["webhook-signature"] == expected
    assert (headers["Host"], headers["Content-Type"]) == (HOST, "application/json")
    assert receiver.server_names == [HOST]


def test_a_port_of_its_own_is_looked_up_connected_to_and_named(world, receiver):
    send(world, f"https://{HOST}:8443/")
    assert world.looked_up == [(HOST, 8443)]
    assert world.connected == [(PUBLIC, 8443)]
    assert receiver.requests[0].headers["Host"] == f"{HOST}:8443"


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(world, receiver, code):
    receiver.answer = status(code)
    send(world)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 410, 422, 451, 499])
def test_a_4xx_is_for_good(world, receiver, code):
    receiver.answer = status(code)
    with pytest.raises(CompletionRefused, match=f"^{HOST} answered {code}$"):
        send(world)


@pytest.mark.parametrize("code", [103, 301, 302, 307, 308, 408, 425, 429, 500, 502, 503, 504, 599])
def test_anything_else_may_end_better(world, receiver, code):
    receiver.answer = status(code)
    with pytest.raises(CompletionsUnavailable, match=f"^{HOST} answered {code}$"):
        send(world)


@pytest.mark.parametrize(
    "place", ["http://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", f"https://{HOST}/2"]
)
def test_redirects_are_not_followed_anywhere(world, receiver, place):
    receiver.answer = status(307, f"Location: {place}")
    with pytest.raises(CompletionsUnavailable):
        send(world)
    assert (len(receiver.requests), len(world.looked_up), len(world.connected)) == (1, 1, 1)


@pytest.mark.parametrize(
    "url", ["https://evil.example.com/", "http://hooks.example.com/", "https://169.254.169.254/", "nonsense"]
)
def test_a_url_that_is_not_allowed_is_not_even_looked_up(world, url):
    with pytest.raises(CompletionRefused):
        send(world, url)
    assert world.looked_up == []


@pytest.mark.parametrize("inward", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "fd00:ec2::254", "::ffff:10.0.0.1"])
@pytest.mark.parametrize("company", [[], [PUBLIC]])
def test_a_name_that_leads_inward_is_refused_whatever_else_it_leads_to(world, inward, company):
    world.addresses = [*company, inward]
    with pytest.raises(CompletionRefused, match="not on the open internet"):
        send(world)
    assert world.connected == []


def test_a_name_that_changes_its_mind_gets_no_second_look(world):
    answers = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])
    send(world, look_up=lambda _host, _port: next(answers))
    assert world.connected == [(PUBLIC, 443)]
    assert next(answers) == ["127.0.0.1"], "it was looked up once"


def test_the_next_address_is_tried_when_one_does_not_answer(world):
    world.addresses, world.dead = [OTHER_PUBLIC, PUBLIC, PUBLIC], {OTHER_PUBLIC}
    send(world)
    assert world.connected == [(OTHER_PUBLIC, 443), (PUBLIC, 443)]


def test_a_host_that_answers_at_no_address_may_do_so_later(world):
    world.dead = {PUBLIC}
    with pytest.raises(CompletionsUnavailable, match="nobody listens"):
        send(world)
    world.addresses = []
    with pytest.raises(CompletionsUnavailable, match="no address"):
        send(world)


def test_an_address_that_is_none_is_left_out(world):
    world.addresses = ["0.0.0.0", "::", PUBLIC]
    send(world)
    assert world.connected == [(PUBLIC, 443)]
    world.addresses = ["0.0.0.0"]
    with pytest.raises(CompletionsUnavailable, match="no address"):
        send(world)


def test_a_name_that_does_not_exist_may_do_so_later(world):
    def look_up(_host, _port):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(CompletionsUnavailable, match="not known"):
        send(world, look_up=look_up)


def test_a_certificate_of_another_host_is_not_believed(authority):
    with receiving(authority, host="other.example.com") as receiver:
        with pytest.raises(CompletionsUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            send(World(authority, receiver.port))
        assert receiver.requests == []


def test_a_certificate_of_nobody_knows_whom_is_not_believed(world, receiver):
    with pytest.raises(CompletionsUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        send(world, trust=sender.system_trust)
    assert receiver.requests == []


@pytest.mark.parametrize("text", [b"", b"H", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: y\r\n"])
def test_a_slow_answer_is_cut_off(world, receiver, text):
    cut = Event()

    def drip(connection, _over):
        connection.settimeout(0.05)
        for _ in range(200):
            try:
                connection.sendall(text)
                ended = connection.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
            if ended:
                cut.set()
                return

    receiver.answer = drip
    with pytest.raises(CompletionsUnavailable, match="too long"):
        send(world, seconds=0.5)
    assert cut.wait(30)


def test_a_handshake_that_never_ends_is_cut_off(authority):
    with (
        receiving(authority, handshake=False) as receiver,
        pytest.raises(CompletionsUnavailable, match="did not answer"),
    ):
        send(World(authority, receiver.port), seconds=0.3)


def test_a_look_up_that_never_ends_is_left_alone(world):
    over, ended = Event(), Event()

    def look_up(_host, _port):
        over.wait(10)
        ended.set()
        return [PUBLIC]

    with pytest.raises(CompletionsUnavailable, match="did not answer"):
        send(world, look_up=look_up, seconds=0.2)
    assert not ended.is_set()
    over.set()
    assert ended.wait(30)
    assert world.connected == []


def test_the_body_of_an_answer_is_not_waited_for(world, receiver):
    def endless(connection, over):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        while not over.is_set():
            connection.sendall(b"x" * 65536)

    receiver.answer = endless
    send(world)


@pytest.mark.parametrize("line", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\n" + b"x" * 200_000])
def test_what_is_no_answer_may_be_one_later(world, receiver, line):
    receiver.answer = lambda connection, _over: connection.sendall(line)
    with pytest.raises(CompletionsUnavailable, match="did not answer"):
        send(world)


def test_neither_name_nor_representation_tell_what_is_secret(world):
    webhook = Webhook(f"https://{HOST}/token", world.route())
    assert webhook.name.startswith("webhook-")
    assert "token" not in webhook.name
    assert webhook.name != Webhook(f"https://{HOST}/other", world.route()).name
    assert "ssss" not in repr(world.route())


def test_the_name_of_this_machine_is_looked_up_as_addresses():
    assert "127.0.0.1" in sender.look_up("localhost", 443)


def test_nothing_is_logged_of_a_delivery(world, caplog):
    with caplog.at_level(logging.DEBUG):
        send(world)
    assert caplog.text == ""
