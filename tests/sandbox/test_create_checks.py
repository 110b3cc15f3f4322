"""What a create call refuses at once, and what it tolerates."""

import json
import socket
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import anthropic
import httpx2
import pytest
from anthropic.types.messages import MessageBatch

from tests.sandbox.caller import Caller, params, request

PATH = "/v1/messages/batches"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"requests": []}, "requests: List should have at least 1 item after validation, not 0"),
        ({}, "requests: Field required"),
        ([], "Input should be a valid dictionary"),
        ({"requests": {}}, "requests: Input should be a valid list"),
        ({"requests": [request()], "name": "mine"}, "name: Extra inputs are not permitted"),
        ({"requests": ["one"]}, "requests.0: Input should be a valid dictionary"),
        ({"requests": [{"params": params()}]}, "requests.0.custom_id: Field required"),
        ({"requests": [{"custom_id": 7, "params": {}}]}, "requests.0.custom_id: Input should be a valid string"),
        ({"requests": [request("x" * 65)]}, "requests.0.custom_id: String should have at most 64 characters"),
        ({"requests": [request("")]}, "requests.0.custom_id: String should have at least 1 character"),
        (
            {"requests": [request("ok"), request("a.b")]},
            "requests.1.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
        ),
        (
            {"requests": [request("tail\n")]},
            "requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'",
        ),
        (
            {"requests": [request("a"), request("b"), request("a")]},
            "requests.2.custom_id: 'a' is used more than once",
        ),
        ({"requests": [{"custom_id": "a"}]}, "requests.0.params: Field required"),
        ({"requests": [{"custom_id": "a", "params": 1}]}, "requests.0.params: Input should be a valid dictionary"),
        ({"requests": [{**request(), "method": "POST"}]}, "requests.0.method: Extra inputs are not permitted"),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused_with_its_reason(caller: Caller, body: Any, message: str) -> None:
    response = caller.http.post(PATH, json=body)
    assert response.status_code == 400
    assert response.json()["error"] == {"type": "invalid_request_error", "message": message}
    assert caller.http.get(PATH).json()["data"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{",
        b'{"requests": [}',
        b"not json",
        b'{"requests": [{"custom_id": "a", "params": {}}]} x',
        b'{"requests": [{"custom_id": "a", "params": {"model": "\xff"}}]}',
        b'{"requests": [{"custom_id": "a", "params": {"max_tokens": NaN}}]}',
        b'{"requests": [{"custom_id": "a", "params": {"a": "raw\nnewline"}}]}',
        b'{"requests": [{"custom_id": "a", "params": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
    ],
)
def test_a_body_that_is_not_json_is_refused(caller: Caller, body: bytes) -> None:
    response = caller.http.post(PATH, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert caller.http.get(PATH).json()["data"] == []


def test_a_custom_id_of_64_characters_is_fine(caller: Caller) -> None:
    name = "aZ09_-" + "x" * 58
    assert set(caller.results_of(request(name))) == {name}


def test_the_keys_of_the_body_may_come_in_any_order_and_spacing(caller: Caller) -> None:
    body = json.dumps({"requests": [dict(reversed(request().items()))]}, indent=3).encode()
    assert caller.http.post(PATH, content=b"\n " + body + b"\r\n\t").status_code == 200


def test_more_requests_than_allowed_are_refused(caller: Caller) -> None:
    small = b",".join(b'{"custom_id":"r%d","params":{}}' % number for number in range(100_001))
    response = caller.http.post(PATH, content=b'{"requests":[' + small + b"]}")
    assert response.status_code == 400
    assert "at most 100000 items" in response.json()["error"]["message"]


def test_text_comes_through_whatever_it_holds(caller: Caller) -> None:
    text = 'Grüße \u2028 \x85 \U0001f600 \\ " \t end'
    body = json.dumps({"requests": [request("a", text)]}, ensure_ascii=False).encode()
    batch = caller.http.post(PATH, content=body).json()
    caller.ended(batch["id"])
    assert caller.results(batch["id"])["a"]["message"]["content"][0]["text"].startswith("Grüße")


def test_an_escaped_lone_surrogate_is_accepted(caller: Caller) -> None:
    body = b'{"requests":[{"custom_id":"a","params":{"model":"claude-haiku-5-5","max_tokens":9,"messages":'
    batch = caller.http.post(PATH, content=body + b'[{"role":"user","content":"\\ud800 x"}]}}]}').json()
    caller.ended(batch["id"])
    assert caller.results(batch["id"])["a"]["type"] == "succeeded"


def test_a_chunked_upload_is_accepted(caller: Caller) -> None:
    body = json.dumps({"requests": [request()]}).encode()
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))
    assert caller.http.post(PATH, content=pieces).status_code == 200


def test_the_sdk_can_post_an_encoded_file(caller: Caller, tmp_path: Any) -> None:
    path = tmp_path / "body.json"
    path.write_text(json.dumps({"requests": [request("a"), request("b")]}))
    with open(path, "rb") as file:
        batch = caller.sdk.post(PATH, content=file, cast_to=MessageBatch, options={"max_retries": 0})
        assert batch.request_counts.processing == 2
        with pytest.raises(anthropic.BadRequestError):
            caller.sdk.post(PATH, content=file, cast_to=MessageBatch, options={"max_retries": 0})


def test_a_body_over_the_limit_is_413_as_json_or_html(start: Any) -> None:
    caller = Caller(start(environment={"SANDBOX_MAX_BATCH_BYTES": "2000"}).url)
    requests = [request(f"r{number}") for number in range(100)]
    with pytest.raises(anthropic.APIStatusError) as caught:
        caller.sdk.messages.batches.create(requests=requests)
    assert (caught.value.status_code, caught.value.type) == (413, "request_too_large")
    caller.control("behavior", {"html_413": True})
    with pytest.raises(anthropic.APIStatusError) as caught:
        caller.sdk.messages.batches.create(requests=requests)
    assert (caught.value.status_code, caught.value.type) == (413, None)
    assert "<html>" in str(caught.value.body)
    assert caller.account()["batches_accepted"] == 0


@pytest.mark.parametrize("headers", [{"x-api-key": "k"}, {"Authorization": "Bearer k"}])
def test_both_ways_to_send_a_key_are_one_workspace(caller: Caller, headers: dict[str, str]) -> None:
    response = httpx2.get(f"{caller.url}{PATH}", headers={**headers, "anthropic-version": "2023-06-01"})
    assert response.status_code == 200
    other = httpx2.get(f"{caller.url}{PATH}", headers={"x-api-key": "k"})
    assert response.headers["anthropic-workspace-id"] == other.headers["anthropic-workspace-id"]


@pytest.mark.parametrize(
    "headers", [{}, {"x-api-key": ""}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer"}]
)
def test_no_key_is_an_authentication_error(caller: Caller, headers: dict[str, str]) -> None:
    for method, path in (("GET", PATH), ("POST", PATH), ("POST", "/v1/messages"), ("GET", "/v1/models")):
        response = httpx2.request(method, caller.url + path, headers=headers, json=None if method == "GET" else {})
        assert (response.status_code, response.json()["error"]["type"]) == (401, "authentication_error")


@pytest.mark.parametrize("version", [None, "2022-01-01"])
def test_a_version_is_needed_to_create(caller: Caller, version: str | None) -> None:
    headers = {"x-api-key": "k"} | ({"anthropic-version": version} if version else {})
    for path, body in ((PATH, {"requests": [request()]}), ("/v1/messages", params())):
        response = httpx2.post(caller.url + path, headers=headers, json=body)
        assert response.status_code == 400
        assert "anthropic-version" in response.json()["error"]["message"]


def test_every_answer_carries_its_request_id(caller: Caller) -> None:
    good = caller.http.get(PATH)
    bad = caller.http.get(f"{PATH}/msgbatch_nobody")
    assert good.headers["request-id"].startswith("req_")
    assert good.headers["anthropic-organization-id"]
    assert bad.json()["request_id"] == bad.headers["request-id"] != good.headers["request-id"]
    assert bad.json()["type"] == "error"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("PUT", PATH, 405), ("GET", "/v1/messages", 405), ("DELETE", "/v1/models", 405)],
)
def test_unknown_paths_and_methods_answer_in_the_same_form(caller: Caller, method: str, path: str, status: int) -> None:
    response = caller.http.request(method, path)
    assert response.status_code == status
    assert response.json()["type"] == "error"


def test_unknown_headers_and_the_beta_query_are_ignored(caller: Caller) -> None:
    headers = {"x-stainless-retry-count": "0", "accept": "application/binary", "x-nobody": "knows"}
    response = caller.http.post(f"{PATH}?beta=true", json={"requests": [request()]}, headers=headers)
    assert response.status_code == 200
    assert caller.sdk.beta.messages.batches.create(requests=[request()], betas=["some-beta"]).type == "message_batch"


def test_a_refused_body_is_not_taken_for_the_next_request(caller: Caller) -> None:
    address = urlsplit(caller.url)
    connection = HTTPConnection(str(address.hostname), address.port)
    for _ in range(3):
        connection.request("POST", "/v1/nothing", body=b"GET / HTTP/1.1\r\n\r\n" * 1000)
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["type"]) == (404, "error")
        connection.request("GET", PATH, headers=caller.headers)
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["data"]) == (200, [])
    connection.close()


def test_an_upload_that_breaks_off_is_no_batch(caller: Caller) -> None:
    address = urlsplit(caller.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nx-api-key: {caller.key}\r\nanthropic-version: 2026-10-21\r\n"
        connection.sendall((head + "Content-Length: 500\r\n\r\n").encode() + json.dumps({"requests": []}).encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1000) == b""
    assert caller.http.get(PATH).json()["data"] == []
