"""The TOML file of `load_tasks`: `[[task]]` tables become definitions. Pure but for reading the files it names."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labeling.messages.prompts import Label, Spec
from labeling.pipeline.define import Definition
from labeling.states import Kind

_KEYS = frozenset(
    {
        "slug", "name", "kind", "instructions", "model", "max_tokens", "thinking", "effort", "priority",
        "labels", "labels_file", "schema", "schema_file",
    }
)  # fmt: skip


class TaskFileRefused(Exception):
    """The file cannot be used; the message is a sentence for a person."""


def read(path: Path) -> list[Definition]:
    """The definitions of a file, in its order. Raises TaskFileRefused with a sentence."""
    try:
        data = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise TaskFileRefused(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise TaskFileRefused(f"{path} is not UTF-8 text.") from error
    except tomllib.TOMLDecodeError as error:
        raise TaskFileRefused(f"{path} is not valid TOML: {error}.") from error
    tables = data.get("task")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise TaskFileRefused(f"{path} has no [[task]] table.")
    definitions = [_definition(table, path) for table in tables]
    slugs = [definition.slug for definition in definitions]
    for slug in slugs:
        if slugs.count(slug) > 1:
            raise TaskFileRefused(f"{path} has two tasks with the slug {slug!r}.")
    return definitions


def _definition(table: Mapping[str, Any], path: Path) -> Definition:
    slug = table.get("slug")
    if (
        not isinstance(slug, str)
        or not slug
        or len(slug) > 80
        or not all(c.isalnum() or c in "-_" for c in slug)
        or not slug.isascii()
    ):
        raise TaskFileRefused(f"A task of {path} needs a slug of letters, digits, - and _ (at most 80), not {slug!r}.")
    if slug == "new":
        raise TaskFileRefused(f"A task of {path} has the slug 'new', which is the address of the page for a new task.")
    unknown = set(table) - _KEYS
    if unknown:
        raise TaskFileRefused(f"Task {slug} has unknown keys: {', '.join(sorted(unknown))}.")
    kind = _text(table, "kind", slug, required=True)
    if kind not in set(Kind):
        raise TaskFileRefused(f"Task {slug}: kind must be one of {', '.join(Kind)}, not {kind!r}.")
    spec = Spec(
        kind=Kind(kind),
        instructions=_text(table, "instructions", slug, required=True),
        labels=_labels(table, slug, path) if kind == Kind.CLASSIFY else (),
        schema=_schema(table, slug, path) if kind == Kind.EXTRACT else None,
        model=_text(table, "model", slug, required=True),
        max_tokens=_number(table, "max_tokens", slug, 1024),
        thinking=_text(table, "thinking", slug) or None,
        effort=_text(table, "effort", slug) or None,
    )
    name = _text(table, "name", slug) or slug
    if len(name) > 120:
        raise TaskFileRefused(f"Task {slug}: the name is longer than 120 characters.")
    return Definition(slug=slug, name=name, spec=spec, priority=_number(table, "priority", slug, 0))


def _text(table: Mapping[str, Any], key: str, slug: str, *, required: bool = False) -> str:
    value = table.get(key, "")
    if not isinstance(value, str) or "\0" in value or (required and not value.strip()):
        raise TaskFileRefused(f"Task {slug}: {key} must be {'a text that is not blank' if required else 'a text'}.")
    return value


def _number(table: Mapping[str, Any], key: str, slug: str, default: int) -> int:
    value = table.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 32_767 * 4:
        raise TaskFileRefused(f"Task {slug}: {key} must be a whole number.")
    if key == "priority" and abs(value) > 32_767:
        raise TaskFileRefused(f"Task {slug}: priority must be between -32767 and 32767.")
    return value


def _labels(table: Mapping[str, Any], slug: str, path: Path) -> tuple[Label, ...]:
    labels = table.get("labels")
    if labels is None and "labels_file" in table:
        labels = _json_file(table, "labels_file", slug, path)
    if not isinstance(labels, list) or not labels:
        raise TaskFileRefused(
            f"Task {slug}: a classify task needs labels or labels_file, a list with at least one label."
        )
    return tuple(_label(label, slug) for label in labels)


def _label(label: Any, slug: str) -> Label:
    if isinstance(label, str):
        return Label(label)
    if isinstance(label, dict) and isinstance(label.get("name"), str) and isinstance(label.get("description", ""), str):
        return Label(label["name"], label.get("description", ""))
    raise TaskFileRefused(f"Task {slug}: a label is a text or a table with name and description, not {label!r}.")


def _schema(table: Mapping[str, Any], slug: str, path: Path) -> dict[str, Any]:
    if "schema" in table:
        text = _text(table, "schema", slug, required=True)
        try:
            schema = json.loads(text)
        except ValueError as error:
            raise TaskFileRefused(f"Task {slug}: schema is not valid JSON: {error}.") from error
    elif "schema_file" in table:
        schema = _json_file(table, "schema_file", slug, path)
    else:
        raise TaskFileRefused(f"Task {slug}: an extract task needs schema or schema_file.")
    if not isinstance(schema, dict):
        raise TaskFileRefused(f"Task {slug}: the schema must be a JSON object.")
    return schema


def _json_file(table: Mapping[str, Any], key: str, slug: str, path: Path) -> Any:
    """A JSON file named relative to the TOML file."""
    named = path.parent / _text(table, key, slug, required=True)
    try:
        return json.loads(named.read_text("utf-8-sig"))
    except OSError as error:
        raise TaskFileRefused(f"Task {slug}: {named} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise TaskFileRefused(f"Task {slug}: {named} is not valid JSON: {error}.") from error
