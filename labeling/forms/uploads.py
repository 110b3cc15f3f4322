"""A file, or pasted text: how it is read, and how it leaves."""

from typing import Any

from django import forms

from labeling.files import ENCODINGS, Format, ReadOptions
from labeling.models import Upload
from labeling.states import Way

from .fields import WAYS, task_field


class UploadForm(forms.Form):
    task = task_field()
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
    delimiter = forms.CharField(required=False, strip=False, max_length=3)
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
            "encoding": upload.options.get("encoding"),
            "delimiter": upload.options.get("delimiter"),
            "sheet": read.get("sheet"),
        }
        sent = {name: self.cleaned_data[name] for name in in_force if name in self.data}
        return any(_as_sent(sent[name]) != _as_sent(in_force[name] or "") for name in sent)

    def options(self, upload: Upload) -> ReadOptions:
        """The choices; columns chosen under another way to read would not exist, so they are detected anew."""
        chosen = self.cleaned_data
        has_header = chosen["header"] != "no"
        before = upload.inspection
        same_columns = has_header == bool(upload.options.get("has_header", True)) and (
            not chosen["format"] or chosen["format"] == before.get("format")
        )
        same_columns = same_columns and (chosen["sheet"] or "") == (before.get("sheet") or "")
        as_before = (upload.options.get("encoding"), upload.options.get("delimiter"))
        encoding = (chosen["encoding"] or None) if "encoding" in self.data else as_before[0]
        delimiter = (chosen["delimiter"] or None) if "delimiter" in self.data else as_before[1]
        same_columns = same_columns and (encoding, delimiter) == as_before
        return ReadOptions(
            format=Format(chosen["format"]) if chosen["format"] else None,
            encoding=encoding,
            delimiter=delimiter,
            text_column=(chosen["text_column"] or None) if same_columns else None,
            id_column=(chosen["id_column"] or None) if same_columns else None,
            gold_column=(chosen["gold_column"] or None) if same_columns else None,
            has_header=has_header,
            sheet=chosen["sheet"] or None,
        )


def _as_sent(text: str) -> str:
    """Browsers send every line end as CR LF."""
    return "\n".join(text.splitlines())


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


class ImportAgainForm(forms.Form):
    task = task_field()
