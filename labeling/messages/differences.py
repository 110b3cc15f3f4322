"""What changed between two wordings of a task, so that a person can read it. Pure."""

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labeling.messages.prompts import Label, Spec

AROUND = 2
"""Unchanged lines that stand around a change."""

MOST_LINES = 400


@dataclass(frozen=True, slots=True)
class Line:
    """`kind` is same, added, removed, or a gap between two places."""

    kind: str
    text: str = ""


def compare(old: Spec, new: Spec) -> list[Line]:
    """The changed lines with what stands around them; empty when both say the same."""
    before, after = _lines(old), _lines(new)
    found: list[Line] = []
    for group in difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(AROUND):
        if found:
            found.append(Line("gap"))
        for what, i, j, k, m in group:
            if what == "equal":
                found += [Line("same", text) for text in before[i:j]]
            else:
                found += [Line("removed", text) for text in before[i:j]]
                found += [Line("added", text) for text in after[k:m]]
    return found[:MOST_LINES]


def in_words(old: Spec, new: Spec) -> str:
    """`instructions; 2 labels new; max_tokens 256 to 512`; blank when both say the same."""
    return "; ".join(_changes(old, new))


def _changes(old: Spec, new: Spec) -> Iterator[str]:
    if old.kind != new.kind:
        yield f"{old.kind} to {new.kind}"
    if old.instructions != new.instructions:
        yield "instructions"
    yield from _labels(old.labels, new.labels)
    if old.schema != new.schema:
        yield "schema"
    for name in ("model", "max_tokens", "thinking", "effort"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield f"{name} {before or 'left out'} to {after or 'left out'}"


def _labels(old: Sequence[Label], new: Sequence[Label]) -> Iterator[str]:
    before, after = {label.name: label for label in old}, {label.name: label for label in new}
    reworded = sum(before[name] != after[name] for name in before.keys() & after.keys())
    for count, words in (
        (len(after.keys() - before.keys()), "new"),
        (len(before.keys() - after.keys()), "gone"),
        (reworded, "described otherwise"),
    ):
        if count:
            yield f"{count} {'label' if count == 1 else 'labels'} {words}"
    if old != new and before == after:
        yield "order of the labels"


def _lines(spec: Spec) -> list[str]:
    lines = [f"kind: {spec.kind}", f"model: {spec.model}", f"max_tokens: {spec.max_tokens}"]
    lines += [f"{name}: {value}" for name in ("thinking", "effort") if (value := getattr(spec, name))]
    lines += ["", *spec.instructions.splitlines()]
    if spec.labels:
        lines += [
            "",
            *(f"- {label.name}{': ' + label.description if label.description else ''}" for label in spec.labels),
        ]
    if spec.schema is not None:
        lines += ["", *json.dumps(spec.schema, indent=2, ensure_ascii=False).splitlines()]
    return lines
