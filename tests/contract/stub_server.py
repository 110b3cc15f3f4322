"""A server on loopback that answers each request as a test says, byte by byte if need be."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Seen:
    """One request as it arrived; `complete` when its body had the announced length."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    complete: bool


Respond = Callable[[Seen, socket.socket], None]
"""Writes the answer to the connection, which is closed afterwards."""


@dataclass
class StubServer:
    """Answers with `respond`, one connection per request; `seen` keeps what came in."""

    respond: Respond
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over: a slow answer waits on it."""
    url: str = ""


def answer(status: int, body: bytes | str = b"", **headers: str) -> Respond:
    """A plain whole answer; header names with _ for -."""
    raw = body.encode() if isinstance(body, str) else body
    named = {"Content-Type": "application/json", "request-id": "req_stub", "anthropic-workspace-id": "wrkspc_stub"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}

    def respond(_: Seen, connection: socket.socket) -> None:
        head = f"HTTP/1.1 {status} Words\r\nContent-Length: {len(raw)}\r\nConnection: close\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in named.items())
        connection.sendall(head.encode() + b"\r\n" + raw)

    return respond


def hang_up(_: Seen, connection: socket.socket) -> None:
    """Take the request and close without a word."""


@contextmanager
def stub_server(respond: Respond, *, read_body: bool = True) -> Iterator[StubServer]:
    """`with stub_server(answer(200, "{}")) as server:` listens on a free port of loopback."""
    server = StubServer(respond)
    listener = socket.create_server(("127.0.0.1", 0))
    server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    accepting = threading.Thread(target=_accept, args=(server, listener, read_body), daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        server.stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(5)


def _accept(server: StubServer, listener: socket.socket, read_body: bool) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        server.connections += 1
        threading.Thread(target=_serve, args=(server, connection, read_body), daemon=True).start()


def _serve(server: StubServer, connection: socket.socket, read_body: bool) -> None:
    with connection:
        connection.settimeout(10)
        try:
            seen = _read_request(connection, read_body)
            if seen is not None:
                server.seen.append(seen)
                server.respond(seen, connection)
        except OSError:
            return


def _read_request(connection: socket.socket, read_body: bool) -> Seen | None:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65_536)
        if not piece:
            return None
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    length = int(headers.get("content-length", 0))
    pieces = [body]
    arrived = len(body)
    while read_body and arrived < length:
        try:
            piece = connection.recv(65_536)
        except OSError:
            break
        if not piece:
            break
        pieces.append(piece)
        arrived += len(piece)
    method, path, _ = first.split(" ")
    return Seen(method, path, headers, b"".join(pieces), arrived == length)
