"""
Identity documents: what is accepted is whole and signed.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.errors import Corrupt, Invalid
from bitdust_node.identity.document import Document
from tests.keys import test_document, test_key


class DocumentTests(SynchronousTestCase):
    def test_it_reads_what_it_writes(self) -> None:
        document = test_document(1, "alice", contacts=("tcp://1.2.3.4:7771", "proxy://bob@id-b.example"), revision=7)
        self.assertEqual(Document.parse(document.xml), document)
        self.assertEqual(document.node_id, test_key(1).public.node_id)
        self.assertEqual(document.global_id, "alice@id-a.example_8084")

    def test_the_layout_of_the_xml_does_not_matter(self) -> None:
        document = test_document(1)
        tight = b"".join(line.strip() for line in document.xml.splitlines())
        self.assertEqual(Document.parse(tight), document)

    def test_the_shape_of_the_contract(self) -> None:
        shown = test_document(1, "alice").describe()
        lists = ["sources", "contacts", "certificates", "scrubbers"]
        texts = ["postage", "date", "version", "revision", "publickey", "signature"]
        self.assertEqual(list(shown), ["name", "idurl", "global_id", *lists, *texts])
        self.assertEqual((shown["name"], shown["revision"], shown["postage"]), ("alice", "0", "1"))
        self.assertTrue(shown["publickey"].startswith("ssh-rsa AAAA"))
        self.assertTrue(shown["signature"].isdecimal())

    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(st.from_regex(r"[a-z]{2,8}://[a-z0-9.:@_-]{1,30}", fullmatch=True), max_size=5),
        st.lists(st.text(st.characters(categories=("L", "N", "P", "S")), max_size=30), max_size=3),
        st.integers(0, 2**53 - 1),
    )
    def test_any_fields(self, contacts: list[str], certificates: list[str], revision: int) -> None:
        sources = ["http://host/alice.xml"]
        document = Document.make(
            test_key(1), sources, contacts, certificates=certificates, date="d", version="<v>&", revision=revision
        )
        self.assertEqual(Document.parse(document.xml), document)

    def test_fields_that_no_reader_would_take(self) -> None:
        good = {"sources": ["http://host/alice.xml"], "contacts": ["tcp://1.2.3.4:1"]}
        for bad in (
            {"sources": []},
            {"sources": ["http://host/alice.xml"] * 2},
            {"sources": ["http://host/alice.xml", "http://host/bob.xml"]},
            {"sources": ["http://HOST/alice.xml"]},
            {"sources": ["http://host:80/alice.xml"]},
            {"sources": [f"http://host{number}/alice.xml" for number in range(17)]},
            {"contacts": ["1.2.3.4"]},
            {"contacts": ["tcp://1.2.3.4:1"] * 33},
            {"version": "x" * 401},
            {"version": "line\nline"},
            {"date": " x"},
            {"revision": -1},
            {"revision": 2**53},
        ):
            with self.assertRaises(Invalid, msg=str(bad)[:60]):
                Document.make(test_key(1), **({"date": "", "version": ""} | good | bad))  # type: ignore[arg-type]

    def test_each_field_is_signed(self) -> None:
        document = test_document(1, "alice")
        for change in (
            {"sources": ("http://id-b.example/alice.xml",)},
            {"contacts": ("tcp://6.6.6.6:1",)},
            {"contacts": ()},
            {"certificates": ("x",)},
            {"scrubbers": ("x",)},
            {"postage": "2"},
            {"date": "x"},
            {"version": "x"},
            {"revision": 1},
            {"public_key": test_key(2).public.openssh},
            {"signature": str(int(document.signature) ^ 1)},
        ):
            with self.assertRaises(Corrupt, msg=str(change)[:60]):
                Document.parse(replace(document, **change).xml)  # type: ignore[arg-type]

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=200))
    def test_any_bytes_are_refused_by_name(self, data: bytes) -> None:
        with self.assertRaises(Invalid):
            Document.parse(data)
