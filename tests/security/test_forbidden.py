"""
Rules 2, 19, 20 and 25, as far as they can be read from the source: what runs foreign text as code, opens foreign
objects, uses broken algorithms, or waits by a clock that jumps.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import bitdust_node
from bitdust_node.run import _steady

ROOT = Path(bitdust_node.__file__).resolve().parent.parent
FOLDERS = ("automats", "bitdust_node", "services", "transports")
#: Modules that make objects of foreign bytes, or parse XML without limits; and what may be taken of them.
MODULES = {
    "pickle": set(),
    "marshal": set(),
    "shelve": set(),
    "dill": set(),
    "yaml": set(),
    "lxml": set(),
    "xml.etree.ElementTree": {"Element", "ParseError"},
    "xml.dom": set(),
    "xml.sax": set(),
    "random.random": set(),
}
CALLS = {"eval", "exec", "compile", "__import__"}
NAMES = {"system", "popen", "sha1", "md5", "SHA1", "MD5", "PKCS1v15"}


def trees() -> Iterator[tuple[str, ast.AST]]:
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))


class ForbiddenTest(SynchronousTestCase):
    def test_modules(self) -> None:
        for name, tree in trees():
            for node in ast.walk(tree):
                if isinstance(node, ast.Import):
                    self.assertEqual({alias.name for alias in node.names} & set(MODULES), set(), name)
                elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
                    self.assertLessEqual({alias.name for alias in node.names}, MODULES[node.module], name)

    def test_calls(self) -> None:
        for name, tree in trees():
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    self.assertNotIn(getattr(node.func, "id", ""), CALLS, name)
                    shell = [word for word in node.keywords if word.arg == "shell"]
                    self.assertEqual(shell, [], f"{name}: a shell")
                elif isinstance(node, ast.Attribute):
                    self.assertNotIn(node.attr, NAMES, name)


class ClockTest(SynchronousTestCase):
    def test_a_clock_that_is_set_moves_nothing(self) -> None:
        seconds = _steady()
        before = seconds()
        self.patch(time, "time", lambda: 0.0)
        self.assertLess(abs(seconds() - before), 5)
        self.patch(time, "time", lambda: 1e11)
        self.assertLess(abs(seconds() - before), 5)
