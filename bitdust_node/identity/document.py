"""
The identity document: the signed XML that says where a node is reached and which key speaks for it.

The signature covers every field. It is made over length-prefixed fields, not over the XML, so that the XML may be
written anew without breaking it. See docs/identity.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from bitdust_node.errors import Corrupt, Invalid
from bitdust_node.identity.names import Locator, NodeId
from bitdust_node.keys.canonical import canonical
from bitdust_node.keys.rsa import PrivateKey, PublicKey

DOMAIN = "bitdust.identity.1"
DOCUMENT_LIMIT = 64 * 1024
SOURCES_LIMIT = 16
ITEMS_LIMIT = 32
TEXT_LIMIT = 400
REVISION_LIMIT = 2**53

_LISTS = {"sources": "source", "contacts": "contact", "certificates": "certificate", "scrubbers": "scrubber"}
_TEXTS = ("postage", "date", "version", "revision", "publickey", "signature")
_CONTACT = re.compile(r"[a-z][a-z0-9]{1,15}://[^\s/]+(/\S*)?")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,1299}")


@dataclass(frozen=True)
class Document:
    """
    One identity at one revision. Documents that exist are verified: `parse` and `make` let no others through.

    sources: IDURLs where it is published, the first is the main one; all have the same user name.
    contacts: where its transports listen, best first, e.g. `tcp://1.2.3.4:7771`.
    postage, version: texts for people. date: when this revision was made, for people.
    revision: grows with each publication; everybody refuses an older one.
    """

    sources: tuple[str, ...]
    contacts: tuple[str, ...]
    certificates: tuple[str, ...]
    scrubbers: tuple[str, ...]
    postage: str
    date: str
    version: str
    revision: int
    public_key: str
    signature: str

    @classmethod
    def make(
        cls,
        key: PrivateKey,
        sources: Sequence[str],
        contacts: Sequence[str],
        *,
        date: str,
        version: str,
        revision: int = 0,
        certificates: Sequence[str] = (),
        scrubbers: Sequence[str] = (),
        postage: str = "1",
    ) -> Document:
        """
        Write and sign a document; raises `Invalid` for a field that no reader would take.
        """
        lists = (tuple(sources), tuple(contacts), tuple(certificates), tuple(scrubbers))
        unsigned = cls(*lists, postage, date, version, revision, key.public.openssh, "")
        unsigned._check()
        signature = key.sign(DOMAIN, unsigned._signed_bytes())
        return cls(*lists, postage, date, version, revision, key.public.openssh, str(int.from_bytes(signature, "big")))

    @classmethod
    def parse(cls, xml: bytes, limit: int = DOCUMENT_LIMIT) -> Document:
        """
        Read and verify a document. Raises `Invalid` for what is not one, `Corrupt` when the signature is wrong.
        """
        if len(xml) > limit:
            raise Invalid(f"identity document is longer than {limit} bytes")
        try:
            root = fromstring(xml, forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
            raise Invalid("identity document is not well-formed XML") from error
        fields = _fields(root)
        document = cls(
            **{name: fields[name] for name in (*_LISTS, "postage", "date", "version", "signature")},
            revision=_revision(fields["revision"]),
            public_key=fields["publickey"],
        )
        document._check()
        document._verify()
        return document

    @property
    def name(self) -> str:
        return self._locators[0].user

    @property
    def idurl(self) -> str:
        return self.sources[0]

    @property
    def global_id(self) -> str:
        return self._locators[0].global_id

    @property
    def node_id(self) -> NodeId:
        return self.public.node_id

    @cached_property
    def public(self) -> PublicKey:
        return PublicKey.from_openssh(self.public_key)

    @cached_property
    def xml(self) -> bytes:
        """The document as it is published; the same document gives the same bytes."""
        lines = ['<?xml version="1.0" encoding="utf-8"?>', "<identity>"]
        for name, item in _LISTS.items():
            values: tuple[str, ...] = getattr(self, name)
            lines += [f"  <{name}>", *(f"    <{item}>{escape(value)}</{item}>" for value in values), f"  </{name}>"]
        for name in _TEXTS:
            lines.append(f"  <{name}>{escape(self._text(name))}</{name}>")
        return "\n".join([*lines, "</identity>", ""]).encode("utf-8")

    def describe(self) -> dict[str, Any]:
        """
        The fields as the API shows them.
        """
        return {
            "name": self.name,
            "idurl": self.idurl,
            "global_id": self.global_id,
            **{name: list(getattr(self, name)) for name in _LISTS},
            **{name: self._text(name) for name in _TEXTS},
        }

    @cached_property
    def _locators(self) -> tuple[Locator, ...]:
        return tuple(Locator.of_idurl(source) for source in self.sources)

    def _text(self, name: str) -> str:
        return str(getattr(self, "public_key" if name == "publickey" else name))

    def _signed_bytes(self) -> bytes:
        lists = [getattr(self, name) for name in _LISTS]
        return canonical("identity", *lists, self.postage, self.date, self.version, self.revision, self.public.der)

    def _check(self) -> None:
        if not 1 <= len(self.sources) <= SOURCES_LIMIT:
            raise Invalid(f"identity document needs 1 to {SOURCES_LIMIT} sources")
        if any(locator.idurl != source for locator, source in zip(self._locators, self.sources, strict=True)):
            raise Invalid("a source of the identity document is not written in its short lower-case form")
        if len({locator.user for locator in self._locators}) != 1 or len(set(self.sources)) != len(self.sources):
            raise Invalid("the sources of the identity document must be different and have the same user name")
        for name in _LISTS:
            if len(getattr(self, name)) > ITEMS_LIMIT:
                raise Invalid(f"identity document has more than {ITEMS_LIMIT} {name}")
        if not all(_CONTACT.fullmatch(contact) for contact in self.contacts):
            raise Invalid("a contact of the identity document is not like tcp://host:port")
        texts = [text for name in _LISTS for text in getattr(self, name)] + [self.postage, self.date, self.version]
        for text in texts:
            if len(text) > TEXT_LIMIT or not text.isprintable() or text != text.strip():
                raise Invalid(f"identity document has a text that is not printable or has over {TEXT_LIMIT} characters")
        if not 0 <= self.revision < REVISION_LIMIT:
            raise Invalid("identity document has an impossible revision")
        if self.public.openssh != self.public_key:
            raise Invalid("the public key of the identity document is not written in its plain form")

    def _verify(self) -> None:
        if not _DECIMAL.fullmatch(self.signature):
            raise Corrupt("the signature of the identity document is not a decimal number")
        try:
            signature = int(self.signature).to_bytes(self.public.bits // 8, "big")
        except OverflowError:
            raise Corrupt("the signature of the identity document is longer than its key") from None
        self.public.verify(DOMAIN, self._signed_bytes(), signature)


def _fields(root: Element) -> dict[str, Any]:
    """
    The texts and lists under the root, each exactly once and nothing else.
    """
    if root.tag != "identity" or root.attrib:
        raise Invalid("not an identity document")
    fields: dict[str, Any] = {}
    for child in root:
        if child.tag in fields or child.attrib:
            raise Invalid("identity document has a field twice or with attributes")
        if child.tag in _LISTS:
            if any(item.tag != _LISTS[child.tag] or len(item) or item.attrib for item in child):
                raise Invalid(f"identity document has something strange among its {child.tag}")
            fields[child.tag] = tuple((item.text or "").strip() for item in child)
        elif child.tag in _TEXTS and not len(child):
            fields[child.tag] = (child.text or "").strip()
        else:
            raise Invalid("identity document has an unknown field")
    missing = {*_LISTS, *_TEXTS} - fields.keys()
    if missing:
        raise Invalid(f"identity document has no {', '.join(sorted(missing))}")
    return fields


def _revision(text: str) -> int:
    if len(text) > 16 or not _DECIMAL.fullmatch(text):
        raise Invalid("the revision of the identity document is not a decimal number")
    return int(text)
