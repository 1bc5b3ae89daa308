"""
Groups: everybody gets each post once, in the order of its author, whoever goes and comes.
"""

from __future__ import annotations

from tests.services.grouping.circle import GroupsCase


class Groups3(GroupsCase):
    def test_everybody_gets_each_post_once_the_sender_too(self) -> None:
        key_id, _circle = self.group(*self.people[1:])
        for number in range(5):
            for person in self.people:
                self.send(person, key_id, f"{person.number}-{number}")
        self.clock.advance(2)
        for person in self.people:
            self.assertEqual(len(person.texts()), 15, person.number)
            for other in self.people:
                own = [text for text in person.texts() if text.startswith(f"{other.number}-")]
                self.assertEqual(own, [f"{other.number}-{n}" for n in range(5)])
        shown = self.call(self.people[1], "group_info", group_key_id=key_id)
        self.assertEqual((shown["state"], shown["last_sequence_id"]), ("CONNECTED", 14))
