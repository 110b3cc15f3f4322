"""Which JSON schemas structured outputs accept; everything else is a 400 (in a batch: an errored line)."""

from __future__ import annotations

from typing import Any

from sandbox.errors import invalid
from sandbox.words import words

TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
REFUSED_KEYWORDS = words(
    "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength maxItems uniqueItems "
    "contains minContains maxContains prefixItems minProperties maxProperties patternProperties propertyNames "
    "dependentRequired dependentSchemas unevaluatedProperties unevaluatedItems oneOf not if then else"
)
MAX_OPTIONAL = 24
MAX_UNIONS = 16
MAX_DEPTH = 60
PATH = "output_config.format.schema"


class _Counts:
    def __init__(self) -> None:
        self.optional = 0
        self.unions = 0


def check_schema(schema: Any, path: str = PATH) -> None:
    """Raises ApiError (invalid_request_error) that names the first thing that is not supported."""
    if not isinstance(schema, dict):
        raise invalid(f"{path}: Input should be a valid dictionary")
    counts = _Counts()
    _check(schema, schema, path, counts, ())
    if counts.optional > MAX_OPTIONAL or counts.unions > MAX_UNIONS:
        raise invalid("Schema is too complex for compilation.")


def resolve(root: dict[str, Any], reference: Any) -> dict[str, Any]:
    """The schema that a local `$ref` names. Raises ApiError for an external or a dangling one."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise invalid(f"{PATH}: External $ref '{reference}' is not supported")
    target: Any = root
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        target = target.get(name) if isinstance(target, dict) else None
    if not isinstance(target, dict):
        raise invalid(f"{PATH}: $ref '{reference}' does not resolve")
    return target


def _check(
    node: Any, root: dict[str, Any], path: str, counts: _Counts, references: tuple[str, ...], in_all_of: bool = False
) -> None:
    if not isinstance(node, dict):
        raise invalid(f"{path}: A schema should be a dictionary")
    if len(path) - len(path.replace(".", "")) > MAX_DEPTH:
        raise invalid("Schema is too complex for compilation.")
    for keyword in REFUSED_KEYWORDS:
        if keyword in node:
            raise invalid(f"{path}: '{keyword}' is not supported")
    if "$ref" in node:
        _check_reference(node, root, path, counts, references, in_all_of)
    _check_type(node, path, counts)
    _check_object(node, root, path, counts, references)
    _check_array(node, root, path, counts, references)
    _check_values(node, path)
    for keyword in ("anyOf", "allOf"):
        if keyword in node:
            _check_options(node[keyword], keyword, root, path, counts, references)


def _check_reference(
    node: dict[str, Any],
    root: dict[str, Any],
    path: str,
    counts: _Counts,
    references: tuple[str, ...],
    in_all_of: bool,
) -> None:
    if in_all_of:
        raise invalid(f"{path}: '$ref' inside 'allOf' is not supported")
    reference = node["$ref"]
    target = resolve(root, reference)
    if reference in references or target is root:
        raise invalid(f"{path}: Recursive schemas are not supported")
    _check(target, root, f"{path}.$ref", counts, (*references, reference))


def _check_type(node: dict[str, Any], path: str, counts: _Counts) -> None:
    kind = node.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if "type" in node and (not kinds or any(one not in TYPES for one in kinds)):
        raise invalid(f"{path}.type: Input should be one of {', '.join(TYPES)}")
    if isinstance(kind, list) and len(kind) > 1:
        counts.unions += 1


def _check_object(
    node: dict[str, Any], root: dict[str, Any], path: str, counts: _Counts, references: tuple[str, ...]
) -> None:
    kind = node.get("type")
    is_object = kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in node
    if "additionalProperties" in node and node["additionalProperties"] is not False:
        raise invalid(f"{path}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    if not is_object:
        return
    if "additionalProperties" not in node:
        raise invalid(f"{path}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    properties, required = node.get("properties", {}), node.get("required", [])
    if not isinstance(properties, dict):
        raise invalid(f"{path}.properties: Input should be a valid dictionary")
    if not isinstance(required, list) or any(not isinstance(name, str) for name in required):
        raise invalid(f"{path}.required: Input should be a valid list of strings")
    missing = [name for name in required if name not in properties]
    if missing:
        raise invalid(f"{path}.required: '{missing[0]}' is not one of the properties")
    counts.optional += len(set(properties) - set(required))
    for name, child in properties.items():
        _check(child, root, f"{path}.properties.{name.replace('.', '_')}", counts, references)


def _check_array(
    node: dict[str, Any], root: dict[str, Any], path: str, counts: _Counts, references: tuple[str, ...]
) -> None:
    if "minItems" in node and node["minItems"] not in (0, 1):
        raise invalid(f"{path}: 'minItems' values other than 0 or 1 are not supported")
    if "items" in node:
        _check(node["items"], root, f"{path}.items", counts, references)


def _check_values(node: dict[str, Any], path: str) -> None:
    if "enum" in node:
        values = node["enum"]
        if not isinstance(values, list) or not values:
            raise invalid(f"{path}.enum: List should have at least 1 item after validation, not 0")
        if any(isinstance(value, (dict, list)) for value in values):
            raise invalid(f"{path}.enum: Only strings, numbers, booleans and null are supported")
    if "format" in node and node["format"] not in FORMATS:
        raise invalid(f"{path}: format '{node['format']}' is not supported")
    if "pattern" in node and not isinstance(node["pattern"], str):
        raise invalid(f"{path}.pattern: Input should be a valid string")


def _check_options(
    options: Any, keyword: str, root: dict[str, Any], path: str, counts: _Counts, references: tuple[str, ...]
) -> None:
    if not isinstance(options, list) or not options:
        raise invalid(f"{path}.{keyword}: List should have at least 1 item after validation, not 0")
    if keyword == "anyOf":
        counts.unions += 1
    for index, option in enumerate(options):
        _check(option, root, f"{path}.{keyword}.{index}", counts, references, in_all_of=keyword == "allOf")
