"""
Plugins by their entry points, whoever wrote them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.plugins import plugins, preload

GROUP = "bitdust_node.test_plugins"
POINTS = f"""[{GROUP}]
good = bitdust_test_plugins.good:Good
missing = bitdust_test_plugins.nowhere:Missing
wild = bitdust_test_plugins.wild:Wild
"""


class PluginTests(SynchronousTestCase):
    """A package beside ours, with one plugin that works and two that do not."""

    def setUp(self) -> None:
        place = Path(self.mktemp()).absolute()
        package, told = place / "bitdust_test_plugins", place / "bitdust_test_plugins-1.0.dist-info"
        for folder in (package, told):
            folder.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "good.py").write_text("class Good: pass")
        (package / "wild.py").write_text("raise ZeroDivisionError")
        (told / "METADATA").write_text("Metadata-Version: 2.1\nName: bitdust-test-plugins\nVersion: 1.0\n")
        (told / "entry_points.txt").write_text(POINTS)
        sys.path.insert(0, str(place))
        self.addCleanup(sys.path.remove, str(place))
        self.addCleanup(self.forget)
        self.logged: list[str] = []
        look = lambda event: self.logged.append(str(event.get("name")))  # noqa: E731
        globalLogPublisher.addObserver(look)
        self.addCleanup(globalLogPublisher.removeObserver, look)

    def forget(self) -> None:
        for name in [name for name in sys.modules if name.startswith("bitdust_test_plugins")]:
            del sys.modules[name]

    def test_those_that_fail_are_logged_and_left_out(self) -> None:
        self.assertEqual(list(plugins(GROUP)), ["good"])
        self.assertEqual(sorted(self.logged), ["missing", "wild"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_imported_early_they_fail_in_silence(self) -> None:
        preload(GROUP)
        self.assertIn("bitdust_test_plugins.good", sys.modules)
        self.assertEqual(self.logged, [])
        self.assertEqual(list(plugins(GROUP)), ["good"])
        self.assertEqual(sorted(self.logged), ["missing", "wild"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
