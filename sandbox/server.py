"""HTTP: sockets, headers, routes. One thread per connection, HTTP/1.1 with keep-alive."""

from __future__ import annotations

import re
import socket
import sys
import time
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from sandbox import acts, api, control
from sandbox.bodies import ClientGoneError, RequestBody
from sandbox.errors import ApiError, not_found
from sandbox.exchange import Framing, Request, Response, Sandbox, error_answer, identity_headers
from sandbox.ids import random_id
from sandbox.sending import framing_of, pieces_of, reset
from sandbox.settings import is_loopback

IDLE_SECONDS = 300
Endpoint = Callable[..., Response]
ROUTES: tuple[tuple[str, re.Pattern[str], Endpoint], ...] = tuple(
    (method, re.compile(pattern), endpoint)
    for method, pattern, endpoint in (
        ("POST", r"/v1/messages/batches", api.create_batch),
        ("GET", r"/v1/messages/batches", api.list_batches),
        ("GET", r"/v1/messages/batches/([^/]+)", api.retrieve_batch),
        ("DELETE", r"/v1/messages/batches/([^/]+)", api.delete_batch),
        ("POST", r"/v1/messages/batches/([^/]+)/cancel", api.cancel_batch),
        ("GET", r"/v1/messages/batches/([^/]+)/results", api.batch_results),
        ("POST", r"/v1/messages", api.create_message),
        ("POST", r"/v1/messages/count_tokens", api.count_tokens),
        ("GET", r"/v1/models", api.models),
        ("GET", r"/v1/models/([^/]+)", api.model),
        ("GET", r"/sandbox/health", control.health),
        ("GET", r"/sandbox/account", control.account),
        ("GET", r"/sandbox/clock", control.show_clock),
        ("POST", r"/sandbox/clock", control.move_clock),
        ("GET", r"/sandbox/behavior", control.show_behavior),
        ("POST", r"/sandbox/behavior", control.change_behavior),
        ("POST", r"/sandbox/foreign_batches", control.add_foreign_batches),
        ("GET", r"/sandbox/faults", control.show_faults),
        ("POST", r"/sandbox/faults", control.arm_faults),
        ("DELETE", r"/sandbox/faults", control.clear_faults),
    )
)
# What the language of faults calls them; the control endpoints have no faults.
FAULTY: dict[Endpoint, str] = {
    api.create_batch: "create",
    api.retrieve_batch: "retrieve",
    api.list_batches: "list",
    api.cancel_batch: "cancel",
    api.delete_batch: "delete",
    api.batch_results: "results",
    api.create_message: "messages",
    api.count_tokens: "count_tokens",
    api.models: "models",
    api.model: "models",
}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, host: str, port: int, sandbox: Sandbox) -> None:
        """Raises OSError if the port is taken."""
        self.sandbox = sandbox
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), Handler)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.server_address[1]}"

    def server_bind(self) -> None:
        """As HTTPServer does, but without asking the name service for this machine's name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news; anything else is a fault of the sandbox."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc(file=sys.stderr)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    wbufsize = 65_536
    server: Server

    def answer(self) -> None:
        """One request: find the endpoint, let it answer, send what it says."""
        started = time.monotonic()
        request_id = random_id("req")
        try:
            request = self._request(request_id)
        except ApiError as error:
            self.close_connection = True
            self._send(error_answer(error, request_id), request_id, None)
            return
        try:
            response = self._respond(request)
            if response.lost != "reset" and not request.body.is_finished and not request.body.drain():
                self.close_connection = True
        except ClientGoneError:
            self.close_connection = True
            return
        self._send(response, request_id, self._workspace(request))
        if self.server.sandbox.settings.verbose:
            milliseconds = (time.monotonic() - started) * 1000
            fault = f" ({request.fault})" if request.fault else ""
            print(f"{request.method} {request.path} {response.status} {milliseconds:.0f} ms{fault}", file=sys.stderr)

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_HEAD = answer  # noqa: N815 - names given by http.server

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses by itself (a request line it cannot read), in the API's form."""
        self.close_connection = True
        request_id = random_id("req")
        error = ApiError("invalid_request_error", message or "Bad Request", status=code)
        self._send(error_answer(error, request_id), request_id, None)

    def log_message(self, format: str, *args: object) -> None:
        """The standard library's log lines are not wanted."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header follows the sandbox's clock, as created_at does."""
        return super().date_time_string(self.server.sandbox.clock.now() / 1_000_000 if timestamp is None else timestamp)

    def _request(self, request_id: str) -> Request:
        address = urlsplit(self.path)
        return Request(
            method=self.command,
            path=address.path,
            query=parse_qs(address.query, keep_blank_values=True),
            headers=self.headers,
            body=RequestBody(self.rfile, self.headers),
            base_url=self._base_url(),
            request_id=request_id,
        )

    def _base_url(self) -> str:
        """The client's own word for this address (127.0.0.1 or localhost), so that results_url has the same host."""
        host = self.headers.get("Host", "")
        name = host.rsplit(":", 1)[0].strip("[]")
        return f"http://{host}" if is_loopback(name) else self.server.url

    def _respond(self, request: Request) -> Response:
        try:
            return self._dispatch(request)
        except ApiError as error:
            return error_answer(error, request.request_id)
        except (ClientGoneError, OSError) as error:
            if isinstance(error, OSError) and not isinstance(error, (ConnectionError, TimeoutError)):
                return self._broken(request)
            raise ClientGoneError from error
        except Exception:  # whatever went wrong, the client gets an answer in the API's own form
            return self._broken(request)

    def _dispatch(self, request: Request) -> Response:
        known_path = False
        for method, pattern, endpoint in ROUTES:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                return self._call(endpoint, request, [unquote(part) for part in match.groups()])
            known_path = known_path or match is not None
        if known_path:
            raise ApiError("invalid_request_error", "Method Not Allowed", status=405)
        raise not_found("Not Found")

    def _call(self, endpoint: Endpoint, request: Request, parts: list[str]) -> Response:
        sandbox = self.server.sandbox
        if endpoint not in FAULTY:
            return endpoint(sandbox, request, *parts)
        target = request.target(FAULTY[endpoint], parts[0] if parts else None)
        fault = sandbox.faults.choose(target)
        if fault is None:
            return endpoint(sandbox, request, *parts)
        request.fault = fault.do
        return acts.act(fault, acts.Call(request, target, lambda: endpoint(sandbox, request, *parts)))

    def _broken(self, request: Request) -> Response:
        traceback.print_exc(file=sys.stderr)
        return error_answer(ApiError("api_error", "The sandbox itself failed; see its log."), request.request_id)

    def _workspace(self, request: Request) -> str | None:
        try:
            return request.workspace()
        except ApiError:
            return None

    def _send(self, response: Response, request_id: str, workspace: str | None) -> None:
        if response.lost:
            self.close_connection = True
            if response.lost == "reset":
                reset(self.connection)
            return
        framing = framing_of(response, self.request_version)
        if framing == "close":
            self.close_connection = True
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("request-id", request_id)
        for name, value in {**identity_headers(workspace), **response.headers}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        if framing == "length":
            self.send_header("Content-Length", str(response.size))
        elif framing == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(response, framing)
        self.wfile.flush()

    def _send_body(self, response: Response, framing: Framing) -> None:
        for piece in pieces_of(response):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if framing == "chunked" else piece)
            if response.flaw is not None:
                # What comes before the flaw must have left before it.
                self.wfile.flush()
        if response.flaw is not None and response.flaw.is_cut:
            self.close_connection = True
        elif framing == "chunked":
            self.wfile.write(b"0\r\n\r\n")
