"""The shape of a message: content blocks, stop reason, usage; and what each marker does to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox import codec
from sandbox.markers import Marker
from sandbox.recipes import Recipe
from sandbox.usage import CHARACTERS_PER_TOKEN, Input, tokens, usage_json

SIGNATURE = "Eq0BCkYIBxgCKkBzYW5kYm94LXNpZ25hdHVyZS1ub3QtcmVhbA=="
OFF_LIST = "something off the list"
REFUSAL = {"type": "refusal", "category": "general_harms", "explanation": "Asked for by a marker."}


@dataclass
class Draft:
    """An answer before it becomes JSON. `value` is the object behind a structured answer, None for plain text."""

    value: Any = None
    blocks: list[dict[str, Any]] = field(default_factory=list)
    stop_reason: str = "end_turn"
    stop_details: dict[str, Any] | None = None
    output_tokens: int = 0
    thinking_tokens: int = 0
    billed: bool = True
    extra_keys: bool = False
    bare: bool = False

    @classmethod
    def structured(cls, value: Any, max_tokens: int) -> Draft:
        draft = cls(value=value)
        draft.write(codec.dumps(value).decode(), max_tokens)
        return draft

    @classmethod
    def plain(cls, text: str, max_tokens: int) -> Draft:
        draft = cls()
        draft.write(text, max_tokens)
        return draft

    @classmethod
    def tool_call(cls, name: str, given: Any, max_tokens: int) -> Draft:
        call = {"type": "tool_use", "id": "toolu_01sandbox", "name": name, "input": given}
        draft = cls(value=given, blocks=[call], stop_reason="tool_use")
        draft.output_tokens = min(max_tokens, tokens(len(codec.dumps(given))))
        return draft

    @property
    def text(self) -> str:
        return "".join(block["text"] for block in self.blocks if block["type"] == "text")

    def write(self, text: str, max_tokens: int) -> None:
        """Make `text` the whole answer; what does not fit into `max_tokens` is cut off."""
        self.output_tokens = max(1, tokens(len(text)))
        if self.output_tokens > max_tokens:
            text = text[: max_tokens * CHARACTERS_PER_TOKEN]
            self.output_tokens = max_tokens
            self.stop_reason = "max_tokens"
        self.blocks = [{"type": "text", "text": text}] if text else []

    def rewrite(self, value: Any) -> None:
        """Another structured answer in place of the honest one."""
        self.value = value
        if self.blocks and self.blocks[-1]["type"] == "tool_use":
            self.blocks[-1]["input"] = value
        else:
            self.blocks = [{"type": "text", "text": codec.dumps(value).decode()}]

    def think(self, text: str) -> None:
        spent = max(12, tokens(len(text)))
        self.blocks.insert(0, {"type": "thinking", "thinking": text, "signature": SIGNATURE})
        self.thinking_tokens += spent
        self.output_tokens += spent


def message_json(draft: Draft, recipe: Recipe, given: Input, message_id: str) -> bytes:
    usage = usage_json(given, draft.output_tokens, draft.thinking_tokens, in_batch=recipe.in_batch, geo=recipe.geo)
    message = {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": recipe.model.id,
        "content": draft.blocks,
        "stop_reason": draft.stop_reason,
        "stop_sequence": None,
        "stop_details": draft.stop_details,
        "container": None,
        "diagnostics": None,
        "usage": usage,
    }
    if draft.extra_keys:
        message["mood"] = {"of": "the sandbox", "value": 1}
        usage["moon_phase_tokens"] = 3
    if draft.bare:
        message["usage"] = {name: usage[name] for name in ("input_tokens", "output_tokens")}
        for name in ("stop_details", "container", "diagnostics"):
            del message[name]
    return codec.dumps(message)


def apply_markers(draft: Draft, markers: tuple[Marker, ...], recipe: Recipe) -> None:
    """In the order of CHANGES, whatever the order in the text: what replaces the answer before what decorates it."""
    given = {marker.name: marker for marker in markers}
    for name, change in CHANGES.items():
        if name in given:
            change(draft, given[name], recipe)


def _refuse(draft: Draft, marker: Marker, recipe: Recipe) -> None:
    """Before any output: nothing is billed."""
    draft.blocks, draft.output_tokens, draft.billed = [], 0, False
    draft.stop_reason, draft.stop_details = "refusal", REFUSAL


def _refuse_late(draft: Draft, marker: Marker, recipe: Recipe) -> None:
    """After some output, which is billed."""
    draft.blocks = [{"type": "text", "text": draft.text[:4]}]
    draft.output_tokens = 1
    draft.stop_reason, draft.stop_details = "refusal", REFUSAL


def _cut_off(draft: Draft, marker: Marker, recipe: Recipe) -> None:
    text = draft.text
    draft.blocks = [{"type": "text", "text": text[: max(1, len(text) * 2 // 3)]}]
    draft.stop_reason, draft.output_tokens = "max_tokens", recipe.max_tokens


def _context_exceeded(draft: Draft, marker: Marker, recipe: Recipe) -> None:
    _cut_off(draft, marker, recipe)
    draft.stop_reason, draft.output_tokens = "model_context_window_exceeded", max(1, tokens(len(draft.text)))


def _off_list(draft: Draft, marker: Marker, recipe: Recipe) -> None:
    if isinstance(draft.value, dict) and draft.value:
        draft.rewrite({**draft.value, next(iter(draft.value)): OFF_LIST})


def _off_schema(draft: Draft, marker: Marker, recipe: Recipe) -> None:
    """The first property is missing, another one is there that nobody asked for."""
    if isinstance(draft.value, dict):
        draft.rewrite({**dict(list(draft.value.items())[1:]), "surprise": True})


def _not_json(draft: Draft, marker: Marker, recipe: Recipe) -> None:
    if draft.value is not None:
        draft.blocks = [{"type": "text", "text": f"Here is the answer: {draft.text}"}]


def _empty(draft: Draft, marker: Marker, recipe: Recipe) -> None:
    draft.blocks = [{"type": "text", "text": ""}]


def _wrong_case(draft: Draft, marker: Marker, recipe: Recipe) -> None:
    if isinstance(draft.value, dict):
        draft.rewrite({name: _other_case(value) for name, value in draft.value.items()})


def _other_case(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return value.upper() if value.upper() != value else value.lower()


def _character(text: str) -> Callable[[Draft, Marker, Recipe], None]:
    """Put a troublesome character where it leaves the answer readable: into free text if there is some, else into a
    thinking block before the answer."""

    def change(draft: Draft, marker: Marker, recipe: Recipe) -> None:
        place = _free_text_property(draft.value, recipe)
        if draft.value is None and draft.blocks:
            draft.blocks[-1]["text"] += text
        elif place is not None:
            draft.rewrite({**draft.value, place: draft.value[place] + text})
        else:
            draft.think(f"a{text}b")

    return change


def _free_text_property(value: Any, recipe: Recipe) -> str | None:
    """The first property that is a plain string by the schema."""
    properties = (recipe.schema or {}).get("properties", {})
    for name, part in value.items() if isinstance(value, dict) else ():
        node = properties.get(name)
        if isinstance(part, str) and isinstance(node, dict) and not {"enum", "const", "format", "$ref"} & set(node):
            return str(name)
    return None


def _stop_reason(draft: Draft, marker: Marker, recipe: Recipe) -> None:
    draft.stop_reason = marker.argument


def _two_blocks(draft: Draft, marker: Marker, recipe: Recipe) -> None:
    text = draft.text
    if len(text) < 2:
        return
    place = next(index for index, block in enumerate(draft.blocks) if block["type"] == "text")
    halves = [text[: len(text) // 2], text[len(text) // 2 :]]
    draft.blocks[place : place + 1] = [{"type": "text", "text": half} for half in halves]


def _thinking(draft: Draft, marker: Marker, recipe: Recipe) -> None:
    """As models that think by default answer: an empty thinking block first."""
    draft.think("")


def _long(draft: Draft, marker: Marker, recipe: Recipe) -> None:
    draft.think("x" * int(marker.number or 0))


def _extra_keys(draft: Draft, marker: Marker, recipe: Recipe) -> None:
    draft.extra_keys = True


def _bare_usage(draft: Draft, marker: Marker, recipe: Recipe) -> None:
    draft.bare = True


CHANGES: dict[str, Callable[[Draft, Marker, Recipe], None]] = {
    "off list": _off_list,
    "off schema": _off_schema,
    "wrong case": _wrong_case,
    "u2028": _character("\u2028"),
    "nul": _character("\x00"),
    "lone surrogate": _character("\ud800"),
    "not json": _not_json,
    "empty": _empty,
    "cut off": _cut_off,
    "context exceeded": _context_exceeded,
    "refuse late": _refuse_late,
    "refuse": _refuse,
    "stop reason": _stop_reason,
    "two blocks": _two_blocks,
    "thinking": _thinking,
    "long": _long,
    "extra keys": _extra_keys,
    "bare usage": _bare_usage,
}
