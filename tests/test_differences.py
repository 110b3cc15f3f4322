"""What changed between two versions, as a person reads it."""

from dataclasses import replace

from labeling.messages.differences import compare, in_words
from labeling.messages.prompts import Label, Spec
from labeling.states import Kind

OLD = Spec(Kind.CLASSIFY, "\n".join(f"Line {n}." for n in range(20)), (Label("red"), Label("blue")), None, "m", 64)


def test_the_same_words_differ_in_nothing() -> None:
    assert (compare(OLD, OLD), in_words(OLD, OLD)) == ([], "")


def test_a_change_stands_between_what_is_around_it() -> None:
    new = replace(OLD, instructions=OLD.instructions.replace("Line 9.", "Line nine."))
    assert [(line.kind, line.text) for line in compare(OLD, new)] == [
        ("same", "Line 7."),
        ("same", "Line 8."),
        ("removed", "Line 9."),
        ("added", "Line nine."),
        ("same", "Line 10."),
        ("same", "Line 11."),
    ]


def test_two_places_have_a_gap_between_them() -> None:
    new = replace(OLD, max_tokens=128, labels=(Label("red", "like blood"), Label("green")))
    lines = compare(OLD, new)
    assert [line.kind for line in lines].count("gap") == 1
    assert ("added", "- red: like blood") in [(line.kind, line.text) for line in lines]


def test_changes_are_named_in_a_few_words() -> None:
    new = replace(OLD, instructions="Other.", max_tokens=128, labels=(Label("red", "x"), Label("green")), effort="low")
    assert in_words(OLD, new) == (
        "instructions; 1 label new; 1 label gone; 1 label described otherwise; max_tokens 64 to 128; "
        "effort left out to low"
    )
    assert in_words(OLD, replace(OLD, labels=OLD.labels[::-1])) == "order of the labels"
    assert in_words(OLD, Spec(Kind.EXTRACT, OLD.instructions, (), {"type": "object"}, "m", 64)) == (
        "classify to extract; 2 labels gone; schema"
    )
