from typing import Any

import pytest

from labeling.messages.schemas import closed, faults

TEXT = {"type": "string"}


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


GOOD = {
    "flat": an_object(amount={"type": "number"}, when={"type": "string", "format": "date"}),
    "names like keywords": an_object(minimum=TEXT, oneOf=TEXT, format=TEXT),
    "nested": an_object(lines={"type": "array", "items": an_object(name=TEXT), "minItems": 1}),
    "nullable": an_object(amount={"anyOf": [{"type": "number"}, {"type": "null"}]}),
    "shared definition": an_object(a={"$ref": "#/$defs/t"}, b={"$ref": "#/$defs/t"}) | {"$defs": {"t": TEXT}},
    "annotated": {"$schema": "http://example.com/unknown", "title": "T"} | an_object(a=TEXT | {"description": "d"}),
    "open object": {"type": "object", "properties": {"a": TEXT}},
}

BAD = {
    "not an object": ([], "is not a JSON object"),
    "not JSON": ({"type": "object", "default": {1, 2}}, "JSON cannot carry"),
    "not a schema": ({"type": "objekt"}, "This is not a JSON schema: at schema.type"),
    "a list at the top": ({"type": "array", "items": TEXT}, "must describe an object"),
    "minimum": (an_object(a={"type": "number", "minimum": 0}), "schema.a: the API refuses “minimum”"),
    "maxLength in items": (
        an_object(a={"type": "array", "items": {"type": "string", "maxLength": 3}}),
        "schema.a.items: the API refuses “maxLength”",
    ),
    "oneOf": (an_object(a={"oneOf": [TEXT, {"type": "null"}]}), "use anyOf instead"),
    "many items": (an_object(a={"type": "array", "items": TEXT, "minItems": 2}), "minItems must be 0 or 1"),
    "open on purpose": (an_object(a={"type": "object", "additionalProperties": True}), "must be false"),
    "an odd format": (an_object(a={"type": "string", "format": "color"}), "the format “color” is not taken"),
    "an enum of lists": (an_object(a={"enum": [["x"]]}), "values of an enum"),
    "a reference in allOf": (an_object(a={"allOf": [{"$ref": "#/$defs/t"}]}) | {"$defs": {"t": TEXT}}, "allOf"),
    "a reference outside": (an_object(a={"$ref": "http://example.com/x"}), "leads outside"),
    "a reference to nothing": (an_object(a={"$ref": "#/$defs/t"}), "leads nowhere"),
    "an anchor": (an_object(a={"$ref": "#t"}), "leads nowhere"),
    "recursion": (an_object(a={"$ref": "#"}), "refers to itself"),
    "recursion by a detour": (
        an_object(a={"$ref": "#/$defs/x"})
        | {"$defs": {"x": an_object(y={"$ref": "#/$defs/y"}), "y": an_object(x={"$ref": "#/$defs/x"})}},
        "refers to itself",
    ),
    "a broken pattern": (an_object(a={"type": "string", "pattern": "("}), "This schema cannot be used"),
    "many optional properties": (
        {"type": "object", "properties": {f"p{n}": TEXT for n in range(25)}},
        "25 properties are not required",
    ),
    "many unions": (an_object(**{f"p{n}": {"type": ["string", "null"]} for n in range(17)}), "17 parts have more"),
}


@pytest.mark.parametrize("schema", GOOD.values(), ids=GOOD)
def test_a_schema_that_the_api_takes_has_no_faults(schema: dict[str, Any]) -> None:
    assert faults(schema) == []


@pytest.mark.parametrize(("schema", "sentence"), BAD.values(), ids=BAD)
def test_a_schema_that_the_api_refuses_gets_a_sentence(schema: object, sentence: str) -> None:
    found = faults(schema)
    assert [fault for fault in found if sentence in fault], found
    assert len(found) == 1


def test_objects_are_closed_at_every_depth_and_nothing_else_changes() -> None:
    item = {"type": "object", "properties": {"properties": {"type": "object", "properties": {}}}}
    schema = {"type": "object", "properties": {"list": {"type": "array", "items": item}}, "$defs": {"d": item}}
    done = closed(schema)
    inner = done["properties"]["list"]["items"]
    assert done["additionalProperties"] is inner["additionalProperties"] is False
    assert inner["properties"]["properties"]["additionalProperties"] is False
    assert done["$defs"]["d"]["additionalProperties"] is False
    assert "additionalProperties" not in done["properties"]["list"]
    assert "additionalProperties" not in inner["properties"]
