"""JSON schemas of extract tasks: which of them the API takes, and how they are sent.

Pure. The rules are those of Anthropic's structured outputs: what is refused here would come back as
an errored line when the whole batch has ended.
"""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import orjson

FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
MAX_OPTIONAL = 24
MAX_UNIONS = 16

_REFUSED = {
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
        "say it in the description instead",
    ),
    **dict.fromkeys(
        ("maxItems", "uniqueItems", "contains", "minContains", "maxContains", "prefixItems", "unevaluatedItems"),
        "of arrays only items and a minItems of 0 or 1 are taken",
    ),
    **dict.fromkeys(
        ("patternProperties", "propertyNames", "minProperties", "maxProperties", "unevaluatedProperties"),
        "name every property instead",
    ),
    **dict.fromkeys(("not", "if", "then", "else", "dependentRequired", "dependentSchemas"), "leave it out"),
    "oneOf": "use anyOf instead",
    "$dynamicRef": "use $ref instead",
}
"""Keyword to what the author can do about it."""

_ONE_SCHEMA = ("items", "additionalProperties")
_LIST_OF_SCHEMAS = ("anyOf", "allOf")
_NAMED_SCHEMAS = ("properties", "$defs", "definitions")

Schema = dict[str, Any]


def closed(schema: Schema) -> Schema:
    """The schema with `additionalProperties: false` on every object that does not say it: the API
    demands it, and it is what an author of an extraction means."""
    result = {key: _closed_below(key, value) for key, value in schema.items()}
    if _is_object(schema):
        result.setdefault("additionalProperties", False)
    return result


def _closed_below(key: str, value: Any) -> Any:
    if key in _ONE_SCHEMA and isinstance(value, dict):
        return closed(value)
    if key in _LIST_OF_SCHEMAS and isinstance(value, list):
        return [closed(part) if isinstance(part, dict) else part for part in value]
    if key in _NAMED_SCHEMAS and isinstance(value, dict):
        return {name: closed(part) if isinstance(part, dict) else part for name, part in value.items()}
    return value


def faults(schema: object) -> list[str]:
    """Why the API would refuse a schema, as sentences for a person; empty when it takes it."""
    if not isinstance(schema, dict):
        return ["The schema is not a JSON object."]
    malformed = _malformed(schema)
    if malformed:
        return [malformed]
    found: list[str] = []
    if not _is_object(schema):
        found.append('The top of the schema must describe an object: "type": "object".')
    nodes = list(_walk(schema, "schema"))
    for place, node in nodes:
        found += _faults_of_node(place, node)
    found += _faults_of_references(schema, nodes)
    found += _faults_of_size(nodes)
    unusable = None if found else _not_compiled(schema)
    return [unusable] if unusable else found


def compiled(schema: Schema) -> jsonschema_rs.Validator:
    """A checker of answers; nothing is ever fetched for it. For schemas without `faults`."""
    plain = {key: value for key, value in schema.items() if key != "$schema"}
    return jsonschema_rs.Draft202012Validator(plain, validate_formats=True, retriever=_fetch_nothing)


def _malformed(schema: Schema) -> str | None:
    try:
        orjson.dumps(schema)
        jsonschema_rs.meta.validate({key: value for key, value in schema.items() if key != "$schema"})
    except TypeError:
        return "The schema holds something that JSON cannot carry."
    except jsonschema_rs.ValidationError as fault:
        place = "".join(f".{step}" for step in fault.instance_path)
        return f"This is not a JSON schema: at schema{place}, {fault.message}."
    return None


def _not_compiled(schema: Schema) -> str | None:
    """What only shows when the schema is put to use, such as a pattern that is none."""
    try:
        compiled(schema)
    except (ValueError, jsonschema_rs.ReferencingError) as fault:
        return f"This schema cannot be used: {getattr(fault, 'message', fault)}."
    return None


def _fetch_nothing(address: str) -> Any:
    raise ValueError(f"{address} lies outside the schema")


def _walk(schema: Schema, place: str) -> Iterator[tuple[str, Schema]]:
    """Every schema inside a schema with its place; names of properties are not keywords."""
    yield place, schema
    for key in _ONE_SCHEMA:
        if isinstance(schema.get(key), dict):
            yield from _walk(schema[key], f"{place}.{key}")
    for key in _LIST_OF_SCHEMAS:
        for number, part in enumerate(schema.get(key) or ()):
            if isinstance(part, dict):
                yield from _walk(part, f"{place}.{key}[{number}]")
    for key in _NAMED_SCHEMAS:
        for name, part in (schema.get(key) or {}).items():
            if isinstance(part, dict):
                yield from _walk(part, f"{place}.{name}")


def _faults_of_node(place: str, node: Schema) -> list[str]:
    found = [f"{place}: the API refuses “{key}”; {way_out}." for key, way_out in _REFUSED.items() if key in node]
    if node.get("additionalProperties", False) is not False:
        found.append(f"{place}: additionalProperties must be false.")
    if node.get("minItems", 0) not in (0, 1):
        found.append(f"{place}: minItems must be 0 or 1.")
    if "format" in node and node["format"] not in FORMATS:
        found.append(f"{place}: the format “{node['format']}” is not taken; known are {', '.join(FORMATS)}.")
    if any(isinstance(value, dict | list) for value in node.get("enum", ())):
        found.append(f"{place}: the values of an enum must be strings, numbers, true, false or null.")
    if any("$ref" in part for part in node.get("allOf", ()) if isinstance(part, dict)):
        found.append(f"{place}: allOf must not hold a $ref.")
    return found


def _faults_of_references(schema: Schema, nodes: list[tuple[str, Schema]]) -> list[str]:
    """References that lead outside, nowhere or back to where they came from."""
    found = []
    for place, node in nodes:
        reference = node.get("$ref")
        if not isinstance(reference, str):
            continue
        if not reference.startswith("#"):
            found.append(f"{place}: $ref must stay inside the schema, and “{reference}” leads outside.")
        elif _target(schema, reference) is None:
            found.append(f"{place}: “{reference}” leads nowhere.")
    if not found and _is_recursive(schema):
        found.append("The schema refers to itself, and the API refuses recursion.")
    return found


def _target(schema: Schema, reference: str) -> Schema | None:
    if reference != "#" and not reference.startswith("#/"):
        return None
    target: Any = schema
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        target = target.get(name) if isinstance(target, dict) else None
    return target if isinstance(target, dict) else None


def _is_recursive(schema: Schema) -> bool:
    """Whether following references comes back to a place whose own references are still being followed."""
    done: set[int] = set()

    def comes_back(node: Schema, path: frozenset[int]) -> bool:
        if id(node) in path:
            return True
        if id(node) in done:
            return False
        below = [_target(schema, inner["$ref"]) for _, inner in _walk(node, "") if isinstance(inner.get("$ref"), str)]
        found = any(comes_back(target, path | {id(node)}) for target in below if target is not None)
        done.add(id(node))
        return found

    return comes_back(schema, frozenset())


def _faults_of_size(nodes: list[tuple[str, Schema]]) -> list[str]:
    """The caps on complexity: optional properties and properties of several types."""
    optional = sum(len(set(node.get("properties", ())) - set(node.get("required", ()))) for _, node in nodes)
    unions = sum("anyOf" in node or isinstance(node.get("type"), list) for _, node in nodes)
    found = []
    if optional > MAX_OPTIONAL:
        found.append(f"{optional} properties are not required, and the API takes at most {MAX_OPTIONAL} of them.")
    if unions > MAX_UNIONS:
        found.append(f"{unions} parts have more than one type, and the API takes at most {MAX_UNIONS} of them.")
    return found


def _is_object(schema: Schema) -> bool:
    return schema.get("type") == "object" or ("type" not in schema and "properties" in schema)
