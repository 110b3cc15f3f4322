"""What the make-believe model answers: honest by default, odd on request."""

import json
from typing import Any

import pytest

from tests.sandbox.caller import Caller, params, request, text_of, wants, wants_label

LABELS = ("billing", "bug", "delivery delay", "other")
SYSTEM = "Sort the ticket.\n- billing: invoices, payments and refunds\n- bug: the program crashes or hangs\n"
CLASSIFY = {**wants_label(*LABELS), "system": SYSTEM}
PAYMENT = {
    "type": "object",
    "properties": {
        "amount": {"type": "number"},
        "currency": {"type": "string", "enum": ["EUR", "USD"]},
        "due_date": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
    },
    "required": ["amount", "currency", "due_date"],
    "additionalProperties": False,
}
EXTRACT = wants(
    {
        "type": "object",
        "properties": {
            "vendor": {"type": ["string", "null"]},
            "contact_email": {"type": "string", "format": "email"},
            "dates": {"type": "array", "items": {"type": "string", "format": "date"}},
            "amounts": {"type": "array", "items": {"type": "number"}},
            "payments": {"type": "array", "items": {"$ref": "#/$defs/payment"}},
            "urgent": {"type": "boolean"},
            "kind": {"const": "invoice"},
            "remark": {"type": "string"},
        },
        "required": ["vendor", "contact_email", "dates", "amounts", "payments", "urgent", "kind"],
        "additionalProperties": False,
        "$defs": {"payment": PAYMENT},
    }
)
INVOICE = (
    "Acme Tools GmbH sends invoice 17. Please pay EUR 1,250.50 by 3 March 2026. "
    "A second payment of $300 is due on 2026-04-01. Urgent questions: pay@acme.example."
)


def label_of(message: dict[str, Any]) -> str:
    return json.loads(text_of(message))["label"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("There is a bug in the editor", "bug"),
        ("It crashed again when I saved", "bug"),
        ("I want a refund for this", "billing"),
        ("My delivery is delayed by a week", "delivery delay"),
        ("What a fine morning", "other"),
    ],
)
def test_labels_are_chosen_by_shared_words(caller: Caller, text: str, label: str) -> None:
    assert label_of(caller.message(params(text, **CLASSIFY)).json()) == label


def test_both_lanes_give_the_same_label(caller: Caller) -> None:
    text = "The thing hangs, and the invoice is late"
    (result,) = caller.results_of(request("a", text, **CLASSIFY)).values()
    assert label_of(result["message"]) == label_of(caller.message(params(text, **CLASSIFY)).json())


def test_a_schema_is_filled_from_the_text(caller: Caller) -> None:
    answer = json.loads(text_of(caller.message(params(INVOICE, **EXTRACT)).json()))
    assert answer == {
        "vendor": "Acme Tools GmbH",
        "contact_email": "pay@acme.example",
        "dates": ["2026-03-03", "2026-04-01"],
        "amounts": [1250.5, 300, 17],
        "payments": [
            {"amount": 1250.5, "currency": "EUR", "due_date": "2026-03-03"},
            {"amount": 300, "currency": "USD", "due_date": "2026-04-01"},
        ],
        "urgent": True,
        "kind": "invoice",
        "remark": "Acme Tools GmbH sends invoice 17.",
    }


def test_a_schema_keeps_its_shape_when_the_text_has_nothing(caller: Caller) -> None:
    answer = json.loads(text_of(caller.message(params("nothing here", **EXTRACT)).json()))
    assert answer["vendor"] is None
    assert (answer["dates"], answer["amounts"], answer["payments"]) == ([], [], [])
    assert answer["contact_email"] == "unknown@example.com"
    assert list(answer)[:7] == list(EXTRACT["output_config"]["format"]["schema"]["required"])


def test_without_a_schema_the_first_sentence_comes_back(caller: Caller) -> None:
    long = " ".join(f"word{number}" for number in range(40))
    assert text_of(caller.message(params("One thing. Another.")).json()) == "One thing."
    assert text_of(caller.message(params(long)).json()).split()[-1] == "word24…"


def test_a_forced_tool_is_called_with_filled_input(caller: Caller) -> None:
    schema = {"type": "object", "properties": {"label": {"enum": ["bug", "other"]}}, "required": ["label"]}
    tool = {"name": "label", "strict": True, "input_schema": {**schema, "additionalProperties": False}}
    message = caller.message(params("a bug", tools=[tool], tool_choice={"type": "tool", "name": "label"})).json()
    assert message["stop_reason"] == "tool_use"
    assert message["content"][0]["input"] == {"label": "bug"}


def test_a_message_has_the_whole_shape(caller: Caller) -> None:
    message = caller.message(params()).json()
    assert message["id"].startswith("msg_")
    assert (message["type"], message["role"], message["model"]) == ("message", "assistant", "claude-haiku-5-5")
    assert (message["stop_reason"], message["usage"]["service_tier"]) == ("end_turn", "standard")
    assert {"stop_sequence", "stop_details", "container", "diagnostics"} <= set(message)


def test_an_answer_longer_than_max_tokens_is_cut(caller: Caller) -> None:
    message = caller.message(params("a bug", max_tokens=2, **CLASSIFY)).json()
    assert (message["stop_reason"], message["usage"]["output_tokens"]) == ("max_tokens", 2)
    with pytest.raises(json.JSONDecodeError):
        json.loads(text_of(message))


def test_a_prefix_is_written_to_the_cache_first_and_read_later(caller: Caller) -> None:
    system = [{"type": "text", "text": "word " * 800, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    results = caller.results_of(*(request(f"r{number}", f"Text {number}", system=system) for number in range(5)))
    usages = [result["message"]["usage"] for result in results.values()]
    written = [usage["cache_creation_input_tokens"] for usage in usages]
    read = [usage["cache_read_input_tokens"] for usage in usages]
    assert (sorted(written), sorted(read)) == ([0, 0, 0, 0, 1000], [0, 1000, 1000, 1000, 1000])
    for usage in usages:
        assert sum(usage["cache_creation"].values()) == usage["cache_creation_input_tokens"]
        assert usage["service_tier"] == "batch"
    short = [{**system[0], "text": "too short"}]
    usage = caller.message(params(system=short)).json()["usage"]
    assert (usage["cache_creation_input_tokens"], usage["cache_read_input_tokens"]) == (0, 0)


def marked(caller: Caller, marker: str) -> tuple[dict[str, Any], bytes]:
    """The result of a classify request with this marker, and its raw line."""
    batch = caller.create(request("a", f"there is a bug {marker}", **CLASSIFY))
    caller.ended(batch["id"])
    return caller.results(batch["id"])["a"], caller.raw_results(batch["id"])


def test_a_refusal_has_no_content_and_costs_nothing(caller: Caller) -> None:
    result, _ = marked(caller, "[[refuse]]")
    message = result["message"]
    assert (result["type"], message["content"], message["stop_reason"]) == ("succeeded", [], "refusal")
    assert message["stop_details"]["type"] == "refusal"
    assert message["usage"]["output_tokens"] == 0


def test_a_late_refusal_is_billed(caller: Caller) -> None:
    message = marked(caller, "[[refuse late]]")[0]["message"]
    assert (message["stop_reason"], message["usage"]["output_tokens"]) == ("refusal", 1)


def test_a_cut_off_answer_is_broken_json(caller: Caller) -> None:
    message = marked(caller, "[[cut off]]")[0]["message"]
    assert (message["stop_reason"], message["usage"]["output_tokens"]) == ("max_tokens", 1024)
    with pytest.raises(json.JSONDecodeError):
        json.loads(text_of(message))


def test_expired_and_errored_on_request(caller: Caller) -> None:
    results = caller.results_of(
        request("e", "[[expire]]"), request("o", "[[error overloaded_error]]"), request("fine", "[[nonsense]]")
    )
    assert results["e"] == {"type": "expired"}
    assert results["o"]["error"]["error"]["type"] == "overloaded_error"
    assert text_of(results["fine"]["message"]) == "[[nonsense]]"


def test_an_error_can_go_away_after_some_attempts(caller: Caller) -> None:
    text = f"[[error api_error 2]] {caller.key}"
    seen = [caller.results_of(request(f"try-{number}", text))[f"try-{number}"]["type"] for number in range(3)]
    assert seen == ["errored", "errored", "succeeded"]
    statuses = [caller.message(params(f"[[error api_error 1]] {caller.key}")).status_code for _ in range(2)]
    assert statuses == [500, 200]


def test_labels_off_the_list_and_in_the_wrong_case(caller: Caller) -> None:
    assert label_of(marked(caller, "[[off list]]")[0]["message"]) not in LABELS
    assert label_of(marked(caller, "[[Wrong Case]]")[0]["message"]) == "BUG"


def test_answers_off_the_schema(caller: Caller) -> None:
    assert json.loads(text_of(marked(caller, "[[off schema]]")[0]["message"])) == {"surprise": True}
    assert text_of(marked(caller, "[[not json]]")[0]["message"]).startswith("Here is the answer")
    assert text_of(marked(caller, "[[empty]]")[0]["message"]) == ""


def test_thinking_comes_before_the_text(caller: Caller) -> None:
    message = marked(caller, "[[thinking]]")[0]["message"]
    assert [block["type"] for block in message["content"]] == ["thinking", "text"]
    assert message["usage"]["output_tokens_details"]["thinking_tokens"] > 0
    assert label_of(message) == "bug"


def test_an_answer_in_two_blocks_is_whole_when_joined(caller: Caller) -> None:
    message = marked(caller, "[[two blocks]]")[0]["message"]
    assert [block["type"] for block in message["content"]] == ["text", "text"]
    assert label_of(message) == "bug"


@pytest.mark.parametrize(
    ("marker", "raw"),
    [("[[u2028]]", "\u2028".encode()), ("[[nul]]", b"\\u0000"), ("[[lone surrogate]]", b"\\ud800")],
)
def test_troublesome_characters_stand_in_one_line(caller: Caller, marker: str, raw: bytes) -> None:
    result, line = marked(caller, marker)
    assert raw in line
    assert line.count(b"\n") == 1
    assert label_of(result["message"]) == "bug"
    assert raw in caller.message(params(f"Free text. {marker}")).content


def test_unknown_keys_and_missing_optional_ones(caller: Caller) -> None:
    message = marked(caller, "[[extra keys]]")[0]["message"]
    assert message["mood"]
    assert message["usage"]["moon_phase_tokens"] == 3
    bare = marked(caller, "[[bare usage]]")[0]["message"]
    assert set(bare["usage"]) == {"input_tokens", "output_tokens"}
    assert "stop_details" not in bare


def test_a_line_can_be_as_long_as_asked(caller: Caller) -> None:
    result, line = marked(caller, "[[long 300000]]")
    assert len(line) > 300_000
    assert label_of(result["message"]) == "bug"


def test_several_markers_work_together(caller: Caller) -> None:
    message = marked(caller, "[[wrong case]] [[two blocks]] [[thinking]]")[0]["message"]
    assert [block["type"] for block in message["content"]] == ["thinking", "text", "text"]
    assert label_of(message) == "BUG"


def test_the_sdk_reads_every_variety(caller: Caller) -> None:
    markers = ("refuse", "cut off", "thinking", "two blocks", "u2028", "extra keys", "bare usage", "expire")
    batch = caller.create(*(request(m.replace(" ", "-"), f"bug [[{m}]]", **CLASSIFY) for m in markers))
    caller.ended(batch["id"])
    lines = {line.custom_id: line.result.type for line in caller.sdk.messages.batches.results(batch["id"])}
    assert lines == {m.replace(" ", "-"): "expired" if m == "expire" else "succeeded" for m in markers}
