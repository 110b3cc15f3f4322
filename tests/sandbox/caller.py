"""Who calls the sandbox in these tests, and the requests it sends."""

import json
import time
import uuid
from functools import cached_property
from typing import Any

import httpx2
from anthropic import Anthropic

from sandbox.ids import workspace_of

SECONDS_PER_BATCH = 0.05
HOUR = 3600
VERSION = "2026-10-21"
DEADLINE = 20.0


class Caller:
    """Talks plain HTTP with an API key, and so a workspace, of its own; `sdk` is the real SDK with the same key."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key = f"sk-test-{uuid.uuid4()}"
        self.headers = {"x-api-key": self.key, "anthropic-version": VERSION}
        # There is no TLS on loopback, and reading the certificates takes longer than most of these tests.
        self.http = httpx2.Client(base_url=url, headers=self.headers, timeout=30, verify=False)

    @cached_property
    def sdk(self) -> Any:
        """The real client; Any, because tests hand it plain dictionaries and read its unions without asking."""
        return Anthropic(api_key=self.key, base_url=self.url, max_retries=0)

    def create(self, *requests: dict[str, Any], **headers: str) -> dict[str, Any]:
        """A batch; raises for anything but 200."""
        response = self.http.post("/v1/messages/batches", json={"requests": requests}, headers=headers)
        assert response.status_code == 200, response.text
        return response.json()

    def batch(self, batch_id: str) -> dict[str, Any]:
        return self.http.get(f"/v1/messages/batches/{batch_id}").json()

    def ended(self, batch_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + DEADLINE
        while (batch := self.batch(batch_id))["processing_status"] != "ended":
            assert time.monotonic() < deadline, batch
            time.sleep(0.01)
        return batch

    def raw_results(self, batch_id: str) -> bytes:
        response = self.http.get(f"/v1/messages/batches/{batch_id}/results")
        assert response.status_code == 200, response.text
        return response.content

    def results(self, batch_id: str) -> dict[str, dict[str, Any]]:
        """Result by custom_id."""
        lines = [json.loads(line) for line in self.raw_results(batch_id).split(b"\n")[:-1]]
        assert len({line["custom_id"] for line in lines}) == len(lines)
        return {line["custom_id"]: line["result"] for line in lines}

    def results_of(self, *requests: dict[str, Any], **headers: str) -> dict[str, dict[str, Any]]:
        """Create, wait, read."""
        batch = self.create(*requests, **headers)
        self.ended(batch["id"])
        return self.results(batch["id"])

    def message(self, params: dict[str, Any], **headers: str) -> httpx2.Response:
        return self.http.post("/v1/messages", json=params, headers=headers)

    def control(self, name: str, value: dict[str, Any]) -> dict[str, Any]:
        response = self.http.post(f"/sandbox/{name}", json=value)
        assert response.status_code == 200, response.text
        return response.json()

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock."""
        self.control("clock", {"advance_seconds": seconds})

    def arm(self, do: str, on: str | list[str] | None = None, **more: Any) -> str:
        """A fault for this caller's own calls; returns its id."""
        rule = {"do": do, "workspace": workspace_of(self.key), **({} if on is None else {"on": on}), **more}
        return self.control("faults", rule)["armed"][0]["id"]

    def fault(self, fault_id: str) -> dict[str, Any]:
        """As it is now."""
        faults = self.http.get("/sandbox/faults").json()["faults"]
        return next(fault for fault in faults if fault["id"] == fault_id)

    def listed(self) -> list[dict[str, Any]]:
        return self.http.get("/v1/messages/batches?limit=1000").json()["data"]

    def account(self) -> dict[str, Any]:
        return self.http.get("/sandbox/account").json()


def params(text: str = "Hello there.", **more: Any) -> dict[str, Any]:
    return {
        "model": "claude-haiku-5-5",
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": text}],
        **more,
    }


def request(custom_id: str = "one", text: str = "Hello there.", **more: Any) -> dict[str, Any]:
    return {"custom_id": custom_id, "params": params(text, **more)}


def wants(schema: dict[str, Any]) -> dict[str, Any]:
    """The params that ask for an answer of this schema."""
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def wants_label(*labels: str) -> dict[str, Any]:
    properties = {"label": {"type": "string", "enum": list(labels)}}
    return wants({"type": "object", "properties": properties, "required": ["label"], "additionalProperties": False})


def text_of(message: dict[str, Any]) -> str:
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")
