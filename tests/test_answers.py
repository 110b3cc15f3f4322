from typing import Any

import orjson
import pytest

from labeling.messages.answers import Answer, AnswerReader, loads, read_error, read_error_code, storable
from labeling.messages.prompts import Label, Spec
from labeling.messages.rules import (
    AGAIN,
    CONFIGURATION,
    INVALID_REQUEST,
    READ,
    UNKNOWN_OUTCOME,
    rule_for_error,
    rule_for_result,
)
from labeling.states import FailureReason, Kind

HAIKU = "claude-haiku-5-5"
CLASSIFY = Spec(Kind.CLASSIFY, "Sort.", (Label("Billing"), Label("bug"), Label("Straße")), model=HAIKU)
EXTRACT = Spec(
    Kind.EXTRACT,
    "Find.",
    schema={
        "type": "object",
        "properties": {"amount": {"type": "number"}, "when": {"type": "string", "format": "date"}},
        "required": ["amount"],
    },
    model=HAIKU,
)
TRANSFORM = Spec(Kind.TRANSFORM, "Rewrite.", model=HAIKU)


def message(*texts: str, stop_reason: str | None = "end_turn", **more: Any) -> dict[str, Any]:
    blocks = [{"type": "text", "text": text} for text in texts]
    return {"id": "msg_1", "type": "message", "content": blocks, "stop_reason": stop_reason} | more


def test_a_label_is_found_inside_the_json_of_the_answer() -> None:
    assert AnswerReader(CLASSIFY).read(message('{"label":"bug"}')) == Answer("bug")


@pytest.mark.parametrize("said", ["BILLING", "billing", " Billing ", "bILLING"])
def test_a_label_gets_the_spelling_of_the_list(said: str) -> None:
    assert AnswerReader(CLASSIFY).read(message(orjson.dumps({"label": said}).decode())) == Answer("Billing")


@pytest.mark.parametrize("said", ["STRASSE", "straße", "Straße"])
def test_upper_case_of_other_alphabets_is_compared_too(said: str) -> None:
    assert AnswerReader(CLASSIFY).read(message(orjson.dumps({"label": said}).decode())) == Answer("Straße")


def test_a_thinking_block_may_come_first() -> None:
    content = [{"type": "thinking", "thinking": "", "signature": "x"}, {"type": "text", "text": '{"label":"bug"}'}]
    assert AnswerReader(CLASSIFY).read(message(content=content)) == Answer("bug")


def test_several_text_blocks_are_joined() -> None:
    assert AnswerReader(CLASSIFY).read(message('{"label"', ':"bug"}')) == Answer("bug")


@pytest.mark.parametrize("text", ["bug", '"bug"', '{"label":"bug","more":1}'])
def test_a_label_in_another_shape_is_still_a_label(text: str) -> None:
    assert AnswerReader(CLASSIFY).read(message(text)) == Answer("bug")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"label":"weather"}', "weather"),
        ('{"label":7}', '{"label":7}'),
        ('{"name":"bug"}', '{"name":"bug"}'),
        ("I think it is a bug.", "I think it is a bug."),
        ('{"label":"bu', '{"label":"bu'),
        ("", ""),
        ("[]", "[]"),
    ],
)
def test_what_is_not_a_label_is_kept(text: str, kept: str) -> None:
    assert AnswerReader(CLASSIFY).read(message(text)) == Answer(None, FailureReason.NOT_A_LABEL, kept)


@pytest.mark.parametrize(
    ("stop_reason", "failure"),
    [
        ("max_tokens", FailureReason.CUT_OFF),
        ("refusal", FailureReason.REFUSED),
        ("model_context_window_exceeded", FailureReason.CONTEXT_EXCEEDED),
        ("tool_use", FailureReason.UNKNOWN_OUTCOME),
        ("pause_turn", FailureReason.UNKNOWN_OUTCOME),
        ("something_new", FailureReason.UNKNOWN_OUTCOME),
        (None, FailureReason.UNKNOWN_OUTCOME),
    ],
)
@pytest.mark.parametrize("spec", [CLASSIFY, EXTRACT, TRANSFORM], ids=lambda spec: spec.kind.value)
def test_the_stop_reason_counts_before_the_text(spec: Spec, stop_reason: str | None, failure: FailureReason) -> None:
    answer = AnswerReader(spec).read(message('{"label":"bug"}', stop_reason=stop_reason))
    assert (answer.value, answer.failure) == (None, failure)
    assert '{"label":"bug"}' in answer.detail


def test_a_stop_sequence_is_a_normal_end() -> None:
    assert AnswerReader(CLASSIFY).read(message('{"label":"bug"}', stop_reason="stop_sequence")) == Answer("bug")


def test_a_refusal_says_its_category_and_explanation() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "No."}
    answer = AnswerReader(CLASSIFY).read(message(stop_reason="refusal", stop_details=details))
    assert answer == Answer(None, FailureReason.REFUSED, "bio: No.")


@pytest.mark.parametrize("details", [None, {"category": None, "explanation": None}, "odd"])
def test_a_refusal_may_say_nothing(details: object) -> None:
    answer = AnswerReader(CLASSIFY).read(message(stop_reason="refusal", stop_details=details))
    assert answer == Answer(None, FailureReason.REFUSED, "")


def test_an_extraction_is_kept_as_compact_json() -> None:
    answer = AnswerReader(EXTRACT).read(message('{\n  "amount": 12.50,\n  "when": "2026-11-22"\n}'))
    assert answer == Answer('{"amount":12.50,"when":"2026-11-22"}')


def test_numbers_of_an_extraction_keep_every_digit() -> None:
    text = '{"amount":12345678901234567890.123456789}'
    assert AnswerReader(EXTRACT).read(message(text)).value == text


def test_spaces_and_escapes_inside_strings_stay() -> None:
    spec = Spec(Kind.EXTRACT, "Find.", schema={"type": "object", "properties": {"a": {"type": "string"}}}, model=HAIKU)
    text = '{"a":"x  \\" : , \\n  y\u2028"}'
    assert AnswerReader(spec).read(message(text)).value == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json", "This is not JSON: no json"),
        ('{"amount":', "This is not JSON"),
        ('{"amount":NaN}', "This is not JSON"),
        ('{"amount":"12"}', "At amount,"),
        ("{}", "amount"),
        ('{"amount":1,"other":2}', "other"),
        ('{"amount":1,"when":"22.11.2026"}', "At when,"),
        ("", "This is not JSON"),
        ('{"amount":' + "[" * 300 + "]" * 300 + "}", "This is not JSON"),
        ('{"amount":' + "[" * 5000 + "]" * 5000 + "}", "This is not JSON"),
    ],
    ids=lambda value: value[:20],
)
def test_an_extraction_off_its_schema_is_invalid_and_kept(text: str, words: str) -> None:
    answer = AnswerReader(EXTRACT).read(message(text))
    assert (answer.value, answer.failure) == (None, FailureReason.INVALID_ANSWER)
    assert words in answer.detail
    assert text in answer.detail


def test_a_transformed_text_is_taken_as_it_is() -> None:
    assert AnswerReader(TRANSFORM).read(message("\nOne sentence.\n")) == Answer("One sentence.")


@pytest.mark.parametrize("texts", [(), ("",), (" \n",)])
def test_a_blank_transformation_is_invalid(texts: tuple[str, ...]) -> None:
    answer = AnswerReader(TRANSFORM).read(message(*texts))
    assert (answer.value, answer.failure) == (None, FailureReason.INVALID_ANSWER)


@pytest.mark.parametrize("spec", [CLASSIFY, EXTRACT, TRANSFORM], ids=lambda spec: spec.kind.value)
@pytest.mark.parametrize("stop_reason", ["end_turn", "max_tokens", "refusal", "new\0"])
def test_what_is_stored_has_no_nul_and_no_lone_surrogate(spec: Spec, stop_reason: str) -> None:
    answer = AnswerReader(spec).read(message("a\0b\ud800c", stop_reason=stop_reason))
    stored = (answer.value or "") + answer.detail
    assert "a\ufffdb\ufffdc" in stored
    assert "\0" not in stored
    stored.encode()


def test_escaped_nul_and_surrogates_in_an_extraction_are_replaced_and_escaped_backslashes_stay() -> None:
    spec = Spec(Kind.EXTRACT, "Find.", schema={"type": "object", "properties": {"a": {"type": "string"}}}, model=HAIKU)
    answer = AnswerReader(spec).read(message('{ "a": "x\\u0000\\ud800\\\\u0000" }'))
    assert answer.value == '{"a":"x\ufffd\ufffd\\\\u0000"}'


def test_a_lone_surrogate_where_the_schema_looks_closely_is_off_the_schema() -> None:
    answer = AnswerReader(EXTRACT).read(message('{"amount":1,"when":"2026-11-2\\ud800"}'))
    assert (answer.value, answer.failure) == (None, FailureReason.INVALID_ANSWER)
    assert "At when," in answer.detail


def test_a_proper_surrogate_pair_is_no_lone_surrogate() -> None:
    spec = Spec(Kind.EXTRACT, "Find.", schema={"type": "object", "properties": {"a": {"type": "string"}}}, model=HAIKU)
    assert loads(AnswerReader(spec).read(message('{"a":"\\ud83d\\ude00"}')).value or "") == {"a": "😀"}


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"content": None, "stop_reason": "end_turn"},
        {"content": "text", "stop_reason": "end_turn"},
        {"content": [None, 7, {"type": "text"}, {"type": "text", "text": None}], "stop_reason": "end_turn"},
        {"content": [], "stop_reason": 5},
        {"content": [], "stop_reason": ["a"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("spec", [CLASSIFY, EXTRACT, TRANSFORM], ids=lambda spec: spec.kind.value)
def test_no_odd_message_stops_the_reader(spec: Spec, odd: dict[str, Any]) -> None:
    answer = AnswerReader(spec).read(odd)
    assert answer.value is None
    assert answer.failure is not None


def test_a_reader_gives_the_same_answer_again() -> None:
    reader = AnswerReader(CLASSIFY)
    assert reader.read(message('{"label":"BUG"}')) == reader.read(message('{"label":"BUG"}')) == Answer("bug")


def test_an_error_is_read_inside_its_envelope_and_without() -> None:
    words = {"type": "invalid_request_error", "message": "max_tokens: too many", "details": {"error_code": "c"}}
    for error in (words, {"type": "error", "error": words, "request_id": None}):
        assert read_error(error) == ("invalid_request_error", "max_tokens: too many")
        assert read_error_code(error) == "c"


@pytest.mark.parametrize("error", [None, "text", 7, [], {}, {"error": None}, {"error": {}}, {"type": None}])
def test_an_odd_error_is_read_as_no_words(error: object) -> None:
    assert read_error(error) == ("", "")
    assert read_error_code(error) == ""


def test_json_with_lone_surrogates_and_huge_numbers_can_be_read() -> None:
    assert loads(b'{"a":"\\ud800","n":123456789012345678901234567890}')["a"] == "\ud800"
    with pytest.raises(ValueError):
        loads(b"{")
    with pytest.raises(ValueError):
        loads('{"a":Infinity}')


def test_storable_text_stays_as_it_is() -> None:
    assert storable("ä 😀 \u2028") == "ä 😀 \u2028"


@pytest.mark.parametrize(
    ("result_type", "error_type", "rule"),
    [
        ("succeeded", "", READ),
        ("expired", "", AGAIN),
        ("canceled", "", AGAIN),
        ("errored", "overloaded_error", AGAIN),
        ("errored", "invalid_request_error", INVALID_REQUEST),
        ("errored", "not_found_error", CONFIGURATION),
        ("errored", "brand_new_error", UNKNOWN_OUTCOME),
        ("errored", "", UNKNOWN_OUTCOME),
        ("brand_new", "", UNKNOWN_OUTCOME),
    ],
)
def test_every_result_has_its_rule(result_type: str, error_type: str, rule: object) -> None:
    assert rule_for_result(result_type, error_type) == rule


def test_a_spent_month_is_a_matter_of_configuration_and_not_of_patience() -> None:
    assert rule_for_error("rate_limit_error", "enforced_spend_limit_reached") == CONFIGURATION
    assert rule_for_error("rate_limit_error", "ramp_limit_exceeded") == AGAIN
