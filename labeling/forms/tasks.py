"""A labeling task, as its editor shows it."""

import json
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from labeling.messages import prompts
from labeling.messages.catalogue import EFFORTS
from labeling.messages.prompts import THINKING, Label, Spec
from labeling.models import LabelingTaskVersion
from labeling.reports.paging import an_id
from labeling.states import Kind

MOST_SCHEMA = 200_000
"""Characters: it goes with every request, and is read each time the preview is drawn."""


class TaskForm(forms.Form):
    name = forms.CharField(max_length=120, error_messages={"required": "Give the task a name."})
    slug = forms.SlugField(
        max_length=80,
        error_messages={
            "required": "Give the task a short name for commands and addresses.",
            "invalid": "The short name has only letters, digits, hyphens and underscores.",
        },
    )
    kind = forms.ChoiceField(choices=[(kind.value, kind.sentence) for kind in Kind], initial=Kind.CLASSIFY)
    instructions = forms.CharField(strip=False, required=False)
    labels_pasted = forms.CharField(required=False)
    schema = forms.CharField(
        required=False,
        max_length=MOST_SCHEMA,
        error_messages={"max_length": f"The schema has more than {MOST_SCHEMA:,} characters."},
    )
    model = forms.CharField(max_length=80, required=False)
    max_tokens = forms.IntegerField(required=False, initial=1024)
    thinking = forms.ChoiceField(required=False, choices=[("", "by itself"), *((t, t) for t in THINKING)])
    effort = forms.ChoiceField(required=False, choices=[("", "by itself"), *((e, e) for e in EFFORTS)])
    priority = forms.IntegerField(required=False, initial=0, min_value=-1000, max_value=1000)
    based_on = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    over = forms.CharField(required=False, max_length=40)

    @classmethod
    def of_version(cls, version: LabelingTaskVersion) -> "TaskForm":
        """Filled with a version, to make the next one of it."""
        return cls(
            initial={
                "name": version.task.name,
                "slug": version.task.slug,
                "kind": version.kind,
                "instructions": version.instructions,
                "schema": json.dumps(version.schema, indent=2, ensure_ascii=False) if version.schema else "",
                "model": version.model,
                "max_tokens": version.max_tokens,
                "thinking": version.thinking,
                "effort": version.effort,
                "priority": version.task.priority,
                "based_on": version.stamp,
                "labels": version.labels,
            }
        )

    def label_rows(self) -> list[dict[str, str]]:
        """The rows of the label table: as entered or stored, and at least one to fill in."""
        rows = self._typed_labels() if self.is_bound else list(self.initial.get("labels", []))
        blank = int(self.initial.get("blank_rows", 1))
        return rows + [{"name": "", "description": ""}] * max(blank, 3 - len(rows))

    def as_typed(self, act: str) -> "TaskForm":
        """The same input, not judged, after a button that saves nothing: a row more, or one row less."""
        rows = self._typed_labels(without=int(act.removeprefix("remove:")) if _REMOVES.fullmatch(act) else None)
        typed: dict[str, Any] = {name: self.data.get(name) for name in self.base_fields if name != "labels_pasted"}
        return TaskForm(initial={**typed, "labels": rows, "blank_rows": 3 if act == "add" else 1})

    def rough_spec(self) -> Spec:
        """What stands in the form, half typed or not, for a preview."""
        found = self.data if self.is_bound else self.initial
        kind = Kind(str(found["kind"])) if found.get("kind") in set(Kind) else Kind.CLASSIFY
        max_tokens = an_id(str(found.get("max_tokens") or "").strip())
        rows = [row for row in self.label_rows() if row["name"].strip()]
        labels = tuple(Label(row["name"].strip(), row.get("description", "").strip()) for row in rows)
        return Spec(
            kind=kind,
            instructions=_lines(str(found.get("instructions") or "")),
            labels=labels if kind == Kind.CLASSIFY else (),
            schema=_json_object(str(found.get("schema") or "")[:MOST_SCHEMA]) if kind == Kind.EXTRACT else None,
            model=str(found.get("model") or "").replace("\0", "").strip()[:80],
            max_tokens=1024 if max_tokens is None else max_tokens,
            thinking=str(found.get("thinking") or "") or None,
            effort=str(found.get("effort") or "") or None,
        )

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"])
        if slug == "new":
            raise ValidationError("The short name “new” is taken by the page that makes tasks.")
        return slug

    def clean_instructions(self) -> str:
        return _lines(self.cleaned_data["instructions"])

    def clean_schema(self) -> dict[str, Any] | None:
        text = self.cleaned_data["schema"].strip()
        if not text or self.cleaned_data.get("kind") != Kind.EXTRACT:
            return None
        try:
            schema = json.loads(text)
        except ValueError as error:
            raise ValidationError(f"This is not JSON: {error}.") from None
        except RecursionError:
            raise ValidationError("The schema is nested too deeply.") from None
        if not isinstance(schema, dict):
            raise ValidationError("The schema must be a JSON object.")
        return schema

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        self.add_errors(prompts.check(self.spec()))
        return cleaned

    def spec(self) -> Spec:
        chosen = self.cleaned_data
        kind = Kind(chosen["kind"])
        return Spec(
            kind=kind,
            instructions=chosen["instructions"],
            labels=tuple(self._labels()) if kind is Kind.CLASSIFY else (),
            schema=chosen["schema"],
            model=chosen["model"],
            max_tokens=chosen["max_tokens"] if chosen["max_tokens"] is not None else 1024,
            thinking=chosen["thinking"] or None,
            effort=chosen["effort"] or None,
        )

    def add_errors(self, sentences: list[str]) -> None:
        for sentence in sentences:
            self.add_error(None, sentence)

    def _labels(self) -> list[Label]:
        return [Label(row["name"].strip(), row["description"].strip()) for row in self._typed_labels()]

    def _typed_labels(self, without: int | None = None) -> list[dict[str, str]]:
        """Rows of the table that have a name, then the pasted lines `name: description`."""
        names, descriptions = self._list("label_name"), self._list("label_description")
        rows = list(zip(names, descriptions + [""] * len(names), strict=False))
        if without is not None:
            del rows[without : without + 1]
        for line in str(self.data.get("labels_pasted", "")).splitlines():
            name, _, description = line.partition(": ")
            rows.append((name, description))
        return [{"name": name, "description": description} for name, description in rows if name.strip()]

    def _list(self, name: str) -> list[str]:
        return list(self.data.getlist(name)) if hasattr(self.data, "getlist") else list(self.data.get(name, []))


_REMOVES = re.compile(r"remove:\d{1,6}", re.ASCII)


def _lines(text: str) -> str:
    """Browsers send every line end as CR LF, which would be tokens, and a change, that nobody typed."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
