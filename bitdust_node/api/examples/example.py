"""
What an example is.

The examples tell of a private network: `alice` runs the customer that is asked, `bob` is another one, and both keep
their data with suppliers. They are in an order in which they can be run one after the other, again and again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Who is asked: alice, a supplier, or a fresh node that may be stopped.
CUSTOMER, SUPPLIER, FRESH = "customer", "supplier", "fresh"
#: The file that alice uploads.
LOCAL_FILE = "/home/alice/report.txt"


@dataclass(frozen=True)
class Refusal:
    """
    A call that is answered with an error.

    when: what is wrong with it.
    text: what the answer says, or how it begins.
    """

    when: str
    arguments: Mapping[str, Any]
    text: str


@dataclass(frozen=True)
class Example:
    """
    A call of one method.

    answer: "OK", or the error that it gets on a node that can not do it.
    again: what the same call is answered with a moment later, if not the same.
    """

    method: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    answer: str = "OK"
    again: str = ""
    node: str = CUSTOMER
    refusals: tuple[Refusal, ...] = ()


def off(method: str, service: str, **arguments: Any) -> Example:
    """A method whose service does not exist yet."""
    return Example(method, arguments, f"service_{service}() is not started")
