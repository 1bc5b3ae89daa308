"""
The page of the methods: that it is what the objects declare, and shows an example of each.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.api import document
from bitdust_node.api.examples.table import EXAMPLES
from bitdust_node.api.parts import declared
from bitdust_node.plugins import plugins
from tests.contract.examples import examples_of_the_page


class PageTest(SynchronousTestCase):
    def test_the_page_is_up_to_date(self) -> None:
        self.assertEqual(document.main(["--check"]), 0, "run python -m bitdust_node.api.document")

    def test_writing_it(self) -> None:
        copy = Path(self.mktemp())
        copy.write_text("# Head\n")
        self.assertEqual(document.main(["--check", str(copy)]), 1)
        self.assertEqual(document.main([str(copy)]), 0)
        self.assertTrue(copy.read_text().startswith("# Head\n\n" + document.MARK))
        self.assertEqual(document.main(["--check", str(copy)]), 0)

    def test_every_method_has_one_example(self) -> None:
        names = [one.method for one in EXAMPLES]
        known = {one.name for one in declared(plugins("bitdust_node.services"))}
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(known, set(names))

    def test_the_page_shows_them(self) -> None:
        shown = examples_of_the_page()
        for one in declared(plugins("bitdust_node.services")):
            self.assertEqual(len(shown[one.name]), 3 if one.routes else 1, one.name)
