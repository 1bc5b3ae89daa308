"""
What is published keeps to the declaration, and the declaration to the contract.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.event_fields import FIELDS, Fields
from tests.test_house import ROOT, modules

#: Events that clients name, and those named by a variable; the names are in the module all the same.
BY_CLIENTS = {"bitdust_node.api.events"}


def literals(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


class EventFieldsTest(SynchronousTestCase):
    def test_all_that_is_published_is_declared(self) -> None:
        found = set()
        for name, tree, _ in modules():
            if name in BY_CLIENTS:
                continue
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr == "publish"
                    and ast.unparse(node.func.value).endswith("events")
                    and node.args
                    and not isinstance(node.args[0], ast.JoinedStr | ast.Name)
                ):
                    found.update((name, text) for text in literals(node.args[0]))
        self.assertGreater(len(found), 30)
        self.assertEqual([one for one in sorted(found) if one[1] not in FIELDS], [])

    def test_the_contract(self) -> None:
        text = (ROOT / "docs/native-api.md").read_text("utf-8")
        table = text.split("## c.1 ")[1].split("\n# (d)")[0]
        rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
        self.assertGreater(len(rows), 50)
        for names, told in rows:
            previous = ""
            for event_id in re.findall(r"`([^`]+)`", names):
                if "<" in event_id:
                    continue
                if event_id.startswith("-"):
                    event_id = previous.rpartition("-")[0] + event_id
                previous = event_id
                self.assertIn(event_id, FIELDS)
                declared = FIELDS[event_id]
                listed = re.findall(r"^[a-z_, ]+", told.strip()) or [""]
                fields = {word.strip() for word in listed[0].split(",")} if "_" in told or "," in told else set()
                missing = {
                    field
                    for field in fields
                    if re.fullmatch(r"[a-z]+(_[a-z]+)+", field)
                    and field not in {**declared.needed, **declared.further}
                    and not declared.free
                }
                self.assertEqual(missing, set(), event_id)

    def test_check(self) -> None:
        fields = Fields({"name": str}, {"more": int | None})
        self.assertEqual(fields.check({"name": "x", "more": None}), [])
        self.assertEqual(
            fields.check({"more": "1", "other": 2}),
            ["lacks name", "has more='1', which is no int | None", "has other, which is not declared"],
        )
