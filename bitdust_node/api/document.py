"""
Writes the methods into `docs/api.md`, below the part that people write:

    python -m bitdust_node.api.document [--check] [FILE]

All comes from what the objects declare, from the table of results and from the examples.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from bitdust_node.api.arguments import Parameter
from bitdust_node.api.examples.example import FRESH, SUPPLIER, Example
from bitdust_node.api.examples.forms import command, curl, frame
from bitdust_node.api.examples.table import EXAMPLES
from bitdust_node.api.openapi import group
from bitdust_node.api.parts import declared
from bitdust_node.api.registry import Method, Registry
from bitdust_node.api.results.table import RESULTS
from bitdust_node.plugins import plugins

MARK = "<!-- What follows is written by `python -m bitdust_node.api.document`. -->\n"
FILE = Path(__file__).resolve().parent.parent.parent / "docs" / "api.md"

_ABOUT = """
# Methods

Every method with its documented form on HTTP, its parameters, what it answers with, how it may refuse, and one call by
`curl`, by WebSocket and by command line. The examples tell of a private network: *alice* runs the node that is asked,
*bob* is another customer.

- `GET` takes the parameters from the query; the others from a JSON object in the body, whatever its Content-Type.
- Numbers and booleans may be text, lists may be text with commas; a JSON boolean is no number.
  *Also*: further spellings of a parameter, or forms.
- A frame goes to `ws://127.0.0.1:8280/?api_secret=<token>`; the answer is
  `{"type": "api_call", "payload": {"call_id": 1, "response": {...}}}`.
- An ERROR answer has `errors`, a list of texts. Besides those that are listed: a service that is not ON
  (`service_xxx() is not started`), and arguments that are missing or of another type.
"""
_PLACES = {SUPPLIER: "Asked of a supplier.", FRESH: "Asked of a fresh node."}


def methods(registry: Registry) -> str:
    """
    The page of all methods, in groups.
    """
    examples = {one.method: one for one in EXAMPLES}
    described = sorted(registry, key=lambda one: (group(one), one.name))
    lines = [_ABOUT]
    for name, members in groupby(described, group):
        lines.append(f"## {name}\n")
        for one in members:
            lines.extend(_method(one, examples.get(one.name)))
    lines.append("## Shapes of results\n")
    lines.extend(_shapes())
    return "\n".join(lines).rstrip() + "\n"


def _method(one: Method, example: Example | None) -> Iterator[str]:
    yield f"### `{one.name}`\n"
    yield f"{one.info.strip()}\n"
    if one.routes:
        forms = [f"`{verb} {path.replace('+}', '}')}`" for verb, path in one.routes]
        yield f"{forms[0]}" + (f". Also {', '.join(forms[1:])}.\n" if forms[1:] else "\n")
    else:
        yield "On WebSocket only.\n"
    if one.needs:
        yield f"Needs {', '.join(f'`{name}`' for name in one.needs)}.\n"
    if one.parameters:
        yield "| parameter | type | default | also |"
        yield "|---|---|---|---|"
        for parameter in one.parameters:
            yield _parameter(parameter)
        yield ""
    if one.name in RESULTS:
        yield f"Result: {_type(msgspec.json.schema_components([RESULTS[one.name]], ref_template='{name}')[0][0])}\n"
    if example is not None:
        yield from _example(one, example)


def _parameter(one: Parameter) -> str:
    default = "required" if one.required else f"`{_json(one.default)}`"
    return f"| `{one.name}` | {one.type_name.replace('|', 'or')} | {default} | {', '.join(one.spellings)} |"


def _example(one: Method, example: Example) -> Iterator[str]:
    if example.refusals:
        yield "Refuses when:\n"
        for refusal in example.refusals:
            yield f"- {refusal.when}" + (f": `{refusal.text}`" if refusal.text else "")
        yield ""
    if example.answer != "OK":
        yield f"This call is answered with the error `{example.answer}`.\n" if example.answer else ""
    if example.node in _PLACES:
        yield f"{_PLACES[example.node]}\n"
    for language, text in (
        ("sh", curl(one, example.arguments)),
        ("json", frame(one, example.arguments)),
        ("sh", command(one, example.arguments)),
    ):
        if text:
            yield f"```{language}\n{text}\n```"
    yield ""


def _shapes() -> Iterator[str]:
    _, components = msgspec.json.schema_components(list(RESULTS.values()), ref_template="{name}")
    for name, shape in sorted(components.items()):
        yield f"### {name}\n"
        if shape.get("description"):
            yield f"{' '.join(shape['description'].split())}\n"
        required = shape.get("required", ())
        fields = [
            f"`{field}` {_type(inner)}" + ("" if field in required else " *(not always)*")
            for field, inner in shape["properties"].items()
        ]
        yield f"{', '.join(fields)}\n"


def _type(shape: Mapping[str, Any]) -> str:
    """A type of JSON Schema in words."""
    if "$ref" in shape:
        return f"[{shape['$ref']}](#{shape['$ref'].lower()})"
    if "anyOf" in shape:
        return " or ".join(_type(one) for one in shape["anyOf"])
    kind = shape.get("type")
    if isinstance(kind, list):
        return " or ".join(map(str, kind))
    if kind == "array":
        return f"list of {_type(shape['items'])}" if shape.get("items") else "list"
    if kind == "object" and isinstance(shape.get("additionalProperties"), dict) and shape["additionalProperties"]:
        return f"object of {_type(shape['additionalProperties'])}"
    return str(kind or "any")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode("ascii")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=FILE)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when the page is not up to date")
    given = parser.parse_args(arguments)
    file: Path = given.file
    before = file.read_text("utf-8")
    after = before.partition(MARK)[0].rstrip() + "\n\n" + MARK + methods(declared(plugins("bitdust_node.services")))
    if given.check:
        return int(before != after)
    file.write_text(after, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
