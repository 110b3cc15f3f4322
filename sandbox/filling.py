"""Answers shaped by a JSON schema: each property is filled from what the text holds, of the right type, always.

A schema is compiled once into small functions (one per node) and then used for every request that carries it. Each
takes the findings of a text and returns the value and whether the text gave any reason for it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any

from sandbox.errors import ApiError
from sandbox.findings import PHONE, TIME, URI, UUID, Findings, first_words
from sandbox.matching import WORD, Matcher, stem, stems
from sandbox.schemas import resolve
from sandbox.words import words

Filled = tuple[Any, bool]
Filler = Callable[[Findings], Filled]
MOST_FOUND = 20


def _stems_of(text: str) -> set[str]:
    return {stem(word) for word in words(text)}


DATE_NAMES = _stems_of("date day deadline due expiry birthday")
AMOUNT_NAMES = _stems_of("amount total sum price cost fee value money")
NAME_NAMES = _stems_of("name person people customer vendor company party author sender")
TEXT_NAMES = _stems_of("summary title subject description sentence topic reason")
FORMAT_FALLBACK = {
    "date": "1970-01-01",
    "date-time": "1970-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "P0D",
    "email": "unknown@example.com",
    "hostname": "example.com",
    "uri": "https://example.com/",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def compile_schema(schema: dict[str, Any], instructions: str = "") -> Filler:
    """The schema must have passed `check_schema`. `instructions` may hold descriptions of labels."""
    return _compile(schema, schema, "", instructions)


def _compile(node: dict[str, Any], root: dict[str, Any], name: str, instructions: str) -> Filler:
    node = _flatten(node, root)
    if "const" in node:
        constant = node["const"]
        return lambda findings: (constant, True)
    if "enum" in node:
        return _choice(node["enum"], name, instructions)
    if "anyOf" in node:
        return _first_found([_compile(option, root, name, instructions) for option in node["anyOf"]])
    kinds = node.get("type", "object" if "properties" in node else "string")
    if isinstance(kinds, list):
        options = [_compile({**node, "type": kind}, root, name, instructions) for kind in kinds]
        return _first_found(options)
    filler = _of_type(kinds, node, root, name, instructions)
    return _with_default(filler, node["default"]) if "default" in node else filler


def _flatten(node: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Local references and allOf written out, outer words winning."""
    while "$ref" in node:
        rest = {key: value for key, value in node.items() if key != "$ref"}
        node = {**resolve(root, node["$ref"]), **rest}
    for part in node.get("allOf", ()):
        part = _flatten(part, root)
        properties = {**part.get("properties", {}), **node.get("properties", {})}
        required = list(dict.fromkeys([*node.get("required", ()), *part.get("required", ())]))
        node = {**part, **node}
        if properties:
            node.update(properties=properties, required=required)
    return node


def _of_type(kind: str, node: dict[str, Any], root: dict[str, Any], name: str, instructions: str) -> Filler:
    if kind == "object":
        return _object(node, root, instructions)
    if kind == "array":
        return _array(node, root, name, instructions)
    if kind in ("integer", "number"):
        return _number(name, whole=kind == "integer")
    if kind == "boolean":
        return _boolean(name)
    if kind == "null":
        return lambda findings: (None, False)
    return _string(node, name)


def _choice(values: list[Any], name: str, instructions: str) -> Filler:
    texts = [value for value in values if isinstance(value, str)]
    if not texts:
        return lambda findings: (values[zlib.crc32(name.encode()) % len(values)], False)
    matcher = Matcher(texts, instructions)
    search = _search(None, name)

    def fill(findings: Findings) -> Filled:
        """What the text says outright (the currency of an amount, say) before what its words suggest."""
        named = [found for found in search(findings) if found in texts] if search else []
        return (named[0] if named else matcher.best(findings.text)), True

    return fill


def _first_found(fillers: list[Filler]) -> Filler:
    """The first option that the text supports; else null if allowed; else the first option."""

    def fill(findings: Findings) -> Filled:
        tried = [filler(findings) for filler in fillers]
        for value, found in tried:
            if found:
                return value, True
        nothing = [value for value, _ in tried if value is None]
        return (nothing or [tried[0][0]])[0], False

    return fill


def _with_default(filler: Filler, default: Any) -> Filler:
    def fill(findings: Findings) -> Filled:
        value, found = filler(findings)
        return (value, True) if found else (default, False)

    return fill


def _object(node: dict[str, Any], root: dict[str, Any], instructions: str) -> Filler:
    required = node.get("required", [])
    properties = node.get("properties", {})
    # Required properties come out first, as the API gives them.
    names = [name for name in properties if name in required] + [name for name in properties if name not in required]
    fillers = [(name, _compile(properties[name], root, name, instructions), name in required) for name in names]

    def fill(findings: Findings) -> Filled:
        filled: dict[str, Any] = {}
        any_found = False
        for name, filler, is_required in fillers:
            value, found = filler(findings)
            any_found = any_found or found
            if found or is_required:
                filled[name] = value
        return filled, any_found

    return fill


def _array(node: dict[str, Any], root: dict[str, Any], name: str, instructions: str) -> Filler:
    child = _flatten(node.get("items", {"type": "string"}), root)
    one = _compile(child, root, name, instructions)
    every = _every(child, one, name, instructions)
    least = node.get("minItems", 0)

    def fill(findings: Findings) -> Filled:
        values = every(findings)[:MOST_FOUND]
        if len(values) < least:
            return [one(findings)[0]], False
        return values, bool(values)

    return fill


def _every(child: dict[str, Any], one: Filler, name: str, instructions: str) -> Callable[[Findings], list[Any]]:
    """All values of an array, by what its items are."""
    if "enum" in child:
        texts = [value for value in child["enum"] if isinstance(value, str)]
        matcher = Matcher(texts, instructions) if texts else None
        return lambda findings: matcher.found(findings.text) if matcher else []
    kind = child.get("type")
    if kind in ("number", "integer"):
        return lambda findings: [round(number) if kind == "integer" else number for number in findings.numbers]
    if kind == "string" and child.get("format", "date") in ("date", "email", "uri", "uuid"):
        search = _search(child.get("format"), name)
        return lambda findings: search(findings) if search else []
    return lambda findings: [value for value, found in map(one, map(Findings, _telling(findings))) if found]


def _telling(findings: Findings) -> list[str]:
    """The sentences that hold a date or an amount: each becomes one element of an array of objects."""
    return [sentence for sentence in findings.sentences if Findings(sentence).dates or Findings(sentence).amounts]


def _number(name: str, *, whole: bool) -> Filler:
    is_year = "year" in stems(name)

    def fill(findings: Findings) -> Filled:
        if is_year and findings.dates:
            return int(findings.dates[0][:4]), True
        if not findings.numbers:
            return 0, False
        return (round(findings.numbers[0]) if whole else findings.numbers[0]), True

    return fill


def _boolean(name: str) -> Filler:
    wanted = stems(name)

    def fill(findings: Findings) -> Filled:
        return any(stem(word) in wanted for word in WORD.findall(findings.text.lower())), True

    return fill


def _string(node: dict[str, Any], name: str) -> Filler:
    wanted_format = node.get("format")
    search = _pattern_search(node["pattern"]) if "pattern" in node else _search(wanted_format, name)
    most_words = 25 if stems(name) & TEXT_NAMES else 8

    def fill(findings: Findings) -> Filled:
        found = search(findings) if search else []
        if found:
            return found[0], True
        if wanted_format:
            return FORMAT_FALLBACK[wanted_format], False
        if not findings.sentences:
            return "", False
        return first_words(findings.sentences[0], most_words), search is None

    return fill


def _search(wanted_format: str | None, name: str) -> Callable[[Findings], list[str]] | None:
    """What to look for, by the format or else by the words in the property's name; None = any words will do."""
    parts = stems(name)
    if wanted_format == "date" or (wanted_format is None and parts & DATE_NAMES):
        return lambda findings: findings.dates
    if wanted_format == "date-time":
        return lambda findings: [f"{date}T00:00:00Z" for date in findings.dates]
    if wanted_format == "email" or "email" in parts or "mail" in parts:
        return lambda findings: findings.emails
    patterns = {"uri": URI, "uuid": UUID}
    if wanted_format in patterns:
        return lambda findings: findings.all(patterns[str(wanted_format)])
    if wanted_format == "time":
        return lambda findings: [f"{time:0<8}Z" if len(time) == 8 else f"{time}:00Z" for time in findings.all(TIME)]
    if wanted_format is not None:
        return None
    if stem("currency") in parts:
        return lambda findings: [amount.currency for amount in findings.amounts if amount.currency]
    if parts & AMOUNT_NAMES:
        return lambda findings: [amount.written for amount in findings.amounts]
    if "phone" in parts or stem("phone") in parts:
        return lambda findings: findings.all(PHONE)
    if parts & NAME_NAMES:
        return lambda findings: findings.names
    return None


def _pattern_search(pattern: str) -> Callable[[Findings], list[str]] | None:
    try:
        compiled = re.compile(pattern.removeprefix("^").removesuffix("$"))
    except re.error as error:
        raise ApiError("invalid_request_error", f"pattern '{pattern}' is not supported: {error}") from error
    return lambda findings: [found for found in findings.all(compiled) if found]
