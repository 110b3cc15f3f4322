"""What an answer means: the line as the API gave it becomes a Reading, ready to be booked.

Reads usage, prices it, reads the answer, and applies the rules of labeling/messages/rules.py. No ORM: the
prices of the day come in as a PriceTable.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson

from labeling.messages.answers import AnswerReader, loads, read_error, read_error_code
from labeling.messages.prompts import Spec
from labeling.messages.rules import Rule, rule_for_error, rule_for_result
from labeling.money.pricing import NOTHING, PriceTable, Usage
from labeling.states import FailureReason, Lane, Outcome, ResultType
from labeling.transitions.results import Reading

_OUTCOMES: dict[str, Outcome] = {
    ResultType.SUCCEEDED: Outcome.SUCCEEDED,
    ResultType.ERRORED: Outcome.ERRORED,
    ResultType.CANCELED: Outcome.CANCELED,
    ResultType.EXPIRED: Outcome.EXPIRED,
}
LONGEST_REASON = 1000
"""Characters of an error message that are shown; the raw line keeps all of it."""


class Judge:
    """Judges the answers of one version, priced for one day and lane."""

    def __init__(self, spec: Spec, prices: PriceTable, day: date, lane: Lane) -> None:
        self._reader = AnswerReader(spec)
        self._model, self._prices, self._day, self._lane = spec.model, prices, day, lane

    def result(self, document_id: int, result: Mapping[str, Any], line: str) -> Reading:
        """The `result` of a result line."""
        result_type = str(result.get("type", ""))[:20]
        message = result.get("message")
        if result_type == ResultType.SUCCEEDED and isinstance(message, Mapping):
            return self.message(document_id, message, line)
        error_type, words = read_error(result.get("error"))
        rule = rule_for_result(result_type, error_type, read_error_code(result.get("error")))
        return self._without_answer(document_id, result_type, error_type, words, rule, line)

    def message(self, document_id: int, message: Mapping[str, Any], line: str, request_id: str = "") -> Reading:
        """The message of a succeeded line or of a real-time call."""
        usage = usage_of(message)
        stop_reason = str(message.get("stop_reason") or "")
        cost = self._prices.cost(self._model, self._day, usage, self._lane, stop_reason)
        answer = self._reader.read(message)
        return Reading(
            document_id=document_id,
            outcome=Outcome.SUCCEEDED,
            result_type=ResultType.SUCCEEDED.value,
            line=line,
            stop_reason=stop_reason[:40],
            usable=answer.failure is None,
            failure_reason=answer.failure.value if answer.failure else "",
            answer=answer.value if answer.value is not None else answer.detail,
            model=str(message.get("model") or "")[:80],
            api_request_id=request_id,
            usage=usage,
            list_usd=cost.list_usd if cost else None,
            paid_usd=cost.paid_usd if cost else None,
        )

    def error(self, document_id: int, error_type: str, words: str, request_id: str = "") -> Reading:
        """An error that answered a real-time call: nothing is charged."""
        line = orjson.dumps({"type": "error", "error": {"type": error_type, "message": words}}).decode()
        return self._without_answer(
            document_id, ResultType.ERRORED, error_type, words, rule_for_error(error_type), line, request_id
        )

    def _without_answer(
        self,
        document_id: int,
        result_type: str,
        error_type: str,
        words: str,
        rule: Rule,
        line: str,
        request_id: str = "",
    ) -> Reading:
        """An unknown result type may have been charged, so its price is unknown; all others are free."""
        outcome = _OUTCOMES.get(result_type, Outcome.ERRORED)
        known = result_type in _OUTCOMES and result_type != ResultType.SUCCEEDED
        failure = rule.failure or FailureReason.UNKNOWN_OUTCOME
        return Reading(
            document_id=document_id,
            outcome=outcome,
            result_type=str(result_type),
            line=line,
            error_type=error_type[:60],
            goes_again=rule.again,
            failure_reason=failure.value,
            answer=words[:LONGEST_REASON],
            api_request_id=request_id,
            list_usd=NOTHING if known else None,
            paid_usd=NOTHING if known else None,
        )


def read_line(line: bytes) -> tuple[object, Mapping[str, Any]] | None:
    """custom_id and result of a raw result line; None if it is not one."""
    try:
        data = loads(line)
    except ValueError:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("result"), dict):
        return None
    return data.get("custom_id"), data["result"]


def storable_line(line: bytes) -> str:
    """The raw line as PostgreSQL can keep it; bytes that are no UTF-8 are written as escapes."""
    return line.decode("utf-8", "backslashreplace").replace("\0", "\\u0000")


def usage_of(message: Mapping[str, Any]) -> Usage:
    """The tokens that a message counts; of what is no usage, none."""
    usage = message.get("usage")
    return Usage.from_message(usage if isinstance(usage, Mapping) else None)
