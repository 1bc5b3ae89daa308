"""
Talking with people at the terminal.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import click

from bitdust_node.cli.completing import friend_ids
from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.groups import Spellings
from bitdust_node.cli.output import clean
from bitdust_node.errors import BitDustError

#: Under this name the node keeps messages for us while nobody listens.
CONSUMER = "terminal_chat"
#: Seconds that one question for messages may stay open.
POLL_SECONDS = 60
SEND_SECONDS = 90.0
#: What a person wants to know of a message that was sent, by its state.
FATES = {
    "read": "it was read",
    "delivered": "it was delivered",
    "stored": "it waits at the suppliers of the user until he is back",
    "pending": "the user can not be reached now: it is tried again",
}


@click.group(cls=Spellings, invoke_without_command=True)
@click.pass_context
def message(ctx: click.Context) -> None:
    """Talk with people. Without a command: listen."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(listen)


@message.named("send", "to")
@click.argument("user", shell_complete=friend_ids)
@click.argument("words", nargs=-1, required=True, metavar="TEXT")
@pass_context
def send(context: Context, user: str, words: tuple[str, ...]) -> None:
    """Send TEXT to USER, named by the name you gave, identity URL or global id."""
    sent = context.tell("message_send", SEND_SECONDS, recipient_id=user, data={"message": " ".join(words)})
    context.output.line(
        FATES.get(sent.get("state"), "it was read" if sent.get("consumed") else "nobody has read it yet")
    )


@message.named("listen", "receive", "read")
@click.argument("user", required=False, shell_complete=friend_ids)
@pass_context
def listen(context: Context, user: str | None) -> None:
    """
    Show messages as they come, until Ctrl-C. At a terminal what you type is sent to USER, or to whoever wrote last;
    `@USER TEXT` chooses somebody else.
    """
    context.need_node()
    talk = Talk(context, user or "")
    if context.output.terminal and sys.stdin.isatty():
        context.output.hint("type to answer, @USER TEXT to write to somebody, Ctrl-C to end")
        threading.Thread(target=talk.send_lines, daemon=True).start()
    while True:
        for one in context.ask("message_receive", POLL_SECONDS + 30, **_question()) or []:
            talk.show(one)


@message.named("history", "log")
@click.argument("user", required=False, shell_complete=friend_ids)
@click.option("--search", default="", metavar="WORDS", help="Only those with all these words.")
@click.option("--limit", default=50, show_default=True, help="The newest so many.")
@pass_context
def history(context: Context, user: str | None, search: str, limit: int) -> None:
    """Show what was written and received, of USER or of all who have the words, the newest last."""
    context.need_node()
    found = context.ask("message_history", recipient_id=user, search=search, limit=limit) or []
    talk = Talk(context)
    for one in reversed(found):
        document = one["doc"]
        talk.show({**document["payload"], "sender": document["sender"]["glob_id"]})


def _question() -> dict[str, Any]:
    return {"consumer_callback_id": CONSUMER, "direction": "incoming", "polling_timeout": POLL_SECONDS}


class Talk:
    """
    One talk at a terminal.

    peer: whom lines without a name go to, "" for nobody yet.
    """

    def __init__(self, context: Context, peer: str = "") -> None:
        self.peer = peer
        self._context = context

    def show(self, received: dict[str, Any]) -> None:
        """Show a message; from now on answers go to who sent it."""
        sender = str(received.get("sender", "?"))
        data = received.get("data")
        text = data.get("message", data) if isinstance(data, dict) else data
        if self._context.output.as_json:
            self._context.output.document(received)
        else:
            at = time.strftime("%H:%M:%S", time.localtime(int(received.get("time") or 0)))
            name = clean(sender.removeprefix("master$"))
            shown = click.style(name, fg="cyan", bold=True) if self._context.output.terminal else name
            click.echo(f"{at} {shown}: {clean(str(text))}")
        if sender.startswith("master$"):
            self.peer = sender.removeprefix("master$")

    def send_lines(self) -> None:
        """Send what is typed, line by line, until the end of the input."""
        for line in sys.stdin:
            self.send(line.strip())

    def send(self, line: str) -> None:
        """One typed line."""
        if line.startswith("@"):
            self.peer, _, line = line[1:].partition(" ")
        if not line.strip():
            return
        if not self.peer:
            self._context.complain("to whom? write @USER TEXT")
            return
        try:
            self._context.client.result("message_send", SEND_SECONDS, recipient_id=self.peer, data={"message": line})
        except BitDustError as error:
            self._context.complain(f"not sent to {self.peer}: {error}")
