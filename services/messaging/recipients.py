"""
Whom a person means: a nickname of the address book, a global id, an IDURL, or the id of a key.
"""

from __future__ import annotations

from dataclasses import dataclass

from bitdust_node.errors import Invalid, NotFound
from bitdust_node.identity.names import MASTER, KeyId, Locator, global_id_of
from services.messaging.entries import GROUP, PERSONAL, PRIVATE
from services.people.friends import Friends

TEXT_LIMIT = 500


@dataclass(frozen=True)
class Named:
    """
    alias: `master` for a person, else of the key of a group. name: global id of the person, or the owner of the key.
    """

    alias: str
    name: str

    @property
    def kind(self) -> str:
        """Of the messages that such a recipient gets."""
        if self.alias.startswith("group_"):
            return GROUP
        return PERSONAL if self.alias.startswith("person") else PRIVATE


class Recipients:
    """
    Reads what people write for a recipient.
    """

    def __init__(self, friends: Friends) -> None:
        self._friends = friends

    async def named(self, text: str, what: str = "recipient_id") -> Named:
        """
        Raises `NotFound` for a nickname that nobody has, `Invalid` for what is no id. A friend's nickname comes first.
        """
        text = text.strip()
        if len(text) > TEXT_LIMIT:
            raise Invalid(f"wrong {what}")
        await self._friends.load()
        friend = self._friends.named(text)
        if friend is not None:
            return Named(MASTER, global_id_of(self._friends.idurl(friend)))
        if "@" not in text and "://" not in text and "$" not in text:
            raise NotFound("recipient was not found")
        try:
            if "://" in text:
                return Named(MASTER, Locator.of_idurl(text).global_id)
            key = KeyId.parse(text)
        except Invalid as error:
            raise Invalid(f"wrong {what}: {error}") from None
        return Named(key.alias, key.owner)
