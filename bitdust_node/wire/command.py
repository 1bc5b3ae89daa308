"""
A command of the wire: its name, the types of question and answer, and how large the question may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

Question = TypeVar("Question", bound=msgspec.Struct)
Answer = TypeVar("Answer", bound=msgspec.Struct)

#: No frame is larger than this; what does not fit is sent as a stream.
MESSAGE_LIMIT = 64 * 1024


class Nothing(msgspec.Struct, frozen=True):
    """An empty question or answer."""


@dataclass(frozen=True)
class Command(Generic[Question, Answer]):
    """
    name: lower-case words joined by dots, e.g. `lease.request`.
    limit: bytes of the encoded question; larger ones are refused before they are decoded.
    stream: true when the question opens a stream of bytes (bulk data) instead of asking for one answer.
    """

    name: str
    question: type[Question]
    answer: type[Answer]
    limit: int = 4096
    stream: bool = False
