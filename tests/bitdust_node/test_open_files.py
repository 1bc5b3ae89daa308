"""
A node may open more files than programs usually do.
"""

from __future__ import annotations

import resource

from twisted.trial import unittest

from bitdust_node.open_files import allow_many_files


class OpenFiles(unittest.TestCase):
    def setUp(self) -> None:
        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (now, most))
        self.few = min(512, most if most != resource.RLIM_INFINITY else 512)
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.few, most))

    def test_all_that_the_system_allows(self) -> None:
        allowed = allow_many_files()
        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.assertEqual(allowed, now)
        self.assertEqual(now, 65_536 if most == resource.RLIM_INFINITY else min(65_536, most))

    def test_twice_is_the_same(self) -> None:
        self.assertEqual(allow_many_files(), allow_many_files())
