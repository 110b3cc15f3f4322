"""Which format a file has: by its name first, and then checked against what is in it."""

import re
from pathlib import PurePath

import orjson

from labeling.files.shapes import FileRefused, Format

HEAD_BYTES = 4_096

_BY_SUFFIX = {
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSONL,
    ".txt": Format.TXT,
    ".text": Format.TXT,
}

_SPREADSHEET = "a spreadsheet of another kind than XLSX, or a damaged one. Save it as XLSX or as CSV (UTF-8)"
_PACKED = "a packed file. Unpack it first"
_MAGIC = (
    (b"PK\x05\x06", _PACKED),
    (b"\x1f\x8b", _PACKED),
    (b"BZh", _PACKED),
    (b"\xfd7zXZ", _PACKED),
    (b"7z\xbc\xaf", _PACKED),
    (b"Rar!", _PACKED),
    (b"\x28\xb5\x2f\xfd", _PACKED),
    (b"%PDF-", "a PDF document. Save its text as TXT, one document per line, or as CSV"),
    (b"{\\rtf", "a rich text document. Save its text as TXT, one document per line, or as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Office document, or one with a password. Save it as XLSX or as CSV (UTF-8)"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"SQLite format 3\0", "a database"),
    (b"PAR1", "a Parquet file. Save it as CSV or JSONL"),
    (b"\x7fELF", "a program"),
)
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|\?xml)", re.IGNORECASE)
_ONE_LINE = "write each object on a line of its own, for example with: jq -c . file.json > file.jsonl"
_CONVERT = "turn it into one object per line, for example with: jq -c '.[]' file.json > file.jsonl"


def refuse_foreign(head: bytes, file_name: str) -> None:
    """Raise FileRefused when the first bytes are those of a well-known format that is not text, or the name says so."""
    suffix = PurePath(file_name).suffix.lower()
    if head.startswith(b"PK\x03\x04"):
        kind = _SPREADSHEET if suffix in (".xlsx", ".xlsm", ".ods") or b"xl/" in head else _PACKED
        raise FileRefused(f"The file is {kind}.")
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            raise FileRefused(f"The file is {kind}." if suffix not in _BY_SUFFIX else _named(suffix, kind))
    if suffix in (".xlsx", ".xlsm", ".xls", ".ods"):
        raise FileRefused(f"The file is named {suffix}, but it is no spreadsheet.")


def _named(suffix: str, kind: str) -> str:
    return f"The file is named {suffix}, but it is {kind}."


def choose_format(lines: list[str], file_name: str, chosen: Format | None, warnings: list[str]) -> Format:
    """The format chosen by a person, else by the name, else by the first lines. Raises FileRefused if they disagree."""
    suffix = PurePath(file_name).suffix.lower()
    first = _first_line(lines)
    has_objects = is_json_object(first)
    if chosen:
        return Format(chosen)
    wanted = _BY_SUFFIX.get(suffix)
    if wanted is None:
        wanted = _format_of(lines, has_objects=has_objects)
        warnings.append(f"The name does not say what the file is; it was read as {wanted.upper()}.")
    elif wanted in (Format.CSV, Format.TSV) and has_objects:
        raise FileRefused(_named(suffix, "JSON, one object per line. Rename it to .jsonl"))
    elif wanted is Format.TXT and has_objects:
        warnings.append(
            "The lines are JSON objects, and each becomes a text as it is. If that is wrong, name it .jsonl."
        )
    if wanted is not Format.TXT and _MARKUP.match(first.encode("utf-8", "replace")):
        raise FileRefused(_named(suffix, "a web page or XML") if suffix else "The file is a web page or XML.")
    return wanted


def _format_of(lines: list[str], *, has_objects: bool) -> Format:
    if has_objects:
        return Format.JSONL
    cells = [line.count("\t") for line in lines[:20] if not line.isspace()]
    if cells and cells[0] and len(set(cells)) == 1:
        return Format.TSV
    first, *others = [line for line in lines[:20] if not line.isspace()] or [""]
    return Format.CSV if others and any(mark in first for mark in ",;|") else Format.TXT


def is_json_object(line: str) -> bool:
    """Whether this line alone is a JSON object."""
    return line.lstrip().startswith("{") and _is_json(line)


def _is_json(line: str) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _first_line(lines: list[str]) -> str:
    return next((line for line in lines if not line.isspace()), "")


def refuse_json_list(lines: list[str]) -> None:
    """Raise FileRefused when the file begins a list and does not end it on its first line."""
    first = _first_line(lines)
    if first.lstrip().startswith("[") and not _is_json(first):
        raise FileRefused(f"The file is one JSON list; {_CONVERT}.")


def no_objects(lines: list[str], file_name: str) -> FileRefused:
    """The refusal of a file that should be JSONL and has not one line that is a JSON object."""
    suffix = PurePath(file_name).suffix.lower()
    start = _first_line(lines).lstrip()[:1]
    if start == "[":
        return FileRefused(f"The file is one JSON list; {_CONVERT}.")
    if start == "{":
        return FileRefused(f"The file has JSON that spans several lines; {_ONE_LINE}.")
    if suffix in _BY_SUFFIX:
        return FileRefused(f"The file is named {suffix}, but no line of it is a JSON object.")
    return FileRefused("No line of the file is a JSON object.")
