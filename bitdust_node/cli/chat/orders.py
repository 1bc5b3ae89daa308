"""
What a person types: a message, or an order that begins with a slash.
"""

from __future__ import annotations

import difflib
import shlex
from dataclasses import dataclass

from bitdust_node.errors import Invalid

#: Name -> arguments, what it does, other names.
ORDERS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "open": ("NAME", "open the conversation with a person or group", ("o", "to", "with")),
    "list": ("", "show all conversations", ("ls", "l", "conversations")),
    "who": ("", "show who is here", ("members", "w")),
    "file": ("PATH [TO]", "send a file to this conversation, or to another", ("send", "f")),
    "get": ("[NUMBER] [FOLDER]", "fetch a file that was sent, the last one if no number is given", ("g", "download")),
    "more": ("", "show older messages (PageUp does it too)", ("older", "m")),
    "join": ("", "take part in this group", ()),
    "leave": ("", "take part in this group no longer", ()),
    "help": ("", "show this", ("h", "?")),
    "quit": ("", "end the chat (Ctrl-C, Ctrl-D)", ("q", "exit", "bye")),
}
_NAMES = {other: name for name, (_, _, others) in ORDERS.items() for other in (name, *others)}


@dataclass(frozen=True)
class Order:
    """
    name: one of `ORDERS`, or "say". words: its arguments, with quotes taken off. rest: the same as it was typed; of
    "say" the message.
    """

    name: str
    words: tuple[str, ...]
    rest: str


def parse(typed: str) -> Order | None:
    """
    What was typed, None for nothing. Two slashes begin a message that begins with one. Raises Invalid for an order
    that does not exist.
    """
    text = typed.strip("\r\n")
    if not text.strip():
        return None
    if not text.startswith("/") or text.startswith("//"):
        return Order("say", (), text[1:] if text.startswith("//") else text)
    word, _, rest = text[1:].partition(" ")
    name = _NAMES.get(word.casefold())
    if name is None:
        near = difflib.get_close_matches(word.casefold(), list(_NAMES), n=1)
        raise Invalid(f"there is no /{word}" + (f", did you mean /{near[0]}?" if near else ": /help shows what is"))
    rest = rest.strip()
    try:
        words = shlex.split(rest)
    except ValueError:  # a quotation mark that is none, as in a name
        words = rest.split()
    return Order(name, tuple(words), rest)


def help_lines() -> list[str]:
    """What `/help` shows."""
    width = max(len(f"/{name} {given}") for name, (given, _, _) in ORDERS.items())
    lines = [f"{f'/{name} {given}'.ljust(width)}  {does}" for name, (given, does, _) in ORDERS.items()]
    return [*lines, "Anything else is sent as a message; begin it with // if it begins with a slash."]
