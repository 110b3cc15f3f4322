"""What a person can do about a cause: whether going again is safe and why, and the one thing to change. Words only."""

from dataclasses import dataclass

from labeling.states import FailureReason, Word


class Safety(Word):
    SAFE = "safe", "Safe to send again as it is."
    CHANGE_FIRST = "change_first", "Change something first, then send it again."
    MAY_PAY_TWICE = "may_pay_twice", "It may have been paid already; sent again it may be paid twice."


class Change(Word):
    NOTHING = "nothing", "Nothing to change."
    MAX_TOKENS = "max_tokens", "Raise max_tokens."
    TASK = "task", "Change the labeling task."
    ACCOUNT = "account", "Correct the key, the account or the model."


@dataclass(frozen=True, slots=True)
class Advice:
    """`title` is the cause in plain words; `why` says whether going again is safe and why; `act` names the button."""

    title: str
    glyph: str
    safety: Safety
    why: str
    change: Change
    act: str

    @property
    def is_safe(self) -> bool:
        return self.safety is Safety.SAFE


_REASONS = FailureReason
ADVICE: dict[FailureReason, Advice] = {
    _REASONS.INVALID_REQUEST: Advice(
        "The API refused the request", "err", Safety.CHANGE_FIRST,
        "Sent again unchanged it is refused again; nothing was charged. Change what the API names below.",
        Change.TASK, "Change and try",
    ),
    _REASONS.CUT_OFF: Advice(
        "The answer was cut off", "late", Safety.CHANGE_FIRST,
        "Sent again unchanged it is cut off again and paid again. Raise max_tokens.",
        Change.MAX_TOKENS, "Raise and try",
    ),
    _REASONS.REFUSED: Advice(
        "The model declined to answer", "err", Safety.CHANGE_FIRST,
        "Sending again rarely helps. Word the task differently, take another model, or close it.",
        Change.TASK, "Change and try",
    ),
    _REASONS.NOT_A_LABEL: Advice(
        "The answer is not one of the labels", "late", Safety.CHANGE_FIRST,
        "Sent again unchanged it most likely brings the same answer and is paid again. Add the label, or word the "
        "task better.",
        Change.TASK, "Change and try",
    ),
    _REASONS.INVALID_ANSWER: Advice(
        "The answer does not fit the schema", "late", Safety.CHANGE_FIRST,
        "Sent again unchanged it most likely brings the same answer and is paid again. Simplify the schema or the "
        "task.",
        Change.TASK, "Change and try",
    ),
    _REASONS.CONTEXT_EXCEEDED: Advice(
        "The text is too long for the model", "err", Safety.CHANGE_FIRST,
        "Sent again unchanged it fails again. Take a model with a longer context, or upload shorter texts.",
        Change.TASK, "Change and try",
    ),
    _REASONS.MISSING: Advice(
        "No result line came back", "late", Safety.MAY_PAY_TWICE,
        "The batch ended and four downloads lacked it. It may have been paid; sent again it may be paid twice.",
        Change.NOTHING, "Look and decide",
    ),
    _REASONS.UNCLEAR: Advice(
        "No clear answer, may have been paid", "late", Safety.MAY_PAY_TWICE,
        "The answer of a real-time call was lost. It may have been paid; sent again it may be paid twice.",
        Change.NOTHING, "Look and decide",
    ),
    _REASONS.TOO_MANY_ATTEMPTS: Advice(
        "Failed as often as allowed", "err", Safety.SAFE,
        "Safe to send again: the trouble was the API’s or time ran out, and nothing was charged.",
        Change.NOTHING, "Send again",
    ),
    _REASONS.CONFIGURATION: Advice(
        "The model or the account is not set up for it", "err", Safety.CHANGE_FIRST,
        "Nothing was charged. Correct the key, the account or the model first; then sending again is safe.",
        Change.ACCOUNT, "Correct and try",
    ),
    _REASONS.UNKNOWN_OUTCOME: Advice(
        "The API answered in an unknown way", "err", Safety.MAY_PAY_TWICE,
        "Nightshift does not know this answer, so it may have been paid. Try a few first.",
        Change.NOTHING, "Look and decide",
    ),
    _REASONS.STOPPED: Advice(
        "Stopped by a person", "can", Safety.SAFE,
        "Safe to send again: it was about to go by itself, and nothing was charged for the try before.",
        Change.NOTHING, "Send again",
    ),
}  # fmt: skip
