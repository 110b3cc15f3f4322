"""Faults on calls that create: what the client sees, and what is true all the same."""

import socket
from typing import Any

import anthropic
import httpx2
import pytest

from tests.sandbox.caller import Caller, params, request

CREATE = "/v1/messages/batches"


def post(caller: Caller, *requests: dict[str, Any], timeout: float = 30) -> httpx2.Response:
    return caller.http.post(CREATE, json={"requests": requests or [request()]}, timeout=timeout)


@pytest.fixture
def own(start: Any) -> Caller:
    """A sandbox of the test's own, for what its account says."""
    return Caller(start(seconds_per_batch=0).url)


def test_a_connection_cut_after_the_batch_was_accepted_leaves_a_batch(caller: Caller) -> None:
    fault = caller.arm("cut after", "create")
    with pytest.raises(httpx2.RemoteProtocolError):
        post(caller)
    assert len(caller.listed()) == 1
    assert caller.fault(fault)["acted"] == 1
    assert post(caller).status_code == 200


@pytest.mark.parametrize("do", ["cut before", "reset"])
@pytest.mark.parametrize("length", [10, 5_000_000])
def test_a_connection_that_breaks_before_leaves_nothing(caller: Caller, do: str, length: int) -> None:
    caller.arm(do, "create")
    with pytest.raises(httpx2.TransportError):
        post(caller, request("a", "x" * length))
    assert caller.listed() == []


@pytest.mark.parametrize("do", ["cut before", "reset"])
def test_a_reset_is_a_reset_and_a_cut_is_a_plain_end(caller: Caller, do: str) -> None:
    caller.arm(do, "create")
    head = f"POST {CREATE} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {caller.key}\r\nContent-Length: 2\r\n\r\n"
    with socket.create_connection((caller.http.base_url.host, caller.http.base_url.port), timeout=30) as connection:
        connection.sendall(f"{head}{{}}".encode())
        if do == "cut before":
            assert connection.recv(100) == b""
        else:
            with pytest.raises(ConnectionResetError):
                connection.recv(100)


@pytest.mark.parametrize("status", [500, 504, 529])
def test_an_error_after_the_batch_was_accepted_leaves_a_batch(caller: Caller, status: int) -> None:
    caller.arm("error after", "create", status=status)
    assert post(caller).status_code == status
    assert len(caller.listed()) == 1


@pytest.mark.parametrize(
    ("status", "error_type"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (409, "conflict_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_an_error_before_leaves_nothing_and_has_its_type(caller: Caller, status: int, error_type: str) -> None:
    caller.arm("error", "create", status=status)
    response = post(caller)
    assert (response.status_code, response.json()["error"]["type"]) == (status, error_type)
    assert response.json()["request_id"] == response.headers["request-id"]
    assert response.headers.get("retry-after") == ("1" if status == 429 else None)
    assert caller.listed() == []


def test_an_answer_later_than_the_timeout_leaves_a_batch(caller: Caller) -> None:
    caller.arm("wait after", "create", seconds=2)
    with pytest.raises(httpx2.ReadTimeout):
        post(caller, timeout=0.5)
    assert len(caller.listed()) == 1


def test_half_an_answer_leaves_a_batch(caller: Caller) -> None:
    caller.arm("short", "create", share=0.5)
    with pytest.raises(httpx2.RemoteProtocolError):
        post(caller)
    caller.arm("short", "create", share=0.5, framing="close")
    response = post(caller)
    assert response.status_code == 200
    assert response.content.startswith(b'{"id":"msgbatch_')
    with pytest.raises(ValueError):
        response.json()
    assert len(caller.listed()) == 2


def test_a_refused_body_is_refused_although_the_answer_is_lost(caller: Caller) -> None:
    caller.arm("cut after", "create")
    with pytest.raises(httpx2.TransportError):
        caller.http.post(CREATE, content=b"{}")
    assert caller.listed() == []


def test_a_wait_before_is_only_slow(caller: Caller) -> None:
    caller.arm("wait", "create", seconds=0.1)
    response = post(caller)
    assert response.status_code == 200
    assert response.elapsed.total_seconds() >= 0.1


@pytest.mark.parametrize(
    ("do", "more"), [("cut after", {}), ("error after", {"status": 529}), ("wait after", {"seconds": 2})]
)
def test_a_real_time_call_whose_answer_is_lost_is_charged(own: Caller, do: str, more: dict[str, Any]) -> None:
    own.arm(do, "messages", **more)
    with pytest.raises((anthropic.APIConnectionError, anthropic.InternalServerError)):
        own.sdk.with_options(timeout=0.5).messages.create(**params("A text."))
    account = own.account()
    assert (account["messages_accepted"], account["requests_charged"]) == (1, 1)
    own.sdk.messages.create(**params("A text."))
    account = own.account()
    assert (account["requests_charged"], account["charged_more_than_once"]) == (2, 1)


def test_a_real_time_call_that_never_arrived_is_not_charged(own: Caller) -> None:
    for do in ("reset", "cut before", "error"):
        own.arm(do, "messages")
        with pytest.raises((anthropic.APIConnectionError, anthropic.InternalServerError)):
            own.sdk.messages.create(**params("A text."))
    assert own.account()["requests_charged"] == 0


@pytest.mark.parametrize(("do", "more"), [("cut after", {}), ("error after", {"status": 500})])
def test_the_retries_of_the_sdk_pay_twice_and_without_them_once(own: Caller, do: str, more: dict[str, Any]) -> None:
    requests = [request(f"r{number}", f"Text {number}.") for number in range(5)]
    own.arm(do, "create", **more)
    with pytest.raises((anthropic.APIConnectionError, anthropic.InternalServerError)):
        own.sdk.messages.batches.create(requests=requests)
    account = ended_account(own)
    assert (account["batches_accepted"], account["charged_more_than_once"]) == (1, 0)
    own.arm(do, "create", **more)
    others = [request(f"s{number}", f"Other text {number}.") for number in range(5)]
    own.sdk.with_options(max_retries=2).messages.batches.create(requests=others)
    account = ended_account(own)
    assert (account["batches_accepted"], account["requests_accepted"]) == (3, 15)
    assert (account["documents_charged"], account["charged_more_than_once"]) == (10, 5)


def test_a_timeout_with_the_retries_of_the_sdk_pays_three_times(own: Caller) -> None:
    own.arm("wait after", "create", seconds=2, times="every")
    impatient = own.sdk.with_options(max_retries=2, timeout=0.5)
    with pytest.raises(anthropic.APITimeoutError):
        impatient.messages.batches.create(requests=[request()])
    account = ended_account(own)
    assert (account["batches_accepted"], account["requests_charged"], account["documents_charged"]) == (3, 3, 1)


def ended_account(caller: Caller) -> dict[str, Any]:
    """After every batch has ended."""
    for batch in caller.listed():
        caller.ended(batch["id"])
    return caller.account()


def test_the_header_should_retry_overrules_the_status(caller: Caller) -> None:
    retrying = caller.sdk.with_options(max_retries=1)
    yes = caller.arm("error", "create", status=400, should_retry=True, retry_after=0)
    assert retrying.messages.batches.create(requests=[request()]).type == "message_batch"
    assert caller.fault(yes)["acted"] == 1
    no = caller.arm("error", "create", status=529, should_retry=False, times="every")
    with pytest.raises(anthropic.OverloadedError):
        retrying.messages.batches.create(requests=[request()])
    assert caller.fault(no)["acted"] == 1


def test_a_rate_limit_says_how_long_to_wait_and_a_spend_limit_does_not(caller: Caller) -> None:
    caller.arm("error", "create", status=429, retry_after=17)
    with pytest.raises(anthropic.RateLimitError) as caught:
        caller.sdk.messages.batches.create(requests=[request()])
    assert (caught.value.response.headers["retry-after"], caught.value.error_code) == ("17", None)
    caller.arm("error", "create", status=429, error_code="enforced_spend_limit_reached")
    with pytest.raises(anthropic.RateLimitError) as caught:
        caller.sdk.messages.batches.create(requests=[request()])
    assert "retry-after" not in caught.value.response.headers
    assert (caught.value.type, caught.value.error_code) == ("rate_limit_error", "enforced_spend_limit_reached")


def test_a_413_may_be_a_page_of_html(caller: Caller) -> None:
    caller.arm("error", "create", status=413, html=True)
    with pytest.raises(anthropic.APIStatusError) as caught:
        caller.sdk.messages.batches.create(requests=[request()])
    assert (caught.value.status_code, caught.value.type) == (413, None)
    assert "413 Request Entity Too Large" in str(caught.value.body)


def test_a_minute_holds_so_many_calls_to_all_batch_endpoints(slow: Caller) -> None:
    batch = slow.create(request())
    fault = slow.arm("minute limit", requests=3)
    path = f"{CREATE}/{batch['id']}"
    answers = [slow.http.get(address) for address in (path, CREATE, path, path, CREATE)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[3].json()["error"]["type"] == "rate_limit_error"
    assert 1 <= int(answers[3].headers["retry-after"]) <= 60
    assert slow.message(params()).status_code == 200
    slow.advance(60)
    assert slow.http.get(path).status_code == 200
    assert slow.fault(fault)["by"] == {"retrieve: minute limit": 1, "list: minute limit": 1}


def test_the_queue_holds_so_many_requests_until_their_batches_end(slow: Caller) -> None:
    fault = slow.arm("queue limit", requests=5, retry_after=9)
    first = slow.create(*(request(f"r{number}") for number in range(4)))
    refused = post(slow, request("a"), request("b"))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "9")
    assert post(slow).status_code == 200
    assert len(slow.listed()) == 2
    assert slow.fault(fault)["acted"] == 1
    slow.http.post(f"{CREATE}/{first['id']}/cancel")
    slow.advance(3600)
    assert post(slow, request("a"), request("b")).status_code == 200
