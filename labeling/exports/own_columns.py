"""Your file with labels: an upload's own columns in their own order, and what became of each row behind them."""

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from labeling.exports.files import Format, delimited, json_lines
from labeling.exports.reading import COLUMNS, documents, select
from labeling.models import Upload

ADDED = ("label", "state", "reason")


def original(upload: Upload) -> Iterator[bytes]:
    """The accepted rows that are not withdrawn, in UTF-8: JSONL of a JSONL file, else CSV with the file's delimiter.

    Where the file has a column label, state or reason itself, ours is called nightshift_label and so on.
    """
    columns = _columns(upload)
    if original_format(upload) is Format.JSONL:
        return json_lines(_objects(upload, columns))
    delimiter = str(upload.inspection.get("delimiter") or ",")
    return delimited([*columns, *_added_names(columns)], _records(upload, columns), delimiter)


def original_format(upload: Upload) -> Format:
    return Format.JSONL if upload.inspection.get("format") == "jsonl" else Format.CSV


def original_name(upload: Upload) -> str:
    """The name of the file with labels: questions.csv becomes questions-labeled.csv."""
    name = PurePath(upload.file_name)
    suffix = (
        name.suffix if name.suffix.lower() in (".csv", ".tsv", ".jsonl", ".ndjson") else f".{original_format(upload)}"
    )
    return f"{name.stem}-labeled{suffix}"


def _columns(upload: Upload) -> list[str]:
    return [str(column) for column in upload.inspection.get("columns") or ("text",)]


def _added_names(columns: list[str]) -> list[str]:
    names = []
    for name in ADDED:
        while name in columns:
            name = f"nightshift_{name}"
        names.append(name)
    return names


def _records(upload: Upload, columns: list[str]) -> Iterator[list[Any]]:
    for values, added in _values(upload):
        yield [*(values.get(column) for column in columns), *added]


def _objects(upload: Upload, columns: list[str]) -> Iterator[dict[str, Any]]:
    """Only the keys that a row has; those that the inspection did not list any more come last."""
    place = {column: position for position, column in enumerate(columns)}
    names = _added_names(columns)
    for values, added in _values(upload):
        ordered = {name: values[name] for name in sorted(values, key=lambda name: place.get(name, len(place)))}
        yield ordered | dict(zip(names, added, strict=True))


def _values(upload: Upload) -> Iterator[tuple[dict[str, Any], list[Any]]]:
    """The values of a document by the file's own names, and label, state and reason."""
    roles = [
        (str(upload.inspection[role]), COLUMNS.index(column))
        for role, column in (("text_column", "text"), ("id_column", "external_id"), ("gold_column", "gold_label"))
        if upload.inspection.get(role)
    ] or [("text", COLUMNS.index("text"))]
    added = [COLUMNS.index(name) for name in ADDED]
    for document, metadata in documents(select(None, upload)):
        yield metadata | {name: document[place] for name, place in roles}, [document[place] for place in added]
