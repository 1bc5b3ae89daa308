"""
The registry as an OpenAPI 3.1 document, for Swagger UI, for generated clients and for tests.

Each method stands there once, in its documented form; the other forms are listed with it (`x-routes`), as are the name
for WebSocket and command line (`operationId`) and further spellings of parameters (`x-accept-keys`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from bitdust_node import __version__
from bitdust_node.api.arguments import Parameter
from bitdust_node.api.registry import Method, Registry
from bitdust_node.api.results.table import RESULTS

_REF = "#/components/schemas/{name}"
_TYPES: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer", "minimum": -(2**63) + 1, "maximum": 2**63 - 1},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    list: {"type": "array", "items": {"type": "string"}},
    dict: {"type": "object"},
}
_ABOUT = """\
Every answer has status 200: whether the call succeeded is told by `status` in the body. Numbers and booleans may also
be sent as text, lists also as text with commas. The secret lies in the file `apisecret` of the node's data folder.
"""


def document(registry: Registry) -> dict[str, Any]:
    """
    The document of all methods that have a form on HTTP.
    """
    shapes = {name: RESULTS[name] for name in sorted(RESULTS)}
    schemas, components = msgspec.json.schema_components(list(shapes.values()), ref_template=_REF)
    results = dict(zip(shapes, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in registry:
        if one.routes:
            verb, path = one.routes[0]
            paths.setdefault(path.replace("+}", "}"), {})[verb.lower()] = _operation(one, verb, path, results)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "BitDust node",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        },
        "servers": [{"url": "/"}],
        "security": [{"secret": []}],
        "tags": [{"name": name} for name in sorted({group(one) for one in registry if one.routes})],
        "paths": paths,
        "components": {
            "securitySchemes": {"secret": {"type": "apiKey", "in": "header", "name": "api_secret"}},
            "schemas": {"Error": _ERROR, **dict(sorted(components.items()))},
        },
    }


def group(described: Method) -> str:
    """The first word of the path, by which people look for a method."""
    return described.routes[0][1].strip("/").split("/")[0] if described.routes else "websocket"


def _operation(one: Method, verb: str, path: str, results: Mapping[str, Any]) -> dict[str, Any]:
    summary, _, rest = one.info.partition("\n")
    told: dict[str, Any] = {
        "operationId": one.name,
        "tags": [group(one)],
        "summary": summary,
        "description": _described(one, rest.strip()),
        "responses": {"200": _response(one, results)},
        "x-routes": [f"{other_verb} {other}" for other_verb, other in one.routes[1:]],
    }
    in_path = [one_of for one_of in one.parameters if f"{{{one_of.name}" in path]
    others = [one_of for one_of in one.parameters if one_of not in in_path]
    parameters = [_argument(one_of, "path") for one_of in in_path]
    if verb == "GET":
        parameters += [_argument(one_of, "query") for one_of in others]
    elif others:
        told["requestBody"] = _body(one, others)
    if parameters:
        told["parameters"] = parameters
    return told


def _described(one: Method, rest: str) -> str:
    parts = [rest] if rest else []
    if one.needs:
        parts.append(f"Needs {', '.join(f'`{name}`' for name in one.needs)} to be ON.")
    return "\n\n".join(parts)


def _argument(one: Parameter, place: str) -> dict[str, Any]:
    told: dict[str, Any] = {"name": one.name, "in": place, "required": one.required, "schema": schema(one)}
    if place == "path":
        told["required"] = True
        told["schema"] = {**told["schema"], "minLength": 1}
    if one.type is list:
        told |= {"style": "form", "explode": False}
    if one.spellings:
        told["x-accept-keys"] = list(one.spellings)
    return told


def _body(one: Method, parameters: list[Parameter]) -> dict[str, Any]:
    required = [one_of.name for one_of in parameters if one_of.required]
    shape: dict[str, Any] = {"type": "object", "properties": {one_of.name: schema(one_of) for one_of in parameters}}
    if required:
        shape["required"] = required
    for one_of in parameters:
        if one_of.spellings:
            shape["properties"][one_of.name]["x-accept-keys"] = list(one_of.spellings)
    return {"required": bool(required), "content": {"application/json": {"schema": shape}}}


def schema(one: Parameter) -> dict[str, Any]:
    """What a value of a parameter looks like in JSON."""
    shape = dict(_TYPES.get(one.type, {}))
    if one.optional and "type" in shape:
        shape["type"] = [shape["type"], "null"]
    if not one.required and one.default is not None:
        shape["default"] = one.default
    return shape


def _response(one: Method, results: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "status": {"const": "OK"},
        "execution": _EXECUTION,
        "message": {"type": "string"},
        "errors": _TEXTS,
    }
    required = ["status", "execution"]
    if one.name in results:
        fields["result"] = results[one.name]
        if fields["result"].get("type") == "array":
            required.append("result")
    success = {"type": "object", "title": "OK", "properties": fields, "required": required}
    answers = {"oneOf": [success, {"$ref": "#/components/schemas/Error"}]}
    return {"description": "the answer", "content": {"application/json": {"schema": answers}}}


_EXECUTION = {"type": "string", "pattern": r"^\d+\.\d{6}$", "description": "seconds spent"}
_TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
_ERROR = {
    "type": "object",
    "title": "ERROR",
    "properties": {"status": {"const": "ERROR"}, "execution": _EXECUTION, "errors": _TEXTS},
    "required": ["status", "execution", "errors"],
}
