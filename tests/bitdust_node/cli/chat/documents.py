"""
Documents as the node pushes them.
"""

from __future__ import annotations

from typing import Any

ALICE, BOB, CAROL = "alice@host", "bob@host", "carol@host"
CREW = f"group_{'1' * 32}$alice@host"
SHARE = f"share_{'2' * 32}$bob@host"


def document(sender: str, recipient: str, data: Any, message_id: str = "1", **more: Any) -> dict[str, Any]:
    """One message."""
    kind = "group_message" if recipient.startswith("group_") else "private_message"
    names = [one if one.startswith("group_") else f"master${one}" for one in (sender, recipient)]
    return {
        "payload": {"msg_type": kind, "message_id": message_id, "time": 86_400 * 365, "data": data},
        "sender": {"glob_id": sender if kind == "group_message" else names[0]},
        "recipient": {"glob_id": names[1]},
        "direction": "in",
        "conversation_id": "0&1",
    } | more
