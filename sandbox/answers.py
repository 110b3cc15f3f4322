"""One request in, one outcome out: the make-believe model. The same for a batch line and for a real-time call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox import codec
from sandbox.errors import ApiError, invalid
from sandbox.findings import Findings, first_words
from sandbox.ids import key64
from sandbox.markers import Marker, parse_marker, read_markers, without_markers
from sandbox.messages import Draft, apply_markers, message_json
from sandbox.recipes import Recipe, RecipeBook
from sandbox.usage import IMAGE_TOKENS, REQUEST_TOKENS, Input, PromptCache, cost, split_input, tokens
from sandbox.validation import Caller, check_messages

SUMMARY_WORDS = 25


@dataclass(frozen=True)
class Outcome:
    """What became of a request. `kind` is a result type; `body` the message or error envelope as JSON.

    `document` is the account's key of the text; `cost` is in picodollars (None: no known price); `counts_attempt` says
    that a marker with a number of attempts was used up once. `line_type` stands in the result line in place of `kind`.
    """

    kind: str
    body: bytes = b""
    document: int = 0
    charged: bool = False
    cost: int | None = 0
    counts_attempt: bool = False
    slow_seconds: float = 0.0
    error: ApiError | None = None
    line_type: str = ""


@dataclass(frozen=True)
class Circumstances:
    """What an answer depends on besides the request. `rates` maps marker words to a share of documents (0 to 1)."""

    workspace: str
    now: int
    rates: Mapping[str, float]
    attempts: Callable[[int], int]


class AnswerDesk:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self.recipes = RecipeBook()
        self.cache = PromptCache()

    def answer(self, params: dict[str, Any], caller: Caller, message_id: str, around: Circumstances) -> Outcome:
        """Never raises for bad params: those come back as an outcome of kind errored. `params` is used up."""
        try:
            messages = params.pop("messages", None)
            recipe = self.recipes.recipe(params, caller)
            check_messages(messages, params, recipe.model, recipe.breakpoints)
        except ApiError as error:
            return _errored(error)
        except RecursionError:
            return _errored(invalid("params: nested too deeply"))
        return self._answer(recipe, messages, message_id, around)

    def _answer(
        self, recipe: Recipe, messages: list[dict[str, Any]], message_id: str, around: Circumstances
    ) -> Outcome:
        text = last_user_text(messages)
        document = recipe.document_key(text)
        markers = read_markers(text) or _drawn(document, around.rates)
        stopped = _stopped(markers, document, recipe.in_batch, around)
        if stopped is not None:
            return stopped
        given = self._input(recipe, messages, around)
        if given.total > recipe.model.max_input_tokens:
            return _errored(
                invalid(f"prompt is too long: {given.total} tokens > {recipe.model.max_input_tokens} maximum"), document
            )
        draft = _draft(recipe, without_markers(text))
        if markers:
            apply_markers(draft, markers, recipe)
        paid = draft.billed
        price = cost(recipe.model, given, draft.output_tokens, in_batch=recipe.in_batch, geo=recipe.geo) if paid else 0
        return Outcome(
            "succeeded",
            message_json(draft, recipe, given, message_id),
            document,
            charged=paid,
            cost=price,
            slow_seconds=sum(marker.number or 0.0 for marker in markers if marker.name == "slow"),
        )

    def _input(self, recipe: Recipe, messages: list[dict[str, Any]], around: Circumstances) -> Input:
        message_tokens = REQUEST_TOKENS + count_message_tokens(messages)
        ttl = "5m" if recipe.caches_whole_prompt and recipe.ttl is None else recipe.ttl
        marked = _marked_ttl(messages)
        if marked is None and not recipe.caches_whole_prompt:
            warm = self._is_warm(recipe, recipe.prefix_tokens, recipe.prefix_key, ttl, around)
            return split_input(message_tokens, recipe.prefix_tokens, recipe.model, ttl, warm)
        whole = recipe.prefix_tokens + message_tokens
        key = key64(str(recipe.prefix_key), codec.dumps(messages).decode("utf-8", "replace"))
        warm = self._is_warm(recipe, whole, key, marked or ttl, around)
        return split_input(0, whole, recipe.model, marked or ttl, warm)

    def _is_warm(self, recipe: Recipe, prefix_tokens: int, key: int, ttl: str | None, around: Circumstances) -> bool:
        if ttl is None or prefix_tokens < recipe.model.cache_minimum:
            return False
        return self.cache.use(around.workspace, recipe.model, key, ttl, around.now)


def last_user_text(messages: list[dict[str, Any]]) -> str:
    content = next((message["content"] for message in reversed(messages) if message["role"] == "user"), "")
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block["type"] == "text")


def count_message_tokens(messages: list[dict[str, Any]]) -> int:
    return sum(_content_tokens(message["content"]) for message in messages)


def _content_tokens(content: Any) -> int:
    if isinstance(content, str):
        return tokens(len(content))
    count = 0
    for block in content:
        if block["type"] == "text":
            count += tokens(len(block["text"]))
        elif block["type"] in ("image", "document"):
            count += IMAGE_TOKENS
        else:
            count += tokens(len(codec.dumps(block)))
    return count


def _marked_ttl(messages: list[dict[str, Any]]) -> str | None:
    """The ttl of the last cache mark inside the messages; everything up to the end of the prompt counts as marked."""
    ttl = None
    for message in messages:
        if isinstance(message["content"], list):
            for block in message["content"]:
                if block.get("cache_control"):
                    ttl = block["cache_control"].get("ttl", "5m")
    return ttl


def _drawn(document: int, rates: Mapping[str, float]) -> tuple[Marker, ...]:
    """At most one marker by lot; the same document always draws the same."""
    if not rates:
        return ()
    lot = key64("rates", str(document)) / 2**64 + 0.5
    for words, rate in rates.items():
        if lot < rate:
            marker = parse_marker(words)
            return () if marker is None else (marker,)
        lot -= rate
    return ()


def _stopped(markers: tuple[Marker, ...], document: int, in_batch: bool, around: Circumstances) -> Outcome | None:
    """The outcome of a request that never reaches an answer: an error, or in batches an expiry or a type unknown to the
    documentation (which request_counts has no place for: it counts as errored)."""
    for marker in markers:
        if marker.name == "result type" and in_batch:
            return Outcome("errored", document=document, line_type=marker.argument)
        if marker.name not in ("error", "expire") or (marker.name == "expire" and not in_batch):
            continue
        if marker.number is not None and around.attempts(document) >= marker.number:
            continue
        counts = marker.number is not None
        if marker.name == "expire":
            return Outcome("expired", document=document, counts_attempt=counts)
        wait = 1 if marker.argument == "rate_limit_error" else None
        error = ApiError(marker.argument, f"Asked for by a marker: {marker.argument}.", retry_after=wait)
        return _errored(error, document, counts_attempt=counts)
    return None


def _errored(error: ApiError, document: int = 0, *, counts_attempt: bool = False) -> Outcome:
    body = codec.dumps(error.envelope(None))
    return Outcome("errored", body, document, counts_attempt=counts_attempt, error=error)


def _draft(recipe: Recipe, text: str) -> Draft:
    """The honest answer, cut where max_tokens cuts it."""
    findings = Findings(text)
    if recipe.tool is not None:
        given = recipe.fill_tool(findings)[0] if recipe.fill_tool else {}
        return Draft.tool_call(recipe.tool["name"], given, recipe.max_tokens)
    if recipe.fill is not None:
        return Draft.structured(recipe.fill(findings)[0], recipe.max_tokens)
    return Draft.plain(first_sentence(findings), recipe.max_tokens)


def first_sentence(findings: Findings) -> str:
    """At most 25 words: the sandbox's idea of a summary."""
    sentences = findings.sentences
    return first_words(sentences[0], SUMMARY_WORDS) if sentences else "(no text)"
