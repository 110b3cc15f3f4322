"""What people fill in. A form parses and says what is wrong in a sentence; it never writes."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.http import QueryDict

from labeling import prompts
from labeling.catalogue import EFFORTS
from labeling.files import ENCODINGS, Format, ReadOptions
from labeling.finding import GOLD, OPEN, SOURCES
from labeling.models import LabelingTask, LabelingTaskVersion, Upload
from labeling.models.selections import KEY_LENGTH
from labeling.prompts import THINKING, Label, Spec
from labeling.reports.calculator import Question
from labeling.reports.paging import an_id
from labeling.states import DocumentState, FailureReason, Kind, Way

WAYS = [(way.value, way.sentence) for way in Way]


class UploadForm(forms.Form):
    task = forms.ModelChoiceField(
        LabelingTask.objects.filter(version_in_use__isnull=False).select_related("version_in_use"),
        to_field_name="slug",
        error_messages={"required": "Choose a labeling task.", "invalid_choice": "That labeling task does not exist."},
    )
    file = forms.FileField(required=False, allow_empty_file=True)
    text = forms.CharField(required=False, widget=forms.Textarea, strip=False)
    way = forms.ChoiceField(choices=WAYS, initial=Way.TONIGHT)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        has_text = bool(str(cleaned.get("text") or "").strip())
        if "file" in self.errors:
            return cleaned
        if bool(cleaned.get("file")) == has_text:
            sentence = "Choose a file or paste text, not both." if has_text else "Choose a file, or paste some text."
            self.add_error("text" if has_text else "file", sentence)
        return cleaned


class ColumnsForm(forms.Form):
    """How a file is to be read: every choice may be left to detection."""

    text_column = forms.CharField(required=False, strip=False, max_length=1_000_000)
    id_column = forms.CharField(required=False, strip=False, max_length=1_000_000)
    gold_column = forms.CharField(required=False, strip=False, max_length=1_000_000)
    header = forms.ChoiceField(required=False, choices=[("yes", "yes"), ("no", "no")])
    format = forms.ChoiceField(required=False, choices=[("", "detect"), *((f.value, f.value) for f in Format)])
    encoding = forms.ChoiceField(required=False, choices=[("", "detect"), *((e, e) for e in ENCODINGS)])
    sheet = forms.CharField(required=False, strip=False, max_length=1_000)

    def differs(self, upload: Upload) -> bool:
        """Whether something that was sent along is not how the file was read."""
        read = upload.inspection
        in_force = {
            "text_column": read.get("text_column"),
            "id_column": read.get("id_column"),
            "gold_column": read.get("gold_column"),
            "header": "yes" if upload.options.get("has_header", True) else "no",
            "format": upload.options.get("format"),
            "sheet": read.get("sheet"),
        }
        sent = {name: self.cleaned_data[name] for name in in_force if name in self.data}
        return any(_as_sent(sent[name]) != _as_sent(in_force[name] or "") for name in sent)

    def options(self, upload: Upload) -> ReadOptions:
        """The choices; columns chosen under another header or format would not exist, so they are detected anew."""
        chosen = self.cleaned_data
        has_header = chosen["header"] != "no"
        before = upload.inspection
        same_columns = has_header == bool(upload.options.get("has_header", True)) and (
            not chosen["format"] or chosen["format"] == before.get("format")
        )
        same_columns = same_columns and (chosen["sheet"] or "") == (before.get("sheet") or "")
        return ReadOptions(
            format=Format(chosen["format"]) if chosen["format"] else None,
            encoding=chosen["encoding"] or None,
            delimiter=upload.options.get("delimiter"),
            text_column=(chosen["text_column"] or None) if same_columns else None,
            id_column=(chosen["id_column"] or None) if same_columns else None,
            gold_column=(chosen["gold_column"] or None) if same_columns else None,
            has_header=has_header,
            sheet=chosen["sheet"] or None,
        )


def _as_sent(text: str) -> str:
    """Browsers send every line end as CR LF."""
    return "\n".join(text.splitlines())


class WayForm(forms.Form):
    way = forms.ChoiceField(choices=WAYS)

    @property
    def chosen(self) -> Way:
        return Way(self.cleaned_data["way"])


class TryFirstForm(forms.Form):
    """How many documents are tried first."""

    try_first = forms.IntegerField(
        min_value=1,
        max_value=100,
        error_messages={
            "required": "Say how many are tried, 1 to 100.",
            "invalid": "Say how many are tried, 1 to 100.",
            "min_value": "At least one document is tried.",
            "max_value": "At most 100 documents are tried.",
        },
    )


class HoldForm(forms.Form):
    """For tonight, or until released; with a reason."""

    reason = forms.CharField(max_length=200, error_messages={"required": "Say why, in a few words."})
    until = forms.ChoiceField(required=False, choices=[("released", "released"), ("tonight", "tonight")])

    @property
    def is_for_tonight(self) -> bool:
        return bool(self.cleaned_data["until"] == "tonight")


class ImportAgainForm(forms.Form):
    task = forms.ModelChoiceField(
        LabelingTask.objects.filter(version_in_use__isnull=False).select_related("version_in_use"),
        to_field_name="slug",
        error_messages={"required": "Choose a labeling task.", "invalid_choice": "That labeling task does not exist."},
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=200, error_messages={"required": "Say why, in a few words."})


class ReleaseForm(forms.Form):
    """A person lets documents go: the number that he was shown, and that he read what it may cost."""

    documents = forms.IntegerField(min_value=0)
    risk = forms.BooleanField()


class MaxTokensForm(forms.Form):
    max_tokens = forms.IntegerField(
        min_value=1,
        max_value=1_000_000,
        error_messages={
            "required": "give the number of tokens.",
            "invalid": "max_tokens is a whole number.",
            "min_value": "max_tokens is at least 1.",
            "max_value": "max_tokens is at most 1,000,000.",
        },
    )


class EraseForm(forms.Form):
    """A reason, and the name of what goes, typed."""

    reason = forms.CharField(max_length=200, error_messages={"required": "Say why, in a few words."})
    typed = forms.CharField(max_length=200, error_messages={"required": "Type the name of what goes."})
    with_copies = forms.BooleanField(required=False)

    def __init__(self, data: Any, *, word: str) -> None:
        super().__init__(data)
        self.word = word

    def clean_typed(self) -> str:
        typed = str(self.cleaned_data["typed"]).strip()
        if typed.casefold() != self.word.casefold():
            raise ValidationError(f"That is not {self.word}.")
        return typed


class RetentionForm(forms.Form):
    days = forms.IntegerField(required=False, min_value=1, max_value=36_500)


class NoteForm(forms.Form):
    note = forms.CharField(required=False, max_length=200)


class DocumentFilterForm(forms.Form):
    """Filters live in the address; what cannot be read counts as any."""

    q = forms.CharField(required=False, max_length=200)
    task = forms.SlugField(required=False)
    version = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    state = forms.ChoiceField(required=False, choices=[("", "any"), (OPEN, OPEN), *DocumentState.choices()])
    label = forms.CharField(required=False, max_length=512, strip=False)
    gold = forms.ChoiceField(required=False, choices=[("", "any"), *((word, word) for word in GOLD)])
    cause = forms.ChoiceField(required=False, choices=[("", "any"), *FailureReason.choices()])
    source = forms.ChoiceField(required=False, choices=[("", "any"), *((word, word) for word in SOURCES)])
    upload = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    batch = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    list = forms.SlugField(required=False, max_length=KEY_LENGTH)


class ChoiceForm(forms.Form):
    """What is chosen on the documents page: ticked ones, or all that match and were there."""

    query = forms.CharField(required=False, max_length=4_000, strip=False)
    all = forms.BooleanField(required=False)
    newest = forms.IntegerField(required=False, min_value=0, max_value=2**62)


class AgainForm(WayForm):
    """How documents are labeled again; without a version: the one in use of each task."""

    task = forms.SlugField(required=False)
    version = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1)


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
    schema = forms.CharField(required=False)
    model = forms.CharField(max_length=80, required=False)
    max_tokens = forms.IntegerField(required=False, initial=1024)
    thinking = forms.ChoiceField(required=False, choices=[("", "as the model needs"), *((t, t) for t in THINKING)])
    effort = forms.ChoiceField(required=False, choices=[("", "as the model likes"), *((e, e) for e in EFFORTS)])
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
        max_tokens = str(found.get("max_tokens") or "").strip()
        rows = [row for row in self.label_rows() if row["name"].strip()]
        labels = tuple(Label(row["name"].strip(), row.get("description", "").strip()) for row in rows)
        return Spec(
            kind=kind,
            instructions=_lines(str(found.get("instructions") or "")),
            labels=labels if kind == Kind.CLASSIFY else (),
            schema=_json_object(str(found.get("schema") or "")) if kind == Kind.EXTRACT else None,
            model=str(found.get("model") or "").replace("\0", "").strip()[:80],
            max_tokens=int(max_tokens) if max_tokens.isascii() and max_tokens.isdecimal() else 1024,
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


class TryForm(forms.Form):
    """What a version is tried on."""

    on = forms.ChoiceField(choices=[(word, word) for word in ("random", "gold", "document", "text")])
    count = forms.IntegerField(
        required=False, min_value=1, max_value=100, error_messages={"invalid": "Write how many, from 1 to 100."}
    )
    document = forms.CharField(required=False, max_length=20)
    text = forms.CharField(required=False, strip=False, max_length=1_000_000)
    seen = forms.CharField(max_length=40)

    def clean_document(self) -> int | None:
        """As pages show it: D-12, or the number alone."""
        text = self.cleaned_data["document"].strip().upper().removeprefix("D-")
        if text and not (text.isascii() and text.isdecimal()):
            raise ValidationError("Write a document like D-12.")
        return int(text) if text else None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("on") in ("random", "gold") and not cleaned.get("count"):
            self.add_error("count", "Choose on how many, from 1 to 100.")
        if cleaned.get("on") == "document" and not cleaned.get("document"):
            self.add_error("document", "Write a document like D-12.")
        return cleaned

    def first_sentence(self) -> str:
        return next(str(sentence) for sentences in self.errors.values() for sentence in sentences)


class CalculatorForm(forms.Form):
    """Plain GET; what is left blank is what the example of the field says."""

    documents = forms.IntegerField(min_value=0, max_value=10**12, initial=100_000)
    tokens_in = forms.IntegerField(min_value=0, max_value=10**7, initial=50)
    tokens_out = forms.IntegerField(min_value=0, max_value=10**6, initial=20)
    instructions = forms.IntegerField(min_value=0, max_value=10**7, initial=0)
    model = forms.CharField(required=False, max_length=80)
    price_in = forms.DecimalField(min_value=0, max_value=10_000, initial=Decimal(3))
    price_out = forms.DecimalField(min_value=0, max_value=10_000, initial=Decimal(15))
    urgent = forms.IntegerField(min_value=0, max_value=100, initial=0)
    budget = forms.DecimalField(required=False, min_value=0, max_value=10**12)

    @classmethod
    def from_query(cls, query: Any) -> "CalculatorForm":
        """What the address leaves out, or blank, has its initial value."""
        values = {
            name: query.get(name, "").replace(",", "") or field.initial for name, field in cls.base_fields.items()
        }
        return cls({name: value for name, value in values.items() if value is not None})

    def priced(self, prices: Mapping[str, tuple[Decimal, Decimal]]) -> "CalculatorForm":
        """With the prices of the model that is chosen, where they are known."""
        chosen = prices.get(str(self.data.get("model", "")))
        return type(self)({**self.data, "price_in": chosen[0], "price_out": chosen[1]}) if chosen else self

    def question(self) -> Question:
        asked = self.cleaned_data
        return Question(
            documents=asked["documents"],
            input_tokens=asked["tokens_in"],
            output_tokens=asked["tokens_out"],
            instruction_tokens=asked["instructions"],
            input_usd=asked["price_in"],
            output_usd=asked["price_out"],
            urgent_percent=asked["urgent"],
            budget_usd=asked["budget"],
        )


class AbsenceForm(forms.Form):
    """A person says that the API never accepted a batch, and has read what it costs if that is wrong."""

    MOST_WHY = 300
    why = forms.CharField(
        max_length=MOST_WHY,
        error_messages={"required": "Say how you know it.", "max_length": f"Say it in {MOST_WHY} characters."},
    )
    risk = forms.BooleanField(error_messages={"required": "Check that you have read what it may cost."})

    @property
    def first_error(self) -> str:
        return next((str(error) for errors in self.errors.values() for error in errors), "")


class AdoptionForm(AbsenceForm):
    """A person says which Message Batch a doubtful submission is."""

    message_batch_id = forms.CharField(
        max_length=80,
        error_messages={"required": "Give the id of the Message Batch.", "max_length": "That id is too long."},
    )
    field_order = ("message_batch_id", "why", "risk")


class AccountForm(forms.Form):
    name = forms.CharField(
        max_length=150,
        validators=[UnicodeUsernameValidator(message="Only letters, digits and @ . + - _ in a user name.")],
        error_messages={"required": "Write a user name.", "max_length": "At most 150 letters."},
    )
    role = forms.ChoiceField(
        choices=[(role, role) for role in ("viewer", "operator", "admin")],
        initial="viewer",
        error_messages={"required": "Choose a role.", "invalid_choice": "Choose a role."},
    )

    def clean_name(self) -> str:
        """One account for a name, however its letters are written."""
        name = str(self.cleaned_data["name"])
        if User.objects.filter(username__iexact=name).exists():
            raise ValidationError("There is an account of that name already.")
        return name


class RequestsForm(forms.Form):
    """Which requests of a batch: the checked ones, or all that the page's filter leaves; the button says it."""

    MOST_CHECKED = 1000
    act = forms.RegexField(
        rf"^(checked|all)( ({'|'.join(Way)}))?$",
        error_messages={"required": "Choose which and when.", "invalid": "Choose which and when."},
    )
    outcome = forms.CharField(required=False, max_length=20)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["which"], _, cleaned["way"] = cleaned.get("act", "").partition(" ")
        posted = self.data.getlist("request") if isinstance(self.data, QueryDict) else []
        ids = [an_id(text) for text in posted[: self.MOST_CHECKED]]
        cleaned["request_ids"] = [number for number in ids if number is not None]
        if cleaned["which"] == "checked" and not cleaned["request_ids"]:
            raise ValidationError("Check at least one request, or choose all.")
        return cleaned

    @property
    def narrowed(self) -> dict[str, Any]:
        """Arguments that name them."""
        chosen = self.cleaned_data
        if chosen["which"] == "checked":
            return {"request_ids": chosen["request_ids"]}
        return {"outcome": chosen["outcome"]}

    @property
    def first_error(self) -> str:
        return next((str(error) for errors in self.errors.values() for error in errors), "")


class RequestsAgainForm(RequestsForm):
    """`checked tonight`, `all urgent`, and so on; without a version: the one in use."""

    version = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not cleaned["way"]:
            raise ValidationError("Choose when it should leave.")
        return cleaned

    @property
    def way(self) -> Way:
        return Way(self.cleaned_data["way"])


class RequestsCloseForm(RequestsForm):
    reason = forms.CharField(
        max_length=200, error_messages={"required": "Say why, in a few words.", "max_length": "Say it shorter."}
    )
