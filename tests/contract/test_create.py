"""The one create call: sent once whatever happens, and every outcome has its fault."""

import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import format_datetime
from pathlib import Path
from typing import Self

import orjson
import pytest

from batchsite.api_address import ApiAddress
from labeling import batch_api
from labeling.batch_api import ApiError, Created, Fault, clients
from labeling.batch_api import body as request_body
from tests.contract.conftest import KEY, in_seconds, write_body
from tests.contract.stub_server import Respond, Seen, StubServer, answer, hang_up, stub_server

BATCH = {
    "id": "msgbatch_1",
    "type": "message_batch",
    "processing_status": "in_progress",
    "request_counts": {"processing": 2, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
    "created_at": "2026-11-22T09:00:00.100435Z",
    "expires_at": "2026-11-23T09:00:00.100435Z",
    "ended_at": None,
    "archived_at": None,
    "cancel_initiated_at": None,
    "results_url": None,
}
PointAt = Callable[..., None]


def refusal(status: int, error_type: str, code: str | None = None, words: str = "It is so.", **headers: str) -> Respond:
    error = {"type": error_type, "message": words} | ({"details": {"error_code": code}} if code else {})
    return answer(status, orjson.dumps({"type": "error", "error": error, "request_id": "req_stub"}), **headers)


def cut_answer(_: Seen, connection: socket.socket) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{"id":"msgbatch_1",')


def wait_for_the_end_of_the_test(server: StubServer) -> Respond:
    def respond(_: Seen, __: socket.socket) -> None:
        server.stopped.wait(20)

    return respond


def fault_of(respond: Respond, path: Path, point_at: PointAt, *, seconds: float = 20) -> tuple[ApiError, StubServer]:
    """Create against a stub and return what went wrong."""
    with stub_server(respond) as server:
        point_at(server.url)
        with pytest.raises(ApiError) as caught:
            batch_api.create_batch(path, deadline=in_seconds(seconds))
    return caught.value, server


@pytest.fixture
def body(tmp_path: Path) -> Path:
    return write_body(tmp_path / "body.json", ("a-1", "x\u2028ü"), ("a-2", "y"))


@pytest.fixture
def large_body(tmp_path: Path) -> Path:
    """More than any socket buffers."""
    path = tmp_path / "large.json"
    path.write_bytes(b'{"requests":[' + b" " * 30_000_000 + b"]}")
    return path


def test_the_file_goes_out_byte_by_byte_with_its_exact_length(body: Path, point_at: PointAt) -> None:
    with stub_server(answer(200, orjson.dumps(BATCH))) as server:
        point_at(server.url)
        created = batch_api.create_batch(body, deadline=in_seconds(20))
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/messages/batches", body.read_bytes())
    assert seen.headers["content-length"] == str(len(body.read_bytes()))
    assert "transfer-encoding" not in seen.headers
    assert seen.headers["content-type"] == "application/json"
    assert KEY in seen.headers["authorization"]
    assert isinstance(created, Created)
    assert (created.batch.id, created.request_id, created.workspace_id) == ("msgbatch_1", "req_stub", "wrkspc_stub")
    assert created.batch.created_at == datetime(2026, 11, 22, 9, 0, 0, 100435, UTC)


OUTCOMES: list[tuple[str, Respond, Fault]] = [
    ("400", refusal(400, "invalid_request_error"), Fault.PERMANENT),
    ("401", refusal(401, "authentication_error"), Fault.PERMANENT),
    ("402", refusal(402, "billing_error"), Fault.PERMANENT),
    ("403", refusal(403, "permission_error"), Fault.PERMANENT),
    ("404", refusal(404, "not_found_error"), Fault.PERMANENT),
    ("413 with HTML", answer(413, "<html>too large</html>", Content_Type="text/html"), Fault.TOO_LARGE),
    ("429", refusal(429, "rate_limit_error"), Fault.TRANSIENT),
    ("429 month spent", refusal(429, "rate_limit_error", "enforced_spend_limit_reached"), Fault.PERMANENT),
    ("429 contract spent", refusal(429, "rate_limit_error", "contract_spend_limit_reached"), Fault.PERMANENT),
    ("429 ramp", refusal(429, "rate_limit_error", "ramp_limit_exceeded"), Fault.TRANSIENT),
    ("408", answer(408, ""), Fault.UNCLEAR),
    ("409", refusal(409, "conflict_error"), Fault.UNCLEAR),
    ("422", answer(422, "{}"), Fault.UNCLEAR),
    ("500", refusal(500, "api_error"), Fault.UNCLEAR),
    ("502 with HTML", answer(502, "<html>bad gateway</html>", Content_Type="text/html"), Fault.UNCLEAR),
    ("503", answer(503, ""), Fault.UNCLEAR),
    ("504", refusal(504, "timeout_error"), Fault.UNCLEAR),
    ("529", refusal(529, "overloaded_error"), Fault.UNCLEAR),
    ("529 asking for a retry", refusal(529, "overloaded_error", x_should_retry="true"), Fault.UNCLEAR),
    ("307", answer(307, "", Location="/v1/messages/batches"), Fault.UNCLEAR),
    ("302", answer(302, "", Location="/elsewhere"), Fault.UNCLEAR),
    ("200 empty", answer(200, ""), Fault.UNCLEAR),
    ("200 HTML", answer(200, "<html>login</html>", Content_Type="text/html"), Fault.UNCLEAR),
    ("200 other JSON", answer(200, '{"ok":true}'), Fault.UNCLEAR),
    ("200 a list", answer(200, "[]"), Fault.UNCLEAR),
    ("200 without an id", answer(200, orjson.dumps(BATCH | {"id": None})), Fault.UNCLEAR),
    ("200 cut", cut_answer, Fault.UNCLEAR),
    ("dropped", hang_up, Fault.UNCLEAR),
]


@pytest.mark.parametrize(("respond", "fault"), [row[1:] for row in OUTCOMES], ids=[row[0] for row in OUTCOMES])
def test_every_outcome_has_its_fault_and_is_one_post(
    respond: Respond, fault: Fault, body: Path, point_at: PointAt
) -> None:
    error, server = fault_of(respond, body, point_at)
    assert error.fault is fault
    assert (server.connections, len(server.seen)) == (1, 1)


def test_an_error_tells_its_status_words_and_ids(body: Path, point_at: PointAt) -> None:
    words = "requests.0.custom_id: String should have at most 64 characters"
    error, _ = fault_of(refusal(400, "invalid_request_error", "some_code", words), body, point_at)
    assert str(error) == f"The API answered 400 invalid_request_error: {words}"
    assert (error.status, error.error_type, error.error_code) == (400, "invalid_request_error", "some_code")
    assert error.request_id == "req_stub"


@pytest.mark.parametrize(
    ("named", "seconds"),
    [
        ("30", 30.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ("1e99", 86400.0),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_seconds(named: str, seconds: float | None, body: Path, point_at: PointAt) -> None:
    error, _ = fault_of(refusal(429, "rate_limit_error", retry_after=named), body, point_at)
    assert error.retry_after == seconds


def test_retry_after_may_be_a_date(body: Path, point_at: PointAt) -> None:
    named = format_datetime(datetime.now(UTC) + timedelta(seconds=120), usegmt=True)
    error, _ = fault_of(refusal(429, "rate_limit_error", retry_after=named), body, point_at)
    assert error.retry_after is not None
    assert 100 < error.retry_after <= 120


def test_a_retry_after_of_an_hour_is_told_and_not_slept(body: Path, point_at: PointAt) -> None:
    began = time.monotonic()
    error, _ = fault_of(refusal(429, "rate_limit_error", retry_after="3600"), body, point_at)
    assert error.retry_after == 3600
    assert time.monotonic() - began < 10


def test_a_refused_connection_is_surely_not_accepted(body: Path, point_at: PointAt) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    point_at(f"http://127.0.0.1:{port}")
    with pytest.raises(ApiError) as caught:
        batch_api.create_batch(body, deadline=in_seconds(20))
    assert caught.value.fault is Fault.TRANSIENT


def test_a_name_that_is_not_found_is_surely_not_accepted(body: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "api_address", lambda: ApiAddress("http://no-such-host.invalid", KEY, False))
    with pytest.raises(ApiError) as caught:
        batch_api.create_batch(body, deadline=in_seconds(20))
    assert caught.value.fault is Fault.TRANSIENT
    assert "no-such-host.invalid" in str(caught.value)


def test_a_proxy_that_refuses_the_connection_is_surely_not_accepted(
    body: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stub_server(answer(403, "")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setattr(clients, "api_address", lambda: ApiAddress("https://api.invalid", KEY, False))
        with pytest.raises(ApiError) as caught:
            batch_api.create_batch(body, deadline=in_seconds(20))
    assert caught.value.fault is Fault.TRANSIENT
    assert [seen.method for seen in proxy.seen] == ["CONNECT"]


def test_a_call_whose_time_is_over_sends_nothing(body: Path, point_at: PointAt) -> None:
    error, server = fault_of(answer(200, orjson.dumps(BATCH)), body, point_at, seconds=-1)
    assert error.fault is Fault.TRANSIENT
    assert server.connections == 0


def test_no_answer_before_the_deadline_is_unclear_and_one_post(body: Path, point_at: PointAt) -> None:
    with stub_server(hang_up) as server:
        server.respond = wait_for_the_end_of_the_test(server)
        point_at(server.url)
        began = time.monotonic()
        with pytest.raises(ApiError) as caught:
            batch_api.create_batch(body, deadline=in_seconds(1))
        took = time.monotonic() - began
    assert caught.value.fault is Fault.UNCLEAR
    assert (server.connections, len(server.seen)) == (1, 1)
    assert took < 3


def test_a_body_that_is_late_is_never_complete(large_body: Path, point_at: PointAt) -> None:
    """The server takes the body so slowly that the deadline comes first, and goes on taking afterwards."""
    arrived: list[int] = []
    all_taken = threading.Event()

    def take_slowly(seen: Seen, connection: socket.socket) -> None:
        arrived.append(len(seen.body))
        try:
            while piece := connection.recv(200_000):
                arrived.append(len(piece))
                time.sleep(0.02)
        finally:
            all_taken.set()

    error, server = fault_of_unread(take_slowly, large_body, point_at, seconds=1)
    assert error.fault is Fault.UNCLEAR
    assert server.connections == 1
    assert all_taken.wait(10)
    assert 0 < sum(arrived) < large_body.stat().st_size


def fault_of_unread(respond: Respond, path: Path, point_at: PointAt, *, seconds: float) -> tuple[ApiError, StubServer]:
    """As `fault_of`, with a stub that leaves the body to `respond`."""
    with stub_server(respond, read_body=False) as server:
        point_at(server.url)
        with pytest.raises(ApiError) as caught:
            batch_api.create_batch(path, deadline=in_seconds(seconds))
    return caught.value, server


def test_the_time_of_the_upload_is_taken_off_the_wait_for_the_answer(large_body: Path, point_at: PointAt) -> None:
    size = large_body.stat().st_size
    whole: list[float] = []
    began = time.monotonic()

    def take_for_a_second_and_say_nothing(seen: Seen, connection: socket.socket) -> None:
        left = size - len(seen.body)
        while left > 0:
            left -= len(connection.recv(1_000_000))
            share = 1 - left / size
            time.sleep(max(0.0, share - (time.monotonic() - began)))
        whole.append(time.monotonic() - began)
        connection.recv(1)

    error, _ = fault_of_unread(take_for_a_second_and_say_nothing, large_body, point_at, seconds=2)
    took = time.monotonic() - began
    assert error.fault is Fault.UNCLEAR
    assert whole
    assert whole[0] > 0.9
    assert took < 2.9


def test_an_early_413_is_read_although_the_body_was_not_taken(large_body: Path, point_at: PointAt) -> None:
    error, server = fault_of_unread(drain_after(answer(413, "<html>")), large_body, point_at, seconds=20)
    assert error.fault is Fault.TOO_LARGE
    assert server.connections == 1


def drain_after(respond: Respond) -> Respond:
    """Answer first, then throw the rest of the body away, as a proxy in front of the API does."""

    def both(seen: Seen, connection: socket.socket) -> None:
        respond(seen, connection)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1_000_000):
            pass

    return both


class LateClock(datetime):
    """A wall clock that can be set forward, as after a suspended machine wakes."""

    ahead = timedelta(0)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(time.time(), tz) + cls.ahead


def test_a_machine_that_slept_past_the_deadline_sends_no_further_chunk(
    body: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_body, "datetime", LateClock)
    monkeypatch.setattr(LateClock, "ahead", timedelta(0))
    with request_body.BodyUntil(body, in_seconds(900)) as reader:
        assert reader.read(10)
        monkeypatch.setattr(LateClock, "ahead", timedelta(seconds=901))
        with pytest.raises(TimeoutError):
            reader.read(10)


def test_a_wall_clock_that_was_set_back_does_not_lengthen_the_deadline(
    body: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_body, "datetime", LateClock)
    monkeypatch.setattr(LateClock, "ahead", timedelta(0))
    with request_body.BodyUntil(body, in_seconds(10)) as reader:
        monkeypatch.setattr(LateClock, "ahead", timedelta(hours=-1))
        assert reader.seconds_left() <= 10


def test_a_missing_body_file_sends_nothing(tmp_path: Path, point_at: PointAt) -> None:
    with stub_server(answer(200, orjson.dumps(BATCH))) as server:
        point_at(server.url)
        with pytest.raises(OSError):
            batch_api.create_batch(tmp_path / "gone.json", deadline=in_seconds(20))
    assert server.connections == 0


def test_neither_key_nor_text_is_logged_or_told(
    tmp_path: Path, point_at: PointAt, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_body(tmp_path / "body.json", ("a-1", "very private words"))
    caplog.set_level("DEBUG", logger="labeling")
    error, _ = fault_of(refusal(401, "authentication_error", words=f"invalid key {KEY}"), path, point_at)
    told = caplog.text + str(error) + repr(error)
    assert KEY not in told
    assert "very private words" not in told
    assert "req_stub" in caplog.text
