"""What a message of the model says: a usable value, or the reason why a person must look.

Pure: no ORM, no SDK. The stop reason is read first, then all text blocks joined. Values and details
can be stored in PostgreSQL: NUL and lone surrogates become U+FFFD.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from labeling.messages import schemas
from labeling.messages.prompts import Spec, output_schema
from labeling.messages.rules import rule_for_stop
from labeling.states import FailureReason, Kind

REMEMBERED_ANSWERS = 10_000
"""Distinct answer texts of a classify task that a reader keeps: a list of labels has few."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_UNSTORABLE_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_STRING_OR_SPACE = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\r\n]+', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """Either a value or a failure. `detail` keeps what the model said where the value does not,
    or says what is wrong with it."""

    value: str | None
    failure: FailureReason | None = None
    detail: str = ""


class AnswerReader:
    """Reads the messages of one version; the schema is compiled once."""

    def __init__(self, spec: Spec) -> None:
        self._kind = spec.kind
        self._labels = {label.name.strip().casefold(): Answer(label.name) for label in spec.labels}
        self._seen: dict[str, Answer] = {}
        schema = output_schema(spec) if spec.kind == Kind.EXTRACT else None
        self._schema = schemas.compiled(schema) if schema is not None else None

    def read(self, message: Mapping[str, Any]) -> Answer:
        """The answer in a message, whatever keys and blocks it has; never raises on its content."""
        text = text_of(message)
        failure = rule_for_stop(message.get("stop_reason")).failure
        if failure is not None:
            return Answer(None, failure, _detail_of_failure(failure, message, text))
        if self._kind == Kind.CLASSIFY:
            return self._label(text)
        if self._kind == Kind.EXTRACT:
            return self._extraction(text)
        return _transformed(text)

    def _label(self, text: str) -> Answer:
        answer = self._seen.get(text)
        if answer is None:
            answer = self._find_label(text)
            if len(self._seen) < REMEMBERED_ANSWERS:
                self._seen[text] = answer
        return answer

    def _find_label(self, text: str) -> Answer:
        """The list's spelling of the label; the API does not promise upper and lower case."""
        said = _said_label(text)
        known = self._labels.get(said.strip().casefold())
        return known or Answer(None, FailureReason.NOT_A_LABEL, storable(said))

    def _extraction(self, text: str) -> Answer:
        try:
            return self._checked(text)
        except (ValueError, RecursionError):
            return Answer(None, FailureReason.INVALID_ANSWER, f"This is not JSON: {storable(text)}")

    def _checked(self, text: str) -> Answer:
        """Raises ValueError or RecursionError on what is no JSON, or is nested beyond reason."""
        data = loads(text)
        clean = not (_UNSTORABLE.search(text) or _UNSTORABLE_ESCAPE.search(text))
        if not clean:
            data = _storable_data(data)
        fault = self._fault(data)
        if fault:
            return Answer(None, FailureReason.INVALID_ANSWER, storable(f"{fault}: {text}"))
        return Answer(_compact(text) if clean else _dumps(data))

    def _fault(self, data: Any) -> str:
        if self._schema is None or self._schema.is_valid(data):
            return ""
        error = next(iter(self._schema.iter_errors(data)))
        place = "/".join(str(step) for step in error.instance_path)
        return f"At {place}, {error.message}" if place else error.message


def read_error(error: object) -> tuple[str, str]:
    """Type and message of the `error` of an errored line, or of an error response.

    Result lines wrap a whole error response, so the words are one level deeper than they look; this
    reads both shapes, and gives empty words for anything else.
    """
    inner = error.get("error") if isinstance(error, Mapping) else None
    words = inner if isinstance(inner, Mapping) else error
    if not isinstance(words, Mapping):
        return "", ""
    return _word(words.get("type")), _word(words.get("message"))


def read_error_code(error: object) -> str:
    """The stable `details.error_code` of such an error; empty where there is none."""
    inner = error.get("error") if isinstance(error, Mapping) else None
    words = inner if isinstance(inner, Mapping) else error
    details = words.get("details") if isinstance(words, Mapping) else None
    return _word(details.get("error_code")) if isinstance(details, Mapping) else ""


def loads(raw: bytes | str) -> Any:
    """JSON as the API may send it: lone surrogates and numbers beyond 64 bits included.

    Raises ValueError on what is not JSON, NaN and Infinity among it.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
        try:
            return json.loads(text, parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def storable(text: str) -> str:
    """The text with U+FFFD for what PostgreSQL cannot store: NUL and lone surrogates."""
    return _UNSTORABLE.sub("\ufffd", text)


def text_of(message: Mapping[str, Any]) -> str:
    """All text blocks joined: a thinking block may come first, a refusal may have none."""
    content = message.get("content")
    if not isinstance(content, list):
        return ""
    if len(content) == 1:
        return _block_text(content[0])
    return "".join([_block_text(block) for block in content])


def _block_text(block: object) -> str:
    if isinstance(block, dict) and block.get("type") == "text":
        text = block.get("text")
        return text if isinstance(text, str) else ""
    return ""


def _said_label(text: str) -> str:
    """The label inside the answer's JSON; the answer itself when it is not of that shape."""
    try:
        data = loads(text)
    except ValueError:
        return text
    said = data.get("label") if isinstance(data, dict) else data
    return said if isinstance(said, str) else text


def _transformed(text: str) -> Answer:
    if not text.strip():
        return Answer(None, FailureReason.INVALID_ANSWER, "The answer is blank.")
    return Answer(storable(text.strip()))


def _detail_of_failure(failure: FailureReason, message: Mapping[str, Any], text: str) -> str:
    if failure is FailureReason.REFUSED:
        details = message.get("stop_details")
        words = [details.get("category"), details.get("explanation")] if isinstance(details, Mapping) else []
        return storable(": ".join([word for word in (*words, text) if isinstance(word, str) and word]))
    if failure is FailureReason.UNKNOWN_OUTCOME:
        return storable(f"Stop reason {message.get('stop_reason')}: {text}")
    return storable(text)


def _compact(text: str) -> str:
    """The JSON text without the spaces between its parts; numbers keep every digit they came with."""
    return _STRING_OR_SPACE.sub(lambda part: part[1] or "", text)


def _dumps(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _storable_data(data: Any) -> Any:
    if isinstance(data, str):
        return storable(data)
    if isinstance(data, list):
        return [_storable_data(part) for part in data]
    if isinstance(data, dict):
        return {storable(key): _storable_data(value) for key, value in data.items()}
    return data


def _word(value: object) -> str:
    return storable(value) if isinstance(value, str) else ""


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
