"""The other calls of the real module, against stubs that misbehave as the real world does."""

import gzip
import os
import pickle
import socket
import time
from collections.abc import Callable

import orjson
import pytest

from batchsite.api_address import ApiAddress
from batchsite.environment import EnvironmentFault
from labeling import batch_api
from labeling.batch_api import ApiError, Fault, clients
from tests.contract.conftest import KEY
from tests.contract.stub_server import Respond, Seen, answer, hang_up, stub_server
from tests.contract.test_create import BATCH, OUTCOMES, cut_answer, refusal, wait_for_the_end_of_the_test

PointAt = Callable[..., None]
MESSAGE = {"id": "msg_1", "type": "message", "content": [], "stop_reason": "end_turn", "usage": {"input_tokens": 1}}
PARAMS = b'{"model":"claude-haiku-5-5","max_tokens":10,"messages":[{"role":"user","content":"x"}]}'

OF_MESSAGES = {
    "422": Fault.PERMANENT,
    "529": Fault.TRANSIENT,
    "529 asking for a retry": Fault.TRANSIENT,
}
"""Where the urgent lane differs from the create call."""


@pytest.mark.parametrize(
    ("respond", "fault"),
    [(respond, OF_MESSAGES.get(name, fault)) for name, respond, fault in OUTCOMES],
    ids=[row[0] for row in OUTCOMES],
)
def test_every_outcome_of_a_real_time_call_has_its_fault_and_is_one_post(
    respond: Respond, fault: Fault, point_at: PointAt
) -> None:
    with stub_server(respond) as server:
        point_at(server.url)
        with pytest.raises(ApiError) as caught:
            batch_api.send_message(PARAMS, timeout=20)
    assert caught.value.fault is fault
    assert (server.connections, len(server.seen)) == (1, 1)


def test_a_real_time_call_without_an_answer_in_time_is_unclear(point_at: PointAt) -> None:
    with stub_server(hang_up) as server:
        server.respond = wait_for_the_end_of_the_test(server)
        point_at(server.url)
        with pytest.raises(ApiError) as caught:
            batch_api.send_message(PARAMS, timeout=0.3)
    assert caught.value.fault is Fault.UNCLEAR
    assert server.connections == 1


def test_a_real_time_answer_is_kept_byte_by_byte(point_at: PointAt) -> None:
    raw = b'{ "id":"msg_1",\n "content":[{"type":"text","text":"\xe2\x80\xa8 \\ud83d\\ude00"}] }'
    with stub_server(answer(200, raw)) as server:
        point_at(server.url)
        answered = batch_api.send_message(PARAMS, timeout=20)
    assert (answered.raw, answered.request_id, answered.workspace_id) == (raw, "req_stub", "wrkspc_stub")
    assert (server.seen[0].path, server.seen[0].body) == ("/v1/messages", PARAMS)


def test_every_real_time_call_has_a_connection_of_its_own(point_at: PointAt) -> None:
    with stub_server(answer(200, orjson.dumps(MESSAGE))) as server:
        point_at(server.url)
        for _ in range(2):
            batch_api.send_message(PARAMS, timeout=20)
    assert server.connections == 2


@pytest.mark.parametrize(
    ("respond", "fault"),
    [
        (refusal(404, "not_found_error"), Fault.TRANSIENT),
        (refusal(401, "authentication_error"), Fault.PERMANENT),
        (refusal(500, "api_error"), Fault.TRANSIENT),
        (refusal(429, "rate_limit_error", retry_after="9"), Fault.TRANSIENT),
        (answer(200, "<html>"), Fault.TRANSIENT),
        (answer(200, "{}"), Fault.TRANSIENT),
        (cut_answer, Fault.TRANSIENT),
        (hang_up, Fault.TRANSIENT),
    ],
)
@pytest.mark.parametrize("call", [batch_api.retrieve_batch, batch_api.cancel_batch])
def test_a_failed_question_is_never_unclear_and_asked_once(
    call: Callable[[str], object], respond: Respond, fault: Fault, point_at: PointAt
) -> None:
    with stub_server(respond) as server:
        point_at(server.url)
        with pytest.raises(ApiError) as caught:
            call("msgbatch_1")
    assert caught.value.fault is fault
    assert server.connections == 1


def test_an_unknown_status_and_absent_keys_do_not_stop_a_poll(point_at: PointAt) -> None:
    found = {"id": "msgbatch_1", "processing_status": "dreaming", "created_at": "2026-11-22T09:00:00Z", "new": 1}
    with stub_server(answer(200, orjson.dumps(found))) as server:
        point_at(server.url)
        batch = batch_api.retrieve_batch("msgbatch_1")
    assert (batch.processing_status, batch.counts.total, batch.workspace_id) == ("dreaming", 0, "wrkspc_stub")


@pytest.mark.parametrize("odd", ["", "../models", "a/b", "a?b=1", "ü", "x" * 300])
def test_an_id_that_cannot_be_one_is_not_asked_for(odd: str, point_at: PointAt) -> None:
    with stub_server(answer(200, orjson.dumps(BATCH))) as server:
        point_at(server.url)
        with pytest.raises(ApiError) as caught:
            batch_api.retrieve_batch(odd)
    assert caught.value.fault is Fault.PERMANENT
    assert server.connections == 0


def test_pages_are_fetched_only_as_far_as_they_are_read(point_at: PointAt) -> None:
    page = {"data": [BATCH], "has_more": True, "first_id": "msgbatch_1", "last_id": "msgbatch_1"}
    with stub_server(answer(200, orjson.dumps(page))) as server:
        point_at(server.url)
        assert batch_api.newest_batch_id() == "msgbatch_1"
    assert [seen.path for seen in server.seen] == ["/v1/messages/batches?limit=1"]


def test_a_list_that_never_ends_is_left(point_at: PointAt) -> None:
    page = {"data": [BATCH], "has_more": True, "first_id": "msgbatch_1", "last_id": "msgbatch_1"}
    with stub_server(answer(200, orjson.dumps(page))) as server:
        point_at(server.url)
        assert len(list(batch_api.list_batches())) == 2
    assert server.seen[1].path.endswith("after_id=msgbatch_1")


def test_max_tokens_is_left_out_when_tokens_are_counted(point_at: PointAt) -> None:
    with stub_server(answer(200, '{"input_tokens":2095}')) as server:
        point_at(server.url)
        assert batch_api.count_tokens(PARAMS) == 2095
    assert "max_tokens" not in orjson.loads(server.seen[0].body)


def results(raw: bytes) -> Respond:
    return answer(200, raw, Content_Type="application/x-jsonl")


def read(respond: Respond, point_at: PointAt) -> list[bytes]:
    with stub_server(respond) as server:
        point_at(server.url)
        with batch_api.result_lines("msgbatch_1") as lines:
            found = list(lines)
        assert [seen.path for seen in server.seen] == ["/v1/messages/batches/msgbatch_1/results"]
    return found


def test_lines_are_split_at_line_feeds_only(point_at: PointAt) -> None:
    raw = '{"a":"\u2028 \u2029 \u0085 \x0b \x0c \x1c"}\n{"b":1}\n'.encode()
    assert read(results(raw), point_at) == raw.split(b"\n")[:2]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", []),
        (b"\n\n", []),
        (b'{"a":1}', [b'{"a":1}']),
        (b'{"a":1}\n\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1}\r\n\r\n', [b'{"a":1}\r']),
    ],
)
def test_blank_lines_are_left_out_and_a_last_line_needs_no_end(
    raw: bytes, expected: list[bytes], point_at: PointAt
) -> None:
    assert read(results(raw), point_at) == expected


def test_a_line_of_many_megabytes_is_read_in_a_moment(point_at: PointAt) -> None:
    long = b'{"text":"' + b"x" * 8_000_000 + b'"}'
    began = time.monotonic()
    assert read(results(b'{"a":1}\n' + long + b'\n{"b":2}\n'), point_at) == [b'{"a":1}', long, b'{"b":2}']
    assert time.monotonic() - began < 3


def test_ten_thousand_lines_come_out_as_they_went_in(point_at: PointAt) -> None:
    lines = [orjson.dumps({"custom_id": f"a-{n}", "text": "ü" * (n % 300)}) for n in range(10_000)]
    assert read(results(b"\n".join(lines) + b"\n"), point_at) == lines


def test_compressed_results_are_unpacked(point_at: PointAt) -> None:
    assert read(answer(200, gzip.compress(b'{"a":1}\n'), Content_Encoding="gzip"), point_at) == [b'{"a":1}']


def cut(head: bytes) -> Respond:
    def respond(_: Seen, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head)

    return respond


@pytest.mark.parametrize(
    "respond",
    [
        cut(b'Content-Length: 5000\r\n\r\n{"a":1}\n{"b"'),
        cut(b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"a":1}\n\r\n'),
    ],
    ids=["announced length", "chunked"],
)
def test_a_stream_that_breaks_is_told_after_the_lines_before_it(respond: Respond, point_at: PointAt) -> None:
    found = []
    with stub_server(respond) as server:
        point_at(server.url)
        with batch_api.result_lines("msgbatch_1") as lines, pytest.raises(ApiError) as caught:
            found += list(lines)
    assert caught.value.fault is Fault.TRANSIENT
    assert server.connections == 1


def test_a_stream_that_ends_early_without_a_length_looks_complete(point_at: PointAt) -> None:
    """Why ingest compares the lines with the counts."""
    assert read(cut(b'\r\n{"a":1}\n{"b"'), point_at) == [b'{"a":1}', b'{"b"']


def test_a_fault_of_the_reader_of_lines_stays_his_own(point_at: PointAt) -> None:
    with stub_server(results(b'{"a":1}\n')) as server:
        point_at(server.url)
        with pytest.raises(KeyError), batch_api.result_lines("msgbatch_1") as lines:
            raise KeyError(next(lines))


def test_results_that_moved_are_followed(point_at: PointAt) -> None:
    def respond(seen: Seen, connection: socket.socket) -> None:
        moved = answer(302, "", Location="/elsewhere")
        (results(b'{"a":1}\n') if seen.path == "/elsewhere" else moved)(seen, connection)

    with stub_server(respond) as server:
        point_at(server.url)
        with batch_api.result_lines("msgbatch_1") as lines:
            assert list(lines) == [b'{"a":1}']
        assert server.connections == 2


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(
    point_at: PointAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with stub_server(answer(200, orjson.dumps(BATCH))) as server:
        point_at(server.url)
        assert batch_api.retrieve_batch("msgbatch_1").id == "msgbatch_1"


def test_a_path_in_the_base_url_is_kept(point_at: PointAt) -> None:
    with stub_server(answer(200, orjson.dumps(BATCH))) as server:
        point_at(server.url + "/prefix")
        batch_api.retrieve_batch("msgbatch_1")
    assert server.seen[0].path == "/prefix/v1/messages/batches/msgbatch_1"


@pytest.mark.parametrize("key", [None, "", "ключ", "two\nlines"])
def test_without_a_usable_key_nothing_is_sent(key: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    with stub_server(answer(200, orjson.dumps(BATCH))) as server:
        monkeypatch.setattr(clients, "api_address", lambda: ApiAddress(server.url, key, False))
        with pytest.raises(ApiError) as caught:
            batch_api.retrieve_batch("msgbatch_1")
    assert caught.value.fault is Fault.PERMANENT
    assert server.connections == 0


def test_an_auth_token_stands_in_for_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with stub_server(answer(200, orjson.dumps(BATCH))) as server:
        monkeypatch.setattr(clients, "api_address", lambda: ApiAddress(server.url, None, False, auth_token="tok"))
        batch_api.retrieve_batch("msgbatch_1")
    assert server.seen[0].headers["authorization"] == "Bearer tok"


def test_a_sandbox_that_never_ran_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "api_address", lambda: ApiAddress("", "sandbox", True))
    with pytest.raises(ApiError, match="The sandbox is not running") as caught:
        batch_api.retrieve_batch("msgbatch_1")
    assert caught.value.fault is Fault.TRANSIENT


def test_an_address_that_must_not_be_called_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> ApiAddress:
        raise EnvironmentFault(["Only loopback may be called."])

    monkeypatch.setattr(clients, "api_address", refused)
    with pytest.raises(ApiError, match="Only loopback may be called") as caught:
        batch_api.retrieve_batch("msgbatch_1")
    assert caught.value.fault is Fault.PERMANENT


def test_the_account_shows_a_fingerprint_and_not_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "api_address", lambda: ApiAddress("http://127.0.0.1:1", KEY, False))
    account = batch_api.account()
    assert (account.base_url, account.is_sandbox, len(account.key_fingerprint)) == ("http://127.0.0.1:1", False, 12)
    assert KEY not in repr(account)


def test_a_forked_process_does_not_use_the_connections_of_its_parent(
    point_at: PointAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at("http://127.0.0.1:1")
    parent = clients.asking_client()
    assert clients.asking_client() is parent
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert clients.asking_client() is not parent


def test_an_error_can_cross_a_process_boundary() -> None:
    error = ApiError("A sentence.", Fault.TRANSIENT, status=429, retry_after=3.0)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.fault, again.status, again.retry_after) == ("A sentence.", Fault.TRANSIENT, 429, 3.0)
