"""Which params are refused: as a 400 on /v1/messages, as an errored line in a batch."""

from typing import Any

import anthropic
import pytest

from tests.sandbox.caller import Caller, params, request, wants, wants_label

TOOL = {"name": "label", "input_schema": {"type": "object", "properties": {"label": {"type": "string"}}}}
FORCED = {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "label"}}
CLOSED = {"type": "object", "additionalProperties": False}
PREFILL = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "{"}]
NODE = {**CLOSED, "properties": {"next": {"$ref": "#/$defs/node"}}}


def schema_of(**properties: Any) -> dict[str, Any]:
    return wants({**CLOSED, "properties": properties, "required": list(properties)})


REFUSED: dict[str, dict[str, Any]] = {
    "sampling under the new version": {"temperature": 0},
    "top_p": {"top_p": 0.5},
    "an unknown name": {"max_token": 5},
    "max_tokens above the model's": {"model": "claude-haiku-4-5", "max_tokens": 100_000},
    "max_tokens of another type": {"max_tokens": "many"},
    "negative max_tokens": {"max_tokens": -1},
    "stream": {"stream": True},
    "disabled thinking on sonnet 5.5": {"model": "claude-sonnet-5-5", "thinking": {"type": "disabled"}},
    "disabled thinking on opus 5.5": {"model": "claude-opus-5-5", "thinking": {"type": "disabled"}},
    "disabled thinking at high effort": {
        "thinking": {"type": "disabled"},
        "output_config": {"effort": "max"},
    },
    "a thinking budget on a new model": {
        "model": "claude-opus-4-7",
        "max_tokens": 4000,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
    },
    "adaptive thinking on an old model": {"model": "claude-haiku-4-5", "thinking": {"type": "adaptive"}},
    "a budget above max_tokens": {
        "model": "claude-haiku-4-5",
        "thinking": {"type": "enabled", "budget_tokens": 2000},
    },
    "effort on 4.5": {"model": "claude-sonnet-4-5", "output_config": {"effort": "low"}},
    "an unknown effort": {"output_config": {"effort": "huge"}},
    "between_tools at xhigh": {
        "model": "claude-sonnet-5-5",
        "thinking": {"type": "between_tools"},
        "output_config": {"effort": "xhigh"},
    },
    "a forced tool on sonnet 5.5": {"model": "claude-sonnet-5-5", **FORCED},
    "a forced tool on fable 5.2": {"model": "claude-fable-5-2", **FORCED},
    "a forced tool while thinking": {**FORCED, "thinking": {"type": "adaptive"}},
    "an unknown tool": {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "other"}},
    "prefill": {"messages": PREFILL},
    "prefill with a schema": {"model": "claude-haiku-4-5", "messages": PREFILL, **wants_label("a")},
    "no messages": {"messages": []},
    "an empty content": {"messages": [{"role": "user", "content": ""}]},
    "an unknown role": {"messages": [{"role": "system", "content": "Hi"}]},
    "an assistant first": {"messages": [{"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Hi"}]},
    "a block without a type": {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]},
    "a block with an odd type": {"messages": [{"role": "user", "content": [{"type": ["text"]}]}]},
    "a schema with a minimum": schema_of(n={"type": "integer", "minimum": 1}),
    "a schema with a maxLength": schema_of(n={"type": "string", "maxLength": 9}),
    "a schema with two items at least": schema_of(n={"type": "array", "minItems": 2}),
    "an open schema": wants({"type": "object", "properties": {}}),
    "additional properties": wants({"type": "object", "properties": {}, "additionalProperties": True}),
    "an external reference": schema_of(n={"$ref": "https://example.com/x.json"}),
    "a recursive schema": wants({**NODE, "$defs": {"node": NODE}}),
    "a schema that is none": wants_label() | {"output_config": {"format": {"type": "json_schema", "schema": 3}}},
    "an empty enum": wants_label(),
    "a dangling reference": schema_of(n={"$ref": "#/$defs/nobody"}),
    "a format of another kind": {"output_config": {"format": {"type": "text"}}},
    "five cache marks": {
        "system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}} for _ in range(5)]
    },
    "a long mark after a short one": {
        "system": [
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "y", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ]
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_same_params_are_refused_in_both_lanes(caller: Caller, name: str) -> None:
    bad = params(**REFUSED[name])
    response = caller.message(bad)
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    (result,) = caller.results_of({"custom_id": "a", "params": bad}).values()
    assert result["type"] == "errored"
    assert result["error"]["type"] == "error"
    assert result["error"]["error"]["type"] == "invalid_request_error"
    assert result["error"]["request_id"] is None
    if name not in ("stream", "negative max_tokens"):
        assert result["error"]["error"]["message"] == error["message"]


@pytest.mark.parametrize("name", ["model", "max_tokens", "messages"])
def test_a_missing_field_is_named(caller: Caller, name: str) -> None:
    bad = params()
    del bad[name]
    assert caller.message(bad).json()["error"]["message"] == f"{name}: Field required"
    (result,) = caller.results_of({"custom_id": "a", "params": bad}).values()
    assert result["error"]["error"]["message"] == f"{name}: Field required"


@pytest.mark.parametrize("model", ["claude-nobody-1", "claude-mythos-preview"])
def test_an_unknown_or_retired_model_is_not_found(caller: Caller, model: str) -> None:
    response = caller.message(params(model=model))
    assert (response.status_code, response.json()["error"]["message"]) == (404, f"model: {model}")
    (result,) = caller.results_of(request(model=model)).values()
    assert result["error"]["error"] == {"type": "not_found_error", "message": f"model: {model}"}


@pytest.mark.parametrize("more", [{"max_tokens": 0}, {"speed": "standard"}])
def test_what_only_a_batch_refuses(caller: Caller, more: dict[str, Any]) -> None:
    assert caller.message(params(**more)).status_code == 200
    (result,) = caller.results_of(request(**more)).values()
    assert result["error"]["error"]["type"] == "invalid_request_error"


def test_the_old_version_still_takes_a_temperature(caller: Caller) -> None:
    old = {"anthropic-version": "2023-06-01"}
    assert caller.message(params(temperature=0), **old).status_code == 200
    (result,) = caller.results_of(request(temperature=0), **old).values()
    assert result["type"] == "succeeded"


def test_the_message_about_max_tokens_is_the_captured_one(caller: Caller) -> None:
    bad = params(model="claude-haiku-4-5-20251001", max_tokens=100_000)
    assert caller.message(bad).json()["error"]["message"] == (
        "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for claude-haiku-4-5-20251001"
    )


@pytest.mark.parametrize(
    "more",
    [
        {"thinking": {"type": "disabled"}},
        {"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}},
        {"model": "claude-sonnet-5-5", "thinking": {"type": "between_tools"}},
        {"model": "claude-haiku-4-5", "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 2000}},
        {"model": "claude-haiku-4-5", "messages": PREFILL},
        {"model": "claude-opus-5-5", "output_config": {"effort": "max"}},
        {"system": "Be kind.", "metadata": {"user_id": "u"}, "stop_sequences": ["END"]},
        {**FORCED},
    ],
)
def test_what_is_allowed_succeeds_in_both_lanes(caller: Caller, more: dict[str, Any]) -> None:
    assert caller.message(params(**more)).status_code == 200
    (result,) = caller.results_of(request(**more)).values()
    assert result["type"] == "succeeded"


def test_bad_and_good_requests_share_a_batch(caller: Caller) -> None:
    batch = caller.create(request("good"), request("bad", max_tokens=0), request("ugly", model="nobody"))
    counts = caller.ended(batch["id"])["request_counts"]
    assert (counts["succeeded"], counts["errored"]) == (1, 2)


def test_the_long_output_beta_counts_in_batches_only(caller: Caller) -> None:
    beta = {"anthropic-beta": "output-300k-2026-03-24"}
    (result,) = caller.results_of(request(max_tokens=300_000), **beta).values()
    assert result["type"] == "succeeded"
    assert caller.message(params(max_tokens=300_000), **beta).status_code == 400


def test_the_sdk_reads_an_errored_line(caller: Caller) -> None:
    batch = caller.create(request("a", temperature=0))
    caller.ended(batch["id"])
    (line,) = caller.sdk.messages.batches.results(batch["id"])
    assert line.result.type == "errored"
    assert line.result.error.error.type == "invalid_request_error"
    assert line.result.error.error.message == "temperature: Extra inputs are not permitted"


def test_the_sdk_raises_its_own_classes(caller: Caller) -> None:
    with pytest.raises(anthropic.NotFoundError):
        caller.sdk.messages.create(**params(model="claude-nobody-1"))
    with pytest.raises(anthropic.OverloadedError):
        caller.sdk.messages.create(**params("[[error overloaded_error]]"))
    with pytest.raises(anthropic.RateLimitError) as caught:
        caller.sdk.messages.create(**params("[[error rate_limit_error]]"))
    assert caught.value.response.headers["retry-after"] == "1"


def test_tokens_are_counted_without_max_tokens(caller: Caller) -> None:
    few = caller.sdk.messages.count_tokens(model="claude-haiku-5-5", messages=params("short")["messages"])
    many = caller.sdk.messages.count_tokens(
        model="claude-haiku-5-5", messages=params("long " * 400)["messages"], system="x" * 400
    )
    assert many.input_tokens - few.input_tokens >= 590
    body = {"model": "claude-haiku-5-5"}
    assert caller.http.post("/v1/messages/count_tokens", json=body).json()["error"]["message"] == (
        "messages: Field required"
    )


def test_the_catalogue_has_active_deprecated_and_retired_models(caller: Caller) -> None:
    listed = {model.id: model for model in caller.sdk.models.list(limit=4)}
    assert listed["claude-haiku-5-5"].lifecycle == "active"
    assert listed["claude-haiku-5-5"].capabilities.batch.supported
    assert listed["claude-haiku-5-5"].capabilities.structured_outputs.supported
    assert listed["claude-sonnet-4-5"].lifecycle == "deprecated"
    assert listed["claude-sonnet-4-5"].retires_at.date().isoformat() == "2026-11-30"
    assert "claude-mythos-preview" not in listed
    (retired,) = caller.sdk.models.list(lifecycle=["retired"])
    assert (retired.id, retired.lifecycle) == ("claude-mythos-preview", "retired")
    assert caller.sdk.models.retrieve("claude-opus-4-5").max_tokens == 64_000
    with pytest.raises(anthropic.NotFoundError):
        caller.sdk.models.retrieve("claude-nobody-1")
