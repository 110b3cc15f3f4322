"""Our words compared with those of the SDK."""

from typing import Any, get_args, get_type_hints

from anthropic.types import Model, OutputConfigParam, StopReason, ThinkingConfigParam
from anthropic.types.messages import MessageBatch, MessageBatchResult
from anthropic.types.shared.error_details import ErrorDetails
from anthropic.types.shared.error_type import ErrorType

from labeling.batch_api import RequestCounts
from labeling.messages.catalogue import EFFORTS, MODELS
from labeling.messages.prompts import THINKING
from labeling.messages.rules import ERROR_RULES, SPEND_LIMIT_CODES, STOP_RULES
from labeling.states import Outcome, ProcessingStatus, ResultType


def test_the_processing_statuses_are_those_of_the_sdk() -> None:
    assert set(ProcessingStatus) == set(get_args(MessageBatch.model_fields["processing_status"].annotation))


def test_the_result_types_are_those_of_the_sdk() -> None:
    union = get_args(MessageBatchResult)[0]
    words = {get_args(member.model_fields["type"].annotation)[0] for member in get_args(union)}
    assert set(ResultType) == words
    assert words <= set(Outcome)


def test_every_stop_reason_of_the_sdk_has_a_rule() -> None:
    assert set(get_args(StopReason)) == STOP_RULES.keys()


def test_every_error_type_of_the_sdk_has_a_rule() -> None:
    assert ERROR_RULES.keys() - set(get_args(ErrorType)) == {"request_too_large"}
    assert set(get_args(ErrorType)) <= ERROR_RULES.keys()


def test_the_request_counts_are_those_of_the_sdk() -> None:
    theirs = MessageBatch.model_fields["request_counts"].annotation
    assert theirs is not None
    assert set(RequestCounts.__dataclass_fields__) == theirs.model_fields.keys()


def test_every_model_of_the_sdk_is_in_the_catalogue() -> None:
    assert set(get_args(get_args(Model)[0])) == MODELS.keys()


def test_the_words_for_thinking_and_effort_are_those_of_the_sdk() -> None:
    kinds = {_literals(get_type_hints(member)["type"])[0] for member in get_args(ThinkingConfigParam)}
    # "enabled" with a budget of tokens is refused by every model since 4.7.
    assert set(THINKING) == kinds - {"enabled"}
    assert set(EFFORTS) == set(_literals(get_type_hints(OutputConfigParam)["effort"]))


def test_the_codes_of_spent_limits_are_those_of_the_sdk() -> None:
    members = get_args(get_args(ErrorDetails)[0])
    theirs = {get_args(member.model_fields["error_code"].annotation)[0] for member in members}
    assert theirs >= SPEND_LIMIT_CODES
    assert {code for code in theirs if "spend_limit_reached" in code} == SPEND_LIMIT_CODES


def _literals(hint: Any) -> tuple[str, ...]:
    """The words of a Literal inside Optional and the like."""
    arguments = get_args(hint)
    if all(isinstance(argument, str) for argument in arguments):
        return arguments
    return tuple(word for argument in arguments for word in _literals(argument))
