"""
Names of people, keys and paths.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Invalid
from bitdust_node.identity.names import (
    KeyId,
    Locator,
    RemotePath,
    check_alias,
    check_node_id,
    check_path,
    check_username,
    global_id_of,
    idurl_of,
)

ME = "mia@home_8084"
users = st.from_regex(r"[a-z][a-z0-9_-]{2,19}", fullmatch=True)
hosts = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z0-9]{1,5}){0,3}", fullmatch=True)
ports = st.integers(1, 65535)


class LocatorTests(SynchronousTestCase):
    def test_the_forms_of_the_contract(self) -> None:
        self.assertEqual(global_id_of("http://id-a:8084/alice.xml"), "alice@id-a_8084")
        self.assertEqual(idurl_of("alice@id-a_8084"), "http://id-a:8084/alice.xml")
        self.assertEqual(global_id_of("http://id-a:80/alice.xml"), "alice@id-a")
        self.assertEqual(idurl_of("Alice@ID-a.example"), "http://id-a.example/alice.xml")

    @given(users, hosts, ports)
    def test_there_and_back(self, user: str, host: str, port: int) -> None:
        locator = Locator(user, host, port)
        self.assertEqual(Locator.parse(locator.idurl), locator)
        self.assertEqual(Locator.parse(locator.global_id), locator)
        self.assertEqual(Locator.parse(f"some_key${locator.global_id}"), locator)

    @given(st.text(max_size=60))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        try:
            locator = Locator.parse(text)
        except Invalid:
            return
        self.assertEqual(Locator.parse(locator.idurl), locator)

    def test_refused(self) -> None:
        for text in (
            "",
            "alice",
            "https://host/alice.xml",
            "http://host/../alice.xml",
            "http://host:0/alice.xml",
            "http://host:70000/alice.xml",
            "http://ho st/alice.xml",
            "http://u:p@host/alice.xml",
            "alice@host_99999",
            "a" * 5000 + "@host",
            "alice@-host",
            "alice@host\n",
        ):
            with self.assertRaises(Invalid, msg=text):
                if text.startswith("http"):
                    Locator.of_idurl(text)
                else:
                    Locator.of_global_id(text)

    def test_checks(self) -> None:
        self.assertEqual((check_username("bob"), check_alias("share_" + "0" * 32)), ("bob", "share_" + "0" * 32))
        self.assertEqual(check_node_id("0" * 64), "0" * 64)
        for check in (check_username, check_alias, check_node_id):
            with self.assertRaises(Invalid):
                check("No!")


class KeyIdTests(SynchronousTestCase):
    def test_forms(self) -> None:
        whole = KeyId("docs", "alice@id-a_8084")
        self.assertEqual(str(whole), "docs$alice@id-a_8084")
        self.assertEqual(KeyId.parse("docs$alice@id-a_8084"), whole)
        self.assertEqual(KeyId.parse("alice!docs@id-a_8084"), whole)
        self.assertEqual(KeyId.parse("alice@id-a_8084"), KeyId("master", "alice@id-a_8084"))
        self.assertEqual(KeyId.parse("master", ME), KeyId("master", ME))

    def test_refused(self) -> None:
        for text in ("", "$", "docs", "docs$", "docs$alice", "$alice@host", "a$b$alice@host", "../x$alice@host"):
            with self.assertRaises(Invalid, msg=text):
                KeyId.parse(text)


class RemotePathTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for text, expected in {
            "master$alice@id-a_8084:docs/a.txt": RemotePath("master", "alice@id-a_8084", "docs/a.txt"),
            "alice@id-a_8084:docs": RemotePath("master", "alice@id-a_8084", "docs"),
            "share_1$alice@id-a_8084:": RemotePath("share_1", "alice@id-a_8084", ""),
            "share_1$alice@id-a_8084": RemotePath("share_1", "alice@id-a_8084", ""),
            "docs/a.txt": RemotePath("master", ME, "docs/a.txt"),
            "/docs/": RemotePath("master", ME, "docs"),
            "": RemotePath("master", ME, ""),
            "docs/a.txt#F20261121035410PM": RemotePath("master", ME, "docs/a.txt", "F20261121035410PM"),
            "C#.txt": RemotePath("master", ME, "C#.txt"),
            "documents": RemotePath("master", ME, "documents"),
            "письма/день 1: начало": RemotePath("master", ME, "письма/день 1: начало"),
            "share_1$:a": RemotePath("share_1", ME, "a"),
        }.items():
            self.assertEqual(RemotePath.parse(text, ME), expected, text)
            self.assertEqual(RemotePath.parse(str(expected), ME), expected)

    def test_paths_that_leave_the_tree_or_fit_no_disk(self) -> None:
        for path in ("..", "a/../b", "a//b", "./a", "a/.", "a\0b", "x" * 5000, "x/" * 2500, "x" * 256, "\ud800"):
            with self.assertRaises(Invalid, msg=path[:20]):
                RemotePath.parse(path, ME)
            with self.assertRaises(Invalid, msg=path[:20]):
                RemotePath.parse(f"master$alice@host:{path}", ME)

    @given(st.text(max_size=80))
    def test_what_is_accepted_stays_below_the_root(self, text: str) -> None:
        try:
            path = check_path(text)
        except Invalid:
            return
        self.assertFalse(path.startswith("/"))
        self.assertNotIn("..", path.split("/"))
        self.assertEqual(check_path(path), path)
