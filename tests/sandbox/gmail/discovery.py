"""Google's own description of the Gmail API, as JSON Schemas that allow nothing beyond it.

Source: the discovery document that comes with the google-api-python-client package.
"""

import functools
import json
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jsonschema import Draft202012Validator

DOCUMENT: dict[str, Any] = json.loads(
    (resources.files("googleapiclient") / "discovery_cache/documents/gmail.v1.json").read_text()
)
PATTERNS = {
    "int64": r"^-?\d{1,19}$",
    "uint64": r"^\d{1,20}$",
    "byte": r"^[A-Za-z0-9_-]*={0,2}$",
}


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the API."""

    id: str
    http_method: str
    path: re.Pattern[str]
    parameters: dict[str, Any]
    request: str | None
    response: str | None


def _methods(resource: dict[str, Any]) -> list[Method]:
    found = []
    for one in resource.get("methods", {}).values():
        path = re.sub(r"\\\{\\?\+?\w+\\\}", "([^/]+)", re.escape("/" + one["path"]))
        found.append(
            Method(
                one["id"],
                one["httpMethod"],
                re.compile(path),
                one.get("parameters", {}),
                one.get("request", {}).get("$ref"),
                one.get("response", {}).get("$ref"),
            )
        )
    for child in resource.get("resources", {}).values():
        found += _methods(child)
    return found


METHODS = _methods(DOCUMENT)


def method_for(http_method: str, path: str) -> Method:
    """The method that a request calls; the most literal path wins, as `drafts/send` before `drafts/{id}`."""
    fitting = [one for one in METHODS if one.http_method == http_method and one.path.fullmatch(path)]
    assert fitting, f"the discovery document has no {http_method} {path}"
    return min(fitting, key=lambda one: one.path.groups)


def check_request(http_method: str, url: str, body: bytes) -> Method:
    """Assert that the document allows this call: its path, every parameter and its value, its body."""
    parts = urlsplit(url)
    method = method_for(http_method, parts.path)
    for name, value in parse_qsl(parts.query):
        parameter = method.parameters.get(name)
        assert parameter and parameter["location"] == "query", f"{method.id} has no parameter {name}"
        assert value in parameter.get("enum", [value]), f"{method.id}: {name}={value}"
        assert parameter["type"] != "integer" or value.isdigit(), f"{method.id}: {name}={value}"
    if method.request is None:
        assert not body, f"{method.id} takes no body"
    else:
        validator(method.request).validate(json.loads(body))
    return method


def check_response(method: Method, body: bytes) -> Any:
    """Assert that a 2xx answer is what the document says, with nothing more in it; returns it parsed."""
    if method.response is None:
        assert body == b"", f"{method.id} answers with an empty body"
        return None
    value = json.loads(body)
    validator(method.response).validate(value)
    return value


@functools.cache
def validator(name: str) -> Draft202012Validator:
    """A schema of the document as a JSON Schema."""
    defs = {key: _converted(one) for key, one in DOCUMENT["schemas"].items()}
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": defs})


def _converted(one: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in one:
        return {"$ref": f"#/$defs/{one['$ref']}"}
    found: dict[str, Any] = {"type": one["type"]}
    if one["type"] == "object":
        found["properties"] = {key: _converted(value) for key, value in one.get("properties", {}).items()}
        found["additionalProperties"] = False
    if one["type"] == "array":
        found["items"] = _converted(one["items"])
    if "enum" in one:
        found["enum"] = one["enum"]
    if one.get("format") in PATTERNS:
        found["pattern"] = PATTERNS[one["format"]]
    return found
