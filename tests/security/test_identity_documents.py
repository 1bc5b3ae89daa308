"""
Attacks on identity documents: rollback, forgery, entity bombs, names of others.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase, TestCase

from bitdust_node.errors import Conflict, Corrupt, Invalid, Refused
from bitdust_node.identity.document import DOCUMENT_LIMIT, Document
from bitdust_node.identity.known import KnownIdentities
from tests.bitdust_node.identity.parts import Parts, RunningServer
from tests.keys import test_document, test_key

BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE identity [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<identity><sources><source>&b;</source></sources></identity>"""
FILE = b'<!DOCTYPE i [<!ENTITY x SYSTEM "file:///etc/passwd">]><identity><version>&x;</version></identity>'


class XmlTests(SynchronousTestCase):
    def test_entities_and_dtds(self) -> None:
        for xml in (BOMB, FILE, b"<!DOCTYPE identity><identity/>"):
            with self.assertRaises(Invalid):
                Document.parse(xml)

    def test_depth_and_size(self) -> None:
        for xml in (b"<identity>" * 6000, b"<a>" * 9000 + b"</a>" * 9000, b" " * (DOCUMENT_LIMIT + 1)):
            with self.assertRaises(Invalid):
                Document.parse(xml)

    def test_doubled_and_hidden_fields(self) -> None:
        xml = test_document(1).xml
        contact = b"<contact>tcp://6.6.6.6:6</contact>"
        for old, new in (
            (b"<postage>", b"<contacts>" + contact + b"</contacts><postage>"),
            (b"<postage>", b"<evil>x</evil><postage>"),
            (b"<contacts>", b'<contacts x="y">'),
            (b"<contact>", b"<contact><b/>"),
            (b"<identity>", b"<identity><revision>9</revision>"),
            (b"<postage>1</postage>", b""),
            (b"<revision>0</revision>", b"<revision>00</revision>"),
            (b"<revision>0</revision>", b"<revision>+0</revision>"),
            (b"<identity>", b'<identity xmlns="x">'),
        ):
            self.assertIn(old, xml)
            with self.assertRaises(Invalid, msg=str(new)):
                Document.parse(xml.replace(old, new, 1))

    def test_signatures_that_are_no_numbers(self) -> None:
        document = test_document(1)
        for signature in ("", "-1", "0x10", "1e5", "٣", "9" * 5000, "0" + document.signature, document.signature + "0"):
            with self.assertRaises((Corrupt, Invalid)):
                Document.parse(replace(document, signature=signature).xml)


class NameTests(SynchronousTestCase):
    """
    Mallory writes the names of others into his own, well signed, document.
    """

    def setUp(self) -> None:
        self.known = KnownIdentities(100)
        self.at_a, self.at_b = "http://id-a.example/bob.xml", "http://id-b.example/bob.xml"
        self.bob = test_document(1, sources=(self.at_b,))

    def test_a_name_that_is_confirmed_stands(self) -> None:
        self.known.add(self.bob, (self.at_b,))
        with self.assertRaises(Conflict):
            self.known.add(test_document(2, sources=(self.at_b,)))
        with self.assertRaises(Conflict):
            self.known.add(test_document(2, sources=(self.at_b,)), (self.at_b,))
        self.assertEqual(self.known.at(self.at_b), self.bob)

    def test_a_second_source_proves_nothing(self) -> None:
        mallory = test_document(2, sources=(self.at_a, self.at_b))
        self.known.add(mallory, (self.at_a,))
        self.known.add(self.bob, (self.at_b,))
        self.assertEqual(self.known.at(self.at_b), self.bob)
        self.assertFalse(self.known.confirmed(test_document(2, sources=(self.at_b,))))

    def test_a_claim_does_not_keep_the_owner_out(self) -> None:
        self.known.add(test_document(2, sources=(self.at_b,)))
        self.known.add(self.bob, (self.at_b,))
        self.assertEqual(self.known.at(self.at_b), self.bob)


class ServerTests(TestCase):
    async def test_bob_as_the_first_name_of_mallory(self) -> None:
        real, own = RunningServer(self), RunningServer(self)
        parts = Parts(self)
        bob = test_document(1, "bob", sources=(real.server.idurl("bob"),))
        await parts.servers.upload(bob.idurl, bob)
        mallory = test_document(2, "bob", sources=(bob.idurl, own.server.idurl("bob")))
        await parts.servers.upload(own.server.idurl("bob"), mallory)
        with self.assertRaises(Refused):
            await parts.resolver.resolve(own.server.idurl("bob"))
        with self.assertRaises(Refused):
            await parts.resolver.confirm(mallory)
        self.assertEqual(await parts.resolver.resolve(bob.idurl), bob)

    async def test_rollback(self) -> None:
        running = RunningServer(self)
        parts = Parts(self)
        idurl = running.server.idurl("bob")
        old, new = (test_document(1, "bob", sources=(idurl,), revision=revision) for revision in (1, 2))
        await parts.servers.upload(idurl, new)
        with self.assertRaises(Conflict):
            await parts.servers.upload(idurl, old)
        await parts.resolver.resolve(idurl)
        next(running.store._folder.glob("??/*.xml")).write_bytes(old.xml)
        await parts.resolver.refresh(test_key(1).public.node_id)
        self.assertEqual(await parts.resolver.resolve(idurl), new)
