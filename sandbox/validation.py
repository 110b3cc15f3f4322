"""Whether the params of one request are allowed: a 400 on /v1/messages, an errored line in a batch, by the same code.

`check_params` looks at everything but the messages (and may be remembered for identical params), `check_messages` at
the messages. Both raise ApiError with the API's own wording where it is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sandbox.breakpoints import Breakpoints
from sandbox.errors import invalid
from sandbox.models import EFFORTS, LONG_OUTPUT_BETA, LONG_OUTPUT_TOKENS, Model, find_model
from sandbox.schemas import check_schema
from sandbox.words import words

CURRENT_VERSION = "2026-10-21"
VERSIONS = (CURRENT_VERSION, "2023-06-01")
SAMPLING = ("temperature", "top_p", "top_k")
ALLOWED = frozenset(
    words(
        "model max_tokens messages cache_control container diagnostics inference_geo metadata output_config "
        "service_tier speed stop_sequences stream system temperature thinking tool_choice tools top_k top_p "
        "user_profile_id"
    )
)
COUNTED = frozenset(
    words("model messages cache_control output_config speed system thinking tool_choice tools user_profile_id")
)
BLOCK_TYPES = frozenset(
    words(
        "text image document search_result thinking redacted_thinking tool_use tool_result server_tool_use "
        "web_search_tool_result web_fetch_tool_result code_execution_tool_result "
        "bash_code_execution_tool_result text_editor_code_execution_tool_result tool_search_tool_result "
        "container_upload"
    )
)
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
EXTRA = "Extra inputs are not permitted"
REQUIRED = "Field required"
PREFILL = "This model does not support assistant message prefill. The conversation must end with a user message."


@dataclass(frozen=True)
class Caller:
    """What the HTTP request around the params decides."""

    version: str = CURRENT_VERSION
    betas: tuple[str, ...] = ()
    in_batch: bool = False
    user_profile_id: str | None = None


def check_params(params: dict[str, Any], caller: Caller) -> tuple[Model, Breakpoints]:
    """Everything but the messages. Returns the model and the cache marks outside the messages."""
    model_id = params.get("model")
    if "model" not in params:
        raise invalid(f"model: {REQUIRED}")
    if not isinstance(model_id, str) or not model_id:
        raise invalid("model: Input should be a valid string")
    model = find_model(model_id)
    _check_names(params, caller)
    _check_max_tokens(params, model, caller)
    _check_thinking(params, model)
    effort = _check_output_config(params, model)
    _check_effort(params, model, effort)
    breakpoints = Breakpoints()
    _check_tools(params, model, breakpoints)
    _check_system(params.get("system"), breakpoints)
    breakpoints.add(params, "params")
    _check_small_things(params)
    return model, breakpoints


def check_countable(params: dict[str, Any]) -> Model:
    """The params of count_tokens, which knows fewer names and needs no max_tokens."""
    for name in params:
        if name not in COUNTED:
            raise invalid(f"{name}: {EXTRA}")
    if not isinstance(params.get("model"), str):
        raise invalid(f"model: {REQUIRED}" if "model" not in params else "model: Input should be a valid string")
    model = find_model(params["model"])
    _check_thinking(params, model)
    _check_output_config(params, model)
    _check_system(params.get("system"), Breakpoints())
    check_messages(params.get("messages"), params, model, Breakpoints())
    return model


def check_messages(messages: Any, params: dict[str, Any], model: Model, breakpoints: Breakpoints) -> None:
    """`params` tells whether a structured output was asked for (no prefill and no citations then)."""
    if messages is None:
        raise invalid(f"messages: {REQUIRED}")
    if not isinstance(messages, list):
        raise invalid("messages: Input should be a valid list")
    if not messages:
        raise invalid("messages: at least one message is required")
    marks = Breakpoints(list(breakpoints.ttls))
    for index, message in enumerate(messages):
        _check_message(message, f"messages.{index}", params, marks)
    if messages[0]["role"] != "user":
        raise invalid('messages: first message must use the "user" role')
    if messages[-1]["role"] == "assistant" and (not model.prefill or wants_schema(params)):
        raise invalid(PREFILL)


def wants_schema(params: dict[str, Any]) -> bool:
    config = params.get("output_config")
    return isinstance(config, dict) and config.get("format") is not None


def _check_names(params: dict[str, Any], caller: Caller) -> None:
    for name in params:
        if name not in ALLOWED or (name in SAMPLING and caller.version == CURRENT_VERSION):
            raise invalid(f"{name}: {EXTRA}")
    if caller.in_batch and params.get("stream"):
        raise invalid("stream: streaming is not supported in a batch")
    if caller.in_batch and "speed" in params:
        raise invalid("speed: not supported in a batch")
    if params.get("stream") not in (None, False, True):
        raise invalid("stream: Input should be a valid boolean")
    if params.get("stream"):
        raise invalid("stream: this sandbox does not stream single messages")
    for name in SAMPLING[:2]:
        value = params.get(name)
        if value is not None and (not _is_number(value) or not 0 <= value <= 1):
            raise invalid(f"{name}: Input should be a number between 0 and 1")
    profile = params.get("user_profile_id")
    if profile is not None and caller.user_profile_id not in (None, profile):
        raise invalid("user_profile_id: does not match the anthropic-user-profile-id header")


def _check_max_tokens(params: dict[str, Any], model: Model, caller: Caller) -> None:
    if "max_tokens" not in params:
        raise invalid(f"max_tokens: {REQUIRED}")
    value = params["max_tokens"]
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid("max_tokens: Input should be a valid integer")
    least = 1 if caller.in_batch else 0
    if value < least:
        raise invalid(f"max_tokens: Input should be greater than or equal to {least}")
    long_output = caller.in_batch and model.long_output and LONG_OUTPUT_BETA in caller.betas
    most = LONG_OUTPUT_TOKENS if long_output else model.max_tokens
    if value > most:
        raise invalid(
            f"max_tokens: {value} > {most}, which is the maximum allowed number of output tokens for {model.id}"
        )


def _check_thinking(params: dict[str, Any], model: Model) -> None:
    thinking = params.get("thinking")
    if thinking is None:
        return
    if not isinstance(thinking, dict):
        raise invalid("thinking: Input should be a valid dictionary")
    kind = thinking.get("type")
    if kind not in ("adaptive", "between_tools", "disabled", "enabled"):
        raise invalid("thinking.type: Input should be 'adaptive', 'between_tools', 'disabled' or 'enabled'")
    if kind not in model.thinking:
        raise invalid(f'thinking.type: "{kind}" is not supported for this model.')
    allowed = {"adaptive": {"display"}, "enabled": {"display", "budget_tokens"}}.get(kind, set())
    for name in thinking:
        if name != "type" and name not in allowed:
            raise invalid(f"thinking.{kind}.{name}: {EXTRA}")
    if kind == "enabled":
        _check_budget(thinking.get("budget_tokens"), params.get("max_tokens"))


def _check_budget(budget: Any, max_tokens: Any) -> None:
    if not isinstance(budget, int) or isinstance(budget, bool):
        raise invalid(f"thinking.enabled.budget_tokens: {REQUIRED}")
    if budget < 1024:
        raise invalid("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if isinstance(max_tokens, int) and max_tokens <= budget:
        raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _check_output_config(params: dict[str, Any], model: Model) -> str | None:
    """Returns the effort, if one is given."""
    config = params.get("output_config")
    if config is None:
        return None
    if not isinstance(config, dict):
        raise invalid("output_config: Input should be a valid dictionary")
    for name in config:
        if name not in ("effort", "format"):
            raise invalid(f"output_config.{name}: {EXTRA}")
    _check_format(config.get("format"), model)
    effort = config.get("effort")
    if effort is None:
        return None
    if effort not in EFFORTS:
        raise invalid("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
    return str(effort)


def _check_format(wanted: Any, model: Model) -> None:
    if wanted is None:
        return
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        raise invalid("output_config.format.type: Input should be 'json_schema'")
    for name in wanted:
        if name not in ("type", "schema"):
            raise invalid(f"output_config.format.{name}: {EXTRA}")
    if "schema" not in wanted:
        raise invalid(f"output_config.format.schema: {REQUIRED}")
    if not model.structured_outputs:
        raise invalid("output_config.format: structured outputs are not supported for this model.")
    check_schema(wanted["schema"])


def _check_effort(params: dict[str, Any], model: Model, effort: str | None) -> None:
    if effort is not None and not model.efforts:
        raise invalid("This model does not support the effort parameter.")
    if effort is not None and effort not in model.efforts:
        raise invalid(f"output_config.effort: '{effort}' is not supported for this model.")
    kind = (params.get("thinking") or {}).get("type")
    level = EFFORTS.index(effort) if effort is not None else 0
    if kind == "disabled" and level > EFFORTS.index(model.disabled_up_to):
        raise invalid(f'thinking.type: "disabled" is not supported with effort "{effort}" for this model.')
    if kind == "between_tools" and level > EFFORTS.index("high"):
        raise invalid(f'thinking.type: "between_tools" is not supported with effort "{effort}" for this model.')


def _check_tools(params: dict[str, Any], model: Model, breakpoints: Breakpoints) -> None:
    tools = params.get("tools")
    names = []
    if tools is not None and not isinstance(tools, list):
        raise invalid("tools: Input should be a valid list")
    for index, tool in enumerate(tools or []):
        names.append(_check_tool(tool, f"tools.{index}"))
        breakpoints.add(tool, f"tools.{index}")
    if len(set(names)) != len(names):
        raise invalid("tools: Tool names must be unique.")
    choice = params.get("tool_choice")
    if choice is not None:
        _check_tool_choice(choice, names, params, model)


def _check_tool(tool: Any, path: str) -> str:
    if not isinstance(tool, dict):
        raise invalid(f"{path}: Input should be a valid dictionary")
    name = tool.get("name")
    if not isinstance(name, str) or not TOOL_NAME.fullmatch(name):
        raise invalid(f"{path}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if tool.get("type", "custom") != "custom":
        return name
    schema = tool.get("input_schema")
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise invalid(f"{path}.custom.input_schema.type: Input should be 'object'")
    if tool.get("strict"):
        check_schema(schema, f"{path}.custom.input_schema")
    return name


def _check_tool_choice(choice: Any, names: list[str], params: dict[str, Any], model: Model) -> None:
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in ("auto", "any", "tool", "none"):
        raise invalid("tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'")
    if not names:
        raise invalid("tool_choice: tool_choice may only be specified while providing tools.")
    if kind not in ("any", "tool"):
        return
    if not model.forced_tools:
        raise invalid('tool_choice: type "tool" and "any" are not supported for this model.')
    if (params.get("thinking") or {}).get("type") in ("enabled", "adaptive"):
        raise invalid("Thinking may not be enabled when tool_choice forces tool use.")
    if kind == "tool" and choice.get("name") not in names:
        raise invalid(f"tool_choice.tool.name: Tool '{choice.get('name')}' not found in provided tools")


def _check_system(system: Any, breakpoints: Breakpoints) -> None:
    if system is None or isinstance(system, str):
        return
    if not isinstance(system, list):
        raise invalid("system: Input should be a valid string or a list of text blocks")
    for index, block in enumerate(system):
        path = f"system.{index}"
        if not isinstance(block, dict) or block.get("type") != "text" or not isinstance(block.get("text"), str):
            raise invalid(f"{path}: Input should be a text block")
        if not block["text"]:
            raise invalid("system: text content blocks must be non-empty")
        breakpoints.add(block, path)


def _check_small_things(params: dict[str, Any]) -> None:
    stops = params.get("stop_sequences")
    if stops is not None and (not isinstance(stops, list) or any(not isinstance(stop, str) for stop in stops)):
        raise invalid("stop_sequences: Input should be a valid list of strings")
    if params.get("service_tier") not in (None, "auto", "standard_only"):
        raise invalid("service_tier: Input should be 'auto' or 'standard_only'")
    if params.get("inference_geo") not in (None, "global", "us"):
        raise invalid("inference_geo: Input should be 'global' or 'us'")
    metadata = params.get("metadata")
    if metadata is not None and (not isinstance(metadata, dict) or set(metadata) - {"user_id"}):
        raise invalid(f"metadata: {EXTRA}")


def _check_message(message: Any, path: str, params: dict[str, Any], marks: Breakpoints) -> None:
    if not isinstance(message, dict):
        raise invalid(f"{path}: Input should be a valid dictionary")
    for name in message:
        if name not in ("role", "content"):
            raise invalid(f"{path}.{name}: {EXTRA}")
    if message.get("role") not in ("user", "assistant"):
        raise invalid(f"{path}.role: Input should be 'user' or 'assistant'")
    content = message.get("content")
    if isinstance(content, str):
        if not content:
            raise invalid(f"{path}: {message['role']} messages must have non-empty content")
        return
    if "content" not in message:
        raise invalid(f"{path}.content: {REQUIRED}")
    if not isinstance(content, list):
        raise invalid(f"{path}.content: Input should be a valid string or a list of blocks")
    if not content:
        raise invalid(f"{path}: {message['role']} messages must have non-empty content")
    for index, block in enumerate(content):
        _check_block(block, f"{path}.content.{index}", params)
        marks.add(block, f"{path}.content.{index}")


def _check_block(block: Any, path: str, params: dict[str, Any]) -> None:
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind, str) or kind not in BLOCK_TYPES:
        raise invalid(f"{path}.type: Input should be one of the known content block types")
    if kind == "text":
        if not isinstance(block.get("text"), str):
            raise invalid(f"{path}.text.text: Input should be a valid string")
        if not block["text"].strip():
            raise invalid("messages: text content blocks must contain non-whitespace text")
    citations = block.get("citations")
    if isinstance(citations, dict) and citations.get("enabled") and wants_schema(params):
        raise invalid("output_config.format: structured outputs are incompatible with citations.")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
