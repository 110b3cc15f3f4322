"""A recipe: everything that can be worked out from a request's params without its messages.

Thousands of requests share the same params around one document each, so recipes are made once and remembered.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sandbox import codec
from sandbox.errors import ApiError
from sandbox.filling import Filler, compile_schema
from sandbox.schemas import check_schema
from sandbox.usage import SCHEMA_TOKENS, tokens
from sandbox.validation import Caller, check_params

MOST_REMEMBERED = 64


class Recipe:
    """Raises ApiError when made from params that the API refuses."""

    def __init__(self, params: dict[str, Any], caller: Caller) -> None:
        self.model, self.breakpoints = check_params(params, caller)
        self.params = params
        self.in_batch = caller.in_batch
        self.max_tokens: int = params["max_tokens"]
        self.geo = params.get("inference_geo") or "global"
        self.system = system_text(params.get("system"))
        self.schema: dict[str, Any] | None = ((params.get("output_config") or {}).get("format") or {}).get("schema")
        self.fill = compile_schema(self.schema, self.system) if self.schema is not None else None
        self.tool = _forced_tool(params)
        self.fill_tool = _tool_filler(self.tool, self.system) if self.tool is not None else None
        self.prefix_tokens = prefix_tokens(params)
        self.caches_whole_prompt = params.get("cache_control") is not None
        self.ttl = self.breakpoints.ttls[-1] if self.breakpoints.ttls else None
        self._text_hash = hashlib.blake2b(digest_size=8)
        self._text_hash.update(f"{self.model.id}\0{self.system}\0".encode("utf-8", "surrogatepass"))
        self.prefix_key = hash((self.system, codec.dumps([params.get("tools"), self.schema])))

    def document_key(self, text: str) -> int:
        """By model, system text and the text of the last user message: what one would not want to pay for twice."""
        state = self._text_hash.copy()
        state.update(text.encode("utf-8", "surrogatepass"))
        return int.from_bytes(state.digest(), "big", signed=True)


class RecipeBook:
    def __init__(self) -> None:
        self._known: dict[tuple[bytes, Caller], Recipe | ApiError] = {}

    def recipe(self, params: dict[str, Any], caller: Caller) -> Recipe:
        """`params` without messages. Raises ApiError, remembered as well."""
        key = (codec.dumps(params), caller)
        found = self._known.get(key)
        if found is None:
            found = _make(params, caller)
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = found
        if isinstance(found, ApiError):
            raise ApiError(found.error_type, found.message)
        return found


def system_text(system: Any) -> str:
    if isinstance(system, list):
        return "\n".join(block["text"] for block in system)
    return system or ""


def prefix_tokens(params: dict[str, Any]) -> int:
    """Tools, schema and system text, in tokens."""
    count = tokens(len(system_text(params.get("system"))))
    if params.get("tools"):
        count += tokens(len(codec.dumps(params["tools"])))
    if (params.get("output_config") or {}).get("format"):
        count += SCHEMA_TOKENS + tokens(len(codec.dumps(params["output_config"]["format"])))
    return count


def _make(params: dict[str, Any], caller: Caller) -> Recipe | ApiError:
    try:
        return Recipe(params, caller)
    except ApiError as error:
        return error


def _forced_tool(params: dict[str, Any]) -> dict[str, Any] | None:
    choice = params.get("tool_choice") or {}
    tools: list[dict[str, Any]] = params.get("tools") or []
    if choice.get("type") == "any":
        return tools[0]
    if choice.get("type") == "tool":
        return next(tool for tool in tools if tool["name"] == choice["name"])
    return None


def _tool_filler(tool: dict[str, Any], instructions: str) -> Filler | None:
    """A tool that is not strict may have any schema; one that cannot be filled is called with an empty input."""
    try:
        check_schema(tool.get("input_schema"))
    except ApiError:
        return None
    return compile_schema(tool["input_schema"], instructions)
