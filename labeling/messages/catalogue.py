"""What is known about each model: its limits, how it thinks, what it may be asked.

Pure data. Sources: Anthropic's model, caching and thinking pages of August to November 2026. A model
that is not listed may be used all the same; then only the API can say what it accepts.
"""

from dataclasses import dataclass
from datetime import date

EFFORTS = ("low", "medium", "high", "xhigh", "max")
MODERATE_EFFORTS = frozenset({"low", "medium", "high"})
"""Efforts at which some models may think less than they like to."""


@dataclass(frozen=True, slots=True)
class Model:
    """Facts about one model.

    `thinking` lists the words that may be sent as thinking type; `sparing` is the one that leaves
    nearly all of a small max_tokens to the answer, None when sending no word does that already or
    when nothing does; `always_thinks` is the latter case. Token numbers are tokens.
    """

    id: str
    max_output_tokens: int
    min_cacheable_tokens: int
    thinking: frozenset[str]
    sparing: str | None = None
    always_thinks: bool = False
    takes_effort: bool = True
    sparing_efforts: frozenset[str] = frozenset(EFFORTS)
    not_before: date | None = None
    """The earliest day on which it may be retired, where Anthropic named one."""


_LARGE, _SMALL = 128_000, 64_000
_ADAPTIVE = frozenset({"adaptive"})
_ADAPTIVE_OR_OFF = frozenset({"adaptive", "disabled"})
_ADAPTIVE_OR_BETWEEN_TOOLS = frozenset({"adaptive", "between_tools"})
_OFF = frozenset({"disabled"})


def _always_thinking(model: str, *, min_cacheable: int = 512, not_before: date | None = None) -> Model:
    """Thinking cannot be switched off: "disabled" is refused."""
    return Model(model, _LARGE, min_cacheable, _ADAPTIVE, always_thinks=True, not_before=not_before)


def _thinking_on_request(model: str, *, min_cacheable: int, not_before: date | None = None) -> Model:
    """4.6 to 4.8 do not think unless they are told to."""
    return Model(model, _LARGE, min_cacheable, _ADAPTIVE_OR_OFF, not_before=not_before)


def _of_2025(model: str, *, min_cacheable: int, takes_effort: bool, not_before: date | None = None) -> Model:
    """4.5 knows no adaptive thinking and does not think unless told to."""
    return Model(model, _SMALL, min_cacheable, _OFF, takes_effort=takes_effort, not_before=not_before)


MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        # Thinks by default; may be switched off up to effort high.
        Model(
            "claude-haiku-5-5",
            _LARGE,
            512,
            _ADAPTIVE_OR_OFF,
            sparing="disabled",
            sparing_efforts=MODERATE_EFFORTS,
            not_before=date(2027, 10, 7),
        ),
        # "disabled" is refused; "between_tools" means no thinking in a request without tools.
        Model(
            "claude-sonnet-5-5",
            _LARGE,
            512,
            _ADAPTIVE_OR_BETWEEN_TOOLS,
            sparing="between_tools",
            sparing_efforts=MODERATE_EFFORTS,
        ),
        _always_thinking("claude-opus-5-5", not_before=date(2027, 9, 22)),
        _always_thinking("claude-fable-5-2"),
        _always_thinking("claude-mythos-5-2"),
        _always_thinking("claude-fable-5-1"),
        _always_thinking("claude-mythos-5-1"),
        _always_thinking("claude-fable-5", not_before=date(2027, 6, 9)),
        _always_thinking("claude-mythos-5", not_before=date(2027, 6, 9)),
        _always_thinking("claude-mythos-preview", min_cacheable=2048, not_before=date(2026, 6, 30)),
        Model(
            "claude-opus-5",
            _LARGE,
            512,
            _ADAPTIVE_OR_OFF,
            sparing="disabled",
            sparing_efforts=MODERATE_EFFORTS,
            not_before=date(2027, 7, 24),
        ),
        Model("claude-sonnet-5", _LARGE, 1024, _ADAPTIVE_OR_OFF, sparing="disabled", not_before=date(2027, 6, 30)),
        _thinking_on_request("claude-opus-4-8", min_cacheable=1024, not_before=date(2027, 5, 28)),
        _thinking_on_request("claude-opus-4-7", min_cacheable=2048, not_before=date(2027, 4, 16)),
        _thinking_on_request("claude-opus-4-6", min_cacheable=4096, not_before=date(2027, 2, 5)),
        _thinking_on_request("claude-sonnet-4-6", min_cacheable=1024, not_before=date(2027, 2, 17)),
        _of_2025("claude-opus-4-5", min_cacheable=4096, takes_effort=True, not_before=date(2026, 11, 24)),
        _of_2025("claude-opus-4-5-20251101", min_cacheable=4096, takes_effort=True, not_before=date(2026, 11, 24)),
        _of_2025("claude-sonnet-4-5", min_cacheable=1024, takes_effort=False, not_before=date(2026, 11, 30)),
        _of_2025("claude-sonnet-4-5-20250929", min_cacheable=1024, takes_effort=False, not_before=date(2026, 11, 30)),
        _of_2025("claude-haiku-4-5", min_cacheable=4096, takes_effort=False, not_before=date(2026, 10, 15)),
        _of_2025("claude-haiku-4-5-20251001", min_cacheable=4096, takes_effort=False, not_before=date(2026, 10, 15)),
    )
}
"""Every model whose facts are known, by id."""


def default_thinking(model: str, effort: str | None = None) -> str | None:
    """The thinking word that lets a small max_tokens work; None when none is to be sent.

    At an effort that the word does not go with, the model is left to its own default.
    """
    facts = MODELS.get(model)
    if facts is None or (effort is not None and effort not in facts.sparing_efforts):
        return None
    return facts.sparing


def thinks(model: str, thinking: str | None, effort: str | None = None) -> bool:
    """Whether thinking tokens will come out of max_tokens, as far as the model is known."""
    facts = MODELS.get(model)
    sent = thinking or default_thinking(model, effort)
    if sent == "adaptive":
        return True
    return facts is not None and sent is None and (facts.always_thinks or facts.sparing is not None)
