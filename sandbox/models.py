"""The catalogue: which models exist, what they allow, where they stand in life, what they cost.

Ids, limits, prices and dates are Anthropic's published ones as of 22 November 2026 (documentation pages on models,
pricing, deprecations, structured outputs and caching; SDK 2.12.0). Prices are USD per million tokens at list price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.errors import invalid, not_found

EFFORTS = ("low", "medium", "high", "xhigh", "max")
LONG_OUTPUT_BETA = "output-300k-2026-03-24"
LONG_OUTPUT_TOKENS = 300_000
# One picodollar (1e-12 USD) per token is one USD per million tokens, so every price below is a whole number of them.
PICODOLLARS = 1_000_000


@dataclass(frozen=True)
class Price:
    """Picodollars per token; batch work costs half of each."""

    input: int
    output: int
    write_5m: int
    write_1h: int
    read: int


@dataclass(frozen=True)
class Model:
    id: str
    name: str
    line: str
    created: str
    price: Price | None
    # (prompt tokens, price): a prompt above that many tokens costs this price instead, as a whole.
    price_above: tuple[int, Price] | None = None
    max_input_tokens: int = 1_000_000
    max_tokens: int = 128_000
    cache_minimum: int = 512
    lifecycle: str = "active"
    deprecated_at: str | None = None
    retires_at: str | None = None
    thinking: tuple[str, ...] = ("adaptive",)
    disabled_up_to: str = "max"
    efforts: tuple[str, ...] = EFFORTS
    forced_tools: bool = True
    prefill: bool = False
    structured_outputs: bool = True
    long_output: bool = False

    def price_for(self, prompt_tokens: int) -> Price | None:
        if self.price_above is not None and prompt_tokens > self.price_above[0]:
            return self.price_above[1]
        return self.price

    def as_json(self) -> dict[str, Any]:
        return {
            "type": "model",
            "id": self.id,
            "display_name": self.name,
            "created_at": f"{self.created}T00:00:00Z",
            "lifecycle": self.lifecycle,
            "deprecated_at": _midnight(self.deprecated_at),
            "retires_at": _midnight(self.retires_at),
            "line": self.line,
            "max_input_tokens": self.max_input_tokens,
            "max_tokens": self.max_tokens,
            "capabilities": self._capabilities(),
        }

    def _capabilities(self) -> dict[str, Any]:
        yes, no = {"supported": True}, {"supported": False}
        thinking_types = ("adaptive", "between_tools", "disabled", "enabled")
        return {
            "batch": yes,
            "citations": yes,
            "code_execution": no,
            "context_management": no,
            "effort": {"supported": bool(self.efforts), **{e: {"supported": e in self.efforts} for e in EFFORTS}},
            "image_input": yes,
            "pdf_input": yes,
            "server_tools": {"supported": False, "code_execution": no, "web_search": no},
            "structured_outputs": {"supported": self.structured_outputs},
            "thinking": {
                "supported": bool(self.thinking),
                "types": {kind: {"supported": kind in self.thinking} for kind in thinking_types},
            },
        }


def find_model(model_id: str) -> Model:
    """The model, unless it is unknown or retired: then the API's 404, whose message is `model: <id>`."""
    model = CATALOGUE.get(model_id)
    if model is None or model.lifecycle == "retired":
        raise not_found(f"model: {model_id}")
    return model


def describe_model(model_id: str) -> dict[str, Any]:
    model = CATALOGUE.get(model_id)
    if model is None:
        raise not_found(f"model: {model_id}")
    return model.as_json()


def list_models(lifecycles: list[str], limit: int, after_id: str | None, before_id: str | None) -> dict[str, Any]:
    """One page, newest model first; without a filter the active and the deprecated ones."""
    unknown = set(lifecycles) - {"active", "deprecated", "retired"}
    if unknown:
        raise invalid("lifecycle: Input should be 'active', 'deprecated' or 'retired'")
    wanted = set(lifecycles) or {"active", "deprecated"}
    models = [model for model in CATALOGUE.values() if model.lifecycle in wanted]
    ids = [model.id for model in models]
    if after_id is not None:
        start = _position(ids, after_id) + 1
        page, more = models[start : start + limit], start + limit < len(models)
    elif before_id is not None:
        end = _position(ids, before_id)
        page, more = models[max(0, end - limit) : end], end > limit
    else:
        page, more = models[:limit], limit < len(models)
    return {
        "data": [model.as_json() for model in page],
        "has_more": more,
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
    }


def _position(ids: list[str], wanted: str) -> int:
    if wanted not in ids:
        raise invalid(f"No model has the id {wanted}.")
    return ids.index(wanted)


def _midnight(day: str | None) -> str | None:
    return None if day is None else f"{day}T00:00:00Z"


def _usd(*prices: str) -> Price:
    """Input, output, 5-minute write, 1-hour write, read: decimal texts in USD per million tokens."""
    return Price(*(_picodollars(price) for price in prices))


def _picodollars(price: str) -> int:
    whole, _, fraction = price.partition(".")
    return int(whole) * PICODOLLARS + int(fraction.ljust(6, "0"))


def _catalogue() -> dict[str, Model]:
    fable_52 = _usd("8", "40", "10", "16", "0.20")
    fable_51 = _usd("10", "50", "12.50", "20", "0.25")
    fable_5 = _usd("10", "50", "12.50", "20", "1")
    opus = _usd("5", "25", "6.25", "10", "0.50")
    sonnet_4 = _usd("3", "15", "3.75", "6", "0.30")
    haiku_45 = _usd("1", "5", "1.25", "2", "0.10")
    between = ("adaptive", "between_tools")
    optional = ("adaptive", "disabled")
    classic = ("enabled", "disabled")
    all_kinds = ("adaptive", "disabled", "enabled")
    older = {"max_input_tokens": 200_000, "max_tokens": 64_000, "thinking": classic, "prefill": True}
    sonnet_45: dict[str, Any] = {
        **older,
        "cache_minimum": 1024,
        "efforts": (),
        "lifecycle": "deprecated",
        "deprecated_at": "2026-05-29",
        "retires_at": "2026-11-30",
    }
    haiku: dict[str, Any] = {**older, "cache_minimum": 4096, "efforts": ()}
    opus_45: dict[str, Any] = {**older, "cache_minimum": 4096, "efforts": EFFORTS[:3]}
    models = [
        Model("claude-fable-5-2", "Claude Fable 5.2", "fable", "2026-11-09", fable_52, forced_tools=False),
        Model("claude-mythos-5-2", "Claude Mythos 5.2", "mythos", "2026-11-09", fable_52, forced_tools=False),
        Model(
            "claude-haiku-5-5",
            "Claude Haiku 5.5",
            "haiku",
            "2026-10-07",
            _usd("0.10", "0.50", "0.125", "0.20", "0.01"),
            price_above=(100_000, _usd("0.50", "2.50", "0.625", "1.00", "0.05")),
            thinking=optional,
            disabled_up_to="high",
            long_output=True,
        ),
        Model(
            "claude-sonnet-5-5",
            "Claude Sonnet 5.5",
            "sonnet",
            "2026-09-28",
            _usd("2", "10", "2.50", "4", "0.10"),
            thinking=between,
            forced_tools=False,
            long_output=True,
        ),
        Model(
            "claude-opus-5-5",
            "Claude Opus 5.5",
            "opus",
            "2026-09-22",
            _usd("4", "20", "5", "8", "0.20"),
            forced_tools=False,
            long_output=True,
        ),
        Model("claude-fable-5-1", "Claude Fable 5.1", "fable", "2026-09-01", fable_51, forced_tools=False),
        Model("claude-mythos-5-1", "Claude Mythos 5.1", "mythos", "2026-09-01", fable_51, forced_tools=False),
        Model(
            "claude-opus-5",
            "Claude Opus 5",
            "opus",
            "2026-07-24",
            opus,
            thinking=optional,
            disabled_up_to="high",
            long_output=True,
        ),
        Model(
            "claude-sonnet-5",
            "Claude Sonnet 5",
            "sonnet",
            "2026-06-30",
            _usd("2", "10", "2.50", "4", "0.20"),
            cache_minimum=1024,
            thinking=optional,
            long_output=True,
        ),
        Model("claude-fable-5", "Claude Fable 5", "fable", "2026-06-09", fable_5),
        Model("claude-mythos-5", "Claude Mythos 5", "mythos", "2026-06-09", fable_5),
        Model(
            "claude-opus-4-8",
            "Claude Opus 4.8",
            "opus",
            "2026-05-28",
            opus,
            cache_minimum=1024,
            thinking=optional,
            long_output=True,
        ),
        Model(
            "claude-opus-4-7",
            "Claude Opus 4.7",
            "opus",
            "2026-04-16",
            opus,
            cache_minimum=2048,
            thinking=optional,
            long_output=True,
        ),
        Model(
            "claude-mythos-preview",
            "Claude Mythos Preview",
            "mythos",
            "2026-04-07",
            None,
            cache_minimum=2048,
            lifecycle="retired",
            deprecated_at="2026-06-09",
            retires_at="2026-06-30",
        ),
        Model(
            "claude-sonnet-4-6",
            "Claude Sonnet 4.6",
            "sonnet",
            "2026-02-17",
            sonnet_4,
            cache_minimum=1024,
            thinking=all_kinds,
            efforts=("low", "medium", "high", "max"),
            long_output=True,
        ),
        Model(
            "claude-opus-4-6",
            "Claude Opus 4.6",
            "opus",
            "2026-02-05",
            opus,
            cache_minimum=4096,
            thinking=all_kinds,
            efforts=("low", "medium", "high", "max"),
            long_output=True,
        ),
        Model("claude-opus-4-5", "Claude Opus 4.5", "opus", "2025-11-24", opus, **opus_45),
        Model("claude-opus-4-5-20251101", "Claude Opus 4.5", "opus", "2025-11-24", opus, **opus_45),
        Model("claude-haiku-4-5", "Claude Haiku 4.5", "haiku", "2025-10-15", haiku_45, **haiku),
        Model("claude-haiku-4-5-20251001", "Claude Haiku 4.5", "haiku", "2025-10-15", haiku_45, **haiku),
        Model("claude-sonnet-4-5", "Claude Sonnet 4.5", "sonnet", "2025-09-29", sonnet_4, **sonnet_45),
        Model("claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", "sonnet", "2025-09-29", sonnet_4, **sonnet_45),
    ]
    return {model.id: model for model in models}


CATALOGUE = _catalogue()
