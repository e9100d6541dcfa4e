"""A receiver of webhooks on this machine: real TLS with a certificate of its own, and answers of the test's choice."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread

import trustme

HOST = "hooks.example.com"
PATIENCE = 30.0  # seconds until the receiver itself gives up on a sender that hangs


@dataclass
class Request:
    """One request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[ssl.SSLSocket, Event], None]


def status(code: int, *headers: str) -> Answer:
    """Answer with a status and nothing else."""
    lines = [f"HTTP/1.1 {code} Whatever", *headers, "Content-Length: 0", "", ""]
    return lambda connection, _over: connection.sendall("\r\n".join(lines).encode())


@dataclass
class Receiver:
    """What arrived, and how the next request is answered; `over` is set when the test is over."""

    answer: Answer
    requests: list[Request] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)
    connections: int = 0
    over: Event = field(default_factory=Event)
    port: int = 0

    def serve(self, plain: socket.socket, context: ssl.SSLContext | None) -> None:
        """Take one connection; without a context not even the handshake is answered."""
        with plain:
            plain.settimeout(PATIENCE)
            if context is None:
                self.over.wait(PATIENCE)
                return
            with suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
                self.requests.append(read(connection))
                self.answer(connection, self.over)


def read(connection: ssl.SSLSocket) -> Request:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = dict(item.split(": ", 1) for item in lines)
    while len(body) < int(headers["Content-Length"]):
        body += connection.recv(65536)
    return Request(line, headers, body)


@contextmanager
def receiving(authority: trustme.CA, *, host: str = HOST, handshake: bool = True) -> Iterator[Receiver]:
    """Listen on a free port, with a certificate for `host`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    receiver = Receiver(status(204))
    context.sni_callback = lambda _connection, name, _context: receiver.server_names.append(name)
    threads: list[Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        receiver.port = listening.getsockname()[1]

        def accept() -> None:
            while not receiver.over.is_set():
                plain, _ = listening.accept()
                if receiver.over.is_set():
                    plain.close()
                    return
                receiver.connections += 1
                threads.append(Thread(target=receiver.serve, args=(plain, context if handshake else None)))
                threads[-1].start()

        accepting = Thread(target=accept)
        accepting.start()
        try:
            yield receiver
        finally:
            receiver.over.set()
            socket.create_connection(("127.0.0.1", receiver.port)).close()  # so that accept() returns
            for thread in (accepting, *threads):
                thread.join()
