"""
Packets: what the bodies of frames say. Each is a msgpack array, declared here by its fields; see docs/wire.md.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec

from bitdust_node.errors import BY_NAME, BitDustError, Failed, Invalid

#: The version of this protocol; both sides must share one.
VERSION = 1
#: Bytes of stream that may be under way before the reader must grant more.
WINDOW = 1024 * 1024
WINDOW_LEAST = 16 * 1024
WINDOW_MOST = 4 * 1024 * 1024

Name = Annotated[str, msgspec.Meta(max_length=64)]
Text = Annotated[str, msgspec.Meta(max_length=500)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]

T = TypeVar("T")


class Hello(msgspec.Struct, frozen=True, array_like=True):
    """
    versions: those that the sender speaks, best first.
    document: its identity document, XML.
    record: its device record, which binds the key of the session to the identity.
    """

    versions: Annotated[list[int], msgspec.Meta(max_length=16)]
    document: bytes
    record: bytes


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """
    id: chosen by the asker, unique on this session. command: name of the command. question: its encoded question.
    """

    id: Number
    command: Name
    question: bytes


class Reply(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """
    id: of the Ask. answer: the encoded answer of the command.
    """

    id: Number
    answer: bytes


class Failure(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """
    id: of the Ask. error: class name of `bitdust_node.errors`. text: for the person.
    """

    id: Number
    error: Name
    text: Text


Message = Ask | Reply | Failure


class Opening(msgspec.Struct, frozen=True, array_like=True):
    """
    command: name of a command whose question opens a stream. question: encoded. window: first credit of both sides.
    """

    command: Name
    question: bytes
    window: Annotated[int, msgspec.Meta(ge=WINDOW_LEAST, le=WINDOW_MOST)] = WINDOW


class Reason(msgspec.Struct, frozen=True, array_like=True):
    """
    Why a stream was reset. error: class name of `bitdust_node.errors`. text: for the person.
    """

    error: Name
    text: Text


_encoder = msgspec.msgpack.Encoder()
_messages: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
_openings = msgspec.msgpack.Decoder(Opening)
_reasons = msgspec.msgpack.Decoder(Reason)
_hellos = msgspec.msgpack.Decoder(Hello)

BAD = (msgspec.MsgspecError, ValueError, RecursionError)


def pack(packet: msgspec.Struct) -> bytes:
    """The msgpack of any packet, question or answer."""
    return _encoder.encode(packet)


def unpack(type: type[T], data: bytes) -> T:
    """
    A question or answer of that type; anything else raises Invalid.
    """
    try:
        return msgspec.msgpack.decode(data, type=type)
    except BAD as error:
        raise Invalid(f"not a {type.__name__}: {str(error)[:200]}") from None


def unpack_message(data: bytes) -> Message:
    """The packet in a MESSAGE frame; anything else raises Invalid."""
    try:
        return _messages.decode(data)
    except BAD as error:
        raise Invalid(f"not a message: {str(error)[:200]}") from None


def unpack_opening(data: bytes) -> Opening:
    """The packet in an OPEN frame; anything else raises Invalid."""
    try:
        return _openings.decode(data)
    except BAD as error:
        raise Invalid(f"not an opening: {str(error)[:200]}") from None


def unpack_hello(data: bytes) -> Hello:
    """The packet in a HELLO frame; anything else raises Invalid."""
    try:
        return _hellos.decode(data)
    except BAD as error:
        raise Invalid(f"not a hello: {str(error)[:200]}") from None


def name_of(error: BaseException) -> tuple[str, str]:
    """
    Name and text of an error as they go to the other side; a defect goes as Failed without details.
    """
    if isinstance(error, BitDustError):
        # a subclass that only this node knows is sent as the nearest one that everybody knows
        for kind in type(error).__mro__:
            if kind.__name__ in BY_NAME:
                return kind.__name__, str(error)[:500]
    return Failed.__name__, "the other side failed"


def error_of(name: str, text: str) -> BitDustError:
    """The error that the other side named; an unknown name is Failed."""
    return BY_NAME.get(name, Failed)(text or "the other side gave no reason")


def pack_reason(error: BaseException) -> bytes:
    """The body of a RESET frame."""
    return _encoder.encode(Reason(*name_of(error)))


def unpack_reason(data: bytes) -> BitDustError:
    """The error in a RESET frame; anything else raises Invalid."""
    try:
        reason = _reasons.decode(data)
    except BAD as error:
        raise Invalid(f"not a reason: {str(error)[:200]}") from None
    return error_of(reason.error, reason.text)
