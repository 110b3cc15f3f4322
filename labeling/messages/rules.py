"""What each word of the API means for a document: goes again, needs a person, or is fine.

Pure: no ORM, no SDK. One table for the result types, one for the error types, one for the stop
reasons; a word that is not in its table gets the rule for unknown words, and nothing stops.
"""

from dataclasses import dataclass

from labeling.states import FailureReason, ResultType


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows from a word: `again` sends the document again while attempts are left;
    `failure` is the reason a person must look. Neither of them: the answer is to be read."""

    again: bool = False
    failure: FailureReason | None = None


READ = Rule()
AGAIN = Rule(again=True)
INVALID_REQUEST = Rule(failure=FailureReason.INVALID_REQUEST)
CONFIGURATION = Rule(failure=FailureReason.CONFIGURATION)
UNKNOWN_OUTCOME = Rule(failure=FailureReason.UNKNOWN_OUTCOME)

RESULT_RULES: dict[str, Rule] = {
    ResultType.SUCCEEDED: READ,
    # Nothing of these two was processed or charged.
    ResultType.CANCELED: AGAIN,
    ResultType.EXPIRED: AGAIN,
}
"""Result types but `errored`, whose rule depends on its error type."""

ERROR_RULES: dict[str, Rule] = {
    # The service's own trouble: not charged, and another time it works.
    "api_error": AGAIN,
    "overloaded_error": AGAIN,
    "rate_limit_error": AGAIN,
    "timeout_error": AGAIN,
    # Deterministic: the same request fails again.
    "invalid_request_error": INVALID_REQUEST,
    "request_too_large": INVALID_REQUEST,
    # Model, key or account: nothing a document can do about it.
    "authentication_error": CONFIGURATION,
    "permission_error": CONFIGURATION,
    "billing_error": CONFIGURATION,
    "not_found_error": CONFIGURATION,
    # Words of the API that belong to other calls than ours.
    "conflict_error": UNKNOWN_OUTCOME,
    "memory_precondition_failed_error": UNKNOWN_OUTCOME,
    "memory_path_conflict_error": UNKNOWN_OUTCOME,
}

STOP_RULES: dict[str, Rule] = {
    "end_turn": READ,
    "stop_sequence": READ,
    "max_tokens": Rule(failure=FailureReason.CUT_OFF),
    "refusal": Rule(failure=FailureReason.REFUSED),
    "model_context_window_exceeded": Rule(failure=FailureReason.CONTEXT_EXCEEDED),
    # Only requests with tools end like this, and ours have none.
    "tool_use": UNKNOWN_OUTCOME,
    "pause_turn": UNKNOWN_OUTCOME,
}

SPEND_LIMIT_CODES = frozenset(
    {
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
        "linked_organization_spend_limit_reached",
    }
)
"""`error_code`s of a rate_limit_error that waiting does not cure: the month's money is spent."""


def rule_for_result(result_type: str, error_type: str = "", error_code: str = "") -> Rule:
    """The rule of a result line; the error words count for `errored` only."""
    if result_type == ResultType.ERRORED:
        return rule_for_error(error_type, error_code)
    return RESULT_RULES.get(result_type, UNKNOWN_OUTCOME)


def rule_for_error(error_type: str, error_code: str = "") -> Rule:
    if error_code in SPEND_LIMIT_CODES:
        return CONFIGURATION
    return ERROR_RULES.get(error_type, UNKNOWN_OUTCOME)


def rule_for_stop(stop_reason: object) -> Rule:
    """The rule of a message's stop reason, whatever stands there."""
    return STOP_RULES.get(stop_reason, UNKNOWN_OUTCOME) if isinstance(stop_reason, str) else UNKNOWN_OUTCOME
