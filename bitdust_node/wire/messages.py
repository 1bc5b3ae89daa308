"""
What nodes say to each other about private messages and mailboxes. docs/messages.md has the exchanges.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bitdust_node.wire.command import Command, Nothing

#: Bytes of a letter that travels as a message; larger ones are streams.
SMALL = 48 * 1024
#: Bytes of any letter: a megabyte of data, its seal and signature.
LETTER_LIMIT = 1_000_000 + 8 * 1024
#: Items and bytes of one page of a mailbox.
PAGE_ITEMS, PAGE_BYTES = 200, 52 * 1024

NodeId = Annotated[str, Meta(min_length=64, max_length=64, pattern="^[0-9a-f]{64}$")]
MessageId = Annotated[bytes, Meta(min_length=16, max_length=16)]
Number = Annotated[int, Meta(ge=0, lt=1 << 48)]
Size = Annotated[int, Meta(ge=1, le=LETTER_LIMIT)]

#: Kinds of letters.
MESSAGE, RECEIPT = 0, 1


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """
    A letter as whoever carries it sees it.

    idurl: where the identity of the sender is published. kind: MESSAGE or RECEIPT. log: names a run of numbers of the
    sender to this recipient; number: in it, from 1; 0 for a receipt. least: the lowest number that was still on its
    way when this was written. time: unix seconds, by the sender's clock. wrapped: the message key, for the identity key
    of the recipient. sealed: the contents under that key.
    """

    format: Annotated[int, Meta(ge=1, le=1)]
    sender: NodeId
    idurl: Annotated[str, Meta(max_length=500)]
    recipient: NodeId
    kind: Annotated[int, Meta(ge=0, le=1)]
    message_id: MessageId
    log: Annotated[bytes, Meta(min_length=5, max_length=5)]
    number: Number
    least: Number
    time: Number
    wrapped: Annotated[bytes, Meta(max_length=512)]
    nonce: Annotated[bytes, Meta(min_length=12, max_length=12)]
    sealed: Annotated[bytes, Meta(max_length=LETTER_LIMIT)]


class SignedEnvelope(msgspec.Struct, frozen=True, array_like=True):
    """body: the packed envelope. record: device record of the sender. signature: of that device over the body."""

    body: Annotated[bytes, Meta(max_length=LETTER_LIMIT)]
    record: Annotated[bytes, Meta(max_length=2048)]
    signature: Annotated[bytes, Meta(max_length=200)]


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """What became of messages that were sent: their ids, and `delivered` or `read`."""

    message_ids: Annotated[list[MessageId], Meta(max_length=1000)]
    state: Annotated[str, Meta(max_length=20)]


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """letter: a packed SignedEnvelope of the asker for the one who is asked."""

    letter: Annotated[bytes, Meta(max_length=SMALL)]


class LargeLetter(msgspec.Struct, frozen=True, array_like=True):
    """size: bytes of the letter, which follow in the stream."""

    size: Size


class Taken(msgspec.Struct, frozen=True, array_like=True):
    """
    The letter is safely kept. state: `delivered`, `read`, or `stored` if the receiver does not tell. expected: a
    program is registered that will collect it soon.
    """

    state: Annotated[str, Meta(max_length=20)]
    expected: bool = False


class MailPut(msgspec.Struct, frozen=True, array_like=True):
    """A letter of the asker for a customer of the one who is asked. owner: of the mailbox."""

    owner: NodeId
    letter: Annotated[bytes, Meta(max_length=SMALL)]


class LargeMailPut(msgspec.Struct, frozen=True, array_like=True):
    """As MailPut; the letter follows in the stream."""

    owner: NodeId
    size: Size


class MailRead(msgspec.Struct, frozen=True, array_like=True):
    """after: the number of the last item that was seen, 0 for all."""

    after: Number


class MailItem(msgspec.Struct, frozen=True, array_like=True):
    """letter: empty if it is too large for a page and must be fetched."""

    number: Number
    size: Number
    letter: bytes


class MailPage(msgspec.Struct, frozen=True, array_like=True):
    """In the order in which they came; the last page is empty."""

    items: Annotated[list[MailItem], Meta(max_length=PAGE_ITEMS)]


class MailFetch(msgspec.Struct, frozen=True, array_like=True):
    """number: of an item of the own mailbox."""

    number: Number


class MailDelete(msgspec.Struct, frozen=True, array_like=True):
    """numbers: of items of the own mailbox that are safely kept elsewhere; unknown ones are no error."""

    numbers: Annotated[list[Number], Meta(max_length=PAGE_ITEMS)]


MESSAGE_GIVE = Command("message.give", Letter, Taken, limit=SMALL + 64)
#: After the letter the stream brings a packed Taken back.
MESSAGE_GIVE_LARGE = Command("message.give_large", LargeLetter, Nothing, stream=True)
MAIL_PUT = Command("mail.put", MailPut, Nothing, limit=SMALL + 256)
#: After the letter the stream brings a packed Nothing back.
MAIL_PUT_LARGE = Command("mail.put_large", LargeMailPut, Nothing, stream=True)
MAIL_READ = Command("mail.read", MailRead, MailPage)
#: The stream brings the letter.
MAIL_FETCH = Command("mail.fetch", MailFetch, Nothing, stream=True)
MAIL_DELETE = Command("mail.delete", MailDelete, Nothing)
#: A supplier tells that there is new mail.
MAIL_NEWS = Command("mail.news", Nothing, Nothing)
