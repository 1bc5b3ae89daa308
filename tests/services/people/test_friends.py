"""
Friends: the list, its events, and who of them is online.
"""

from __future__ import annotations

from typing import Any

from bitdust_node.api.models import Snapshot
from bitdust_node.dht.node import DhtNode
from bitdust_node.errors import Unavailable
from bitdust_node.identity.addresses import Addresses
from bitdust_node.identity.registrar import Registrar
from services.identity_propagate import IdentityPropagate
from services.people.contact_list import ContactList
from services.people.friends import Friends
from services.people.nicknames import Holder, Nicknames
from services.people.presence import ROUND
from tests.services.people.people import PeopleCase, Person


class FakeRegistrar:
    async def check(self) -> None: ...


class FakeNicknames:
    """
    The DHT as a list.
    """

    def __init__(self) -> None:
        self.known: list[Holder] = []
        self.joined = True

    async def holders(self, nickname: str, attempts: int) -> list[Holder]:
        if not self.joined:
            raise Unavailable("the DHT is not connected yet")
        return [holder for holder in self.known if holder.nickname == nickname]


class FriendsCase(PeopleCase):
    services = (IdentityPropagate,)

    def prepare(self, person: Person) -> None:
        async def nothing() -> None: ...

        self.nicknames = FakeNicknames()
        person.node.resolver.start = nothing
        given: tuple[tuple[object, object], ...] = (
            (FakeRegistrar(), Registrar),
            (Addresses(), Addresses),
            (self.nicknames, Nicknames),
            (object(), DhtNode),
        )
        for part, as_type in given:
            person.assembly.provide(part, as_type)

    def listed(self, person: Person) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self.call(person, "friends_list")["result"]
        return result


class ListTests(FriendsCase):
    def test_add_and_remove(self) -> None:
        alice, bob, _ = self.people
        self.assertEqual(self.listed(alice), [])
        answer = self.call(alice, "friend_add", idurl=bob.node.me.idurl, alias=" Bobby ")
        self.assertEqual(answer, {"status": "OK", "message": "new friend has been added"})
        [friend] = self.listed(alice)
        contact = alice.node.router.contacts.get(bob.node.node_id)
        assert contact is not None
        self.assertEqual(
            friend,
            {
                "idurl": bob.node.me.idurl,
                "global_id": bob.id,
                "idhost": "id-a.example:8084",
                "username": "user-2",
                "alias": "Bobby",
                "contact_state": "CONNECTED",
                "contact_status": "online",
                "state": "CONNECTED",
                "index": contact.machine.index,
                "id": contact.machine.id,
                "name": "contact",
            },
        )
        names = {"idurl": bob.node.me.idurl, "global_id": bob.id}
        self.assertEqual([event.data for event in alice.told("friend-added")], [names | {"alias": "Bobby"}])
        self.assertEqual(self.call(alice, "friend_add", id=bob.id)["message"], "this friend was already added")
        self.assertEqual(self.listed(alice)[0]["alias"], "Bobby")
        self.call(alice, "friend_add", trusted_user_id=bob.id, alias="Robert")
        self.assertEqual([one["alias"] for one in self.listed(alice)], ["Robert"])
        self.assertIn("removed", self.call(alice, "friend_remove", user_id=bob.id)["message"])
        self.assertEqual([event.data for event in alice.told("friend-removed")], [names])
        self.assertEqual(len(alice.told("friend-added")), 1)
        self.assertEqual(self.listed(alice), [])

    def test_removed_by_alias(self) -> None:
        alice, bob, carol = self.people
        for person in (carol, bob):
            self.call(alice, "friend_add", trusted_user_id=person.id, alias=f"friend {person.number}")
        self.call(alice, "friend_remove", id="friend 3")
        self.assertEqual([one["global_id"] for one in self.listed(alice)], [bob.id])

    def test_by_nickname(self) -> None:
        alice, bob, carol = self.people
        nicknames = alice.assembly.make(Nicknames)
        nicknames.known = [Holder("bobby", 0, bob.node.me.idurl)]  # type: ignore[attr-defined]
        self.call(alice, "friend_add", trusted_user_id="bobby")
        self.assertEqual([one["global_id"] for one in self.listed(alice)], [bob.id])
        self.assertIn("nobody has the nickname", self.error(alice, "friend_add", trusted_user_id="carol"))
        nicknames.known.append(Holder("bobby", 1, carol.node.me.idurl))  # type: ignore[attr-defined]
        text = self.error(alice, "friend_add", trusted_user_id="bobby")
        self.assertIn(f"say which one you mean: {bob.id}, {carol.id}", text)
        nicknames.joined = False  # type: ignore[attr-defined]
        self.assertIn("not connected", self.error(alice, "friend_add", trusted_user_id="bobby"))

    def test_refusals(self) -> None:
        alice, bob, _ = self.people
        for name, given, text in (
            ("friend_add", {"trusted_user_id": ""}, "must specify the IDURL"),
            ("friend_add", {"trusted_user_id": "two words"}, "must specify the IDURL"),
            ("friend_add", {"trusted_user_id": alice.id}, "can not add own identity"),
            ("friend_add", {"trusted_user_id": "user-9@id-a.example_8084"}, "failed caching user identity"),
            ("friend_add", {"trusted_user_id": bob.id, "alias": "x\ny"}, "an alias is one line"),
            ("friend_add", {"trusted_user_id": bob.id, "alias": "x" * 101}, "an alias is one line"),
            ("friend_remove", {"user_id": " "}, "must specify"),
            ("friend_remove", {"user_id": bob.id}, "friend was not found"),
            ("friend_remove", {"user_id": "'; DROP TABLE friends; --"}, "friend was not found"),
        ):
            self.assertIn(text, self.error(alice, name, **given))
        self.assertEqual(self.listed(alice), [])

    def test_gates_and_routes(self) -> None:
        alice, bob, _ = self.people
        alice.off = {"identity_propagate"}
        for name, given in (("friend_add", {"id": bob.id}), ("friend_remove", {"id": bob.id})):
            self.assertEqual(self.error(alice, name, **given), "service_identity_propagate() is not started")
        self.assertEqual(self.listed(alice), [])
        for path in ("/friend/add/v1", "/friend/remove/v1", "/v1/friend/remove", "/fr/d"):
            found = alice.api.route("DELETE", path)
            assert found is not None
            self.assertEqual(found[0].name, "friend_remove")


class ModelTests(FriendsCase):
    def test_snapshots(self) -> None:
        alice, bob, _ = self.people
        [source] = alice.assembly.make(IdentityPropagate).models()
        told: list[Snapshot] = []
        source.observe(told.append)
        self.call(alice, "friend_add", trusted_user_id=bob.id)
        self.call(alice, "friend_add", trusted_user_id=bob.id, alias="Bobby")

        async def all_now() -> list[Snapshot]:
            return [snapshot async for snapshot in source.all({})]

        self.assertEqual(self.run_it(all_now()), told[-1:])
        counted = self.run_it(alice.assembly.make(IdentityPropagate).counters())
        self.assertEqual(counted, {"contact": {"correspondents": 1}})
        self.call(alice, "friend_remove", user_id=bob.id)
        self.assertEqual([snapshot.data["nickname"] for snapshot in told], ["", "Bobby", "Bobby"])
        self.assertEqual([snapshot.deleted is None for snapshot in told], [True, True, False])
        self.assertEqual({snapshot.id for snapshot in told}, {bob.node.me.idurl})


class PresenceTests(FriendsCase):
    def test_come_and_go(self) -> None:
        alice, bob, carol = self.people
        self.run_it(alice.node.router.reach(carol.node.node_id))
        self.call(alice, "friend_add", trusted_user_id=bob.id)
        bob.node.die()
        self.clock.pump(20)
        names = {"idurl": bob.node.me.idurl, "global_id": bob.id}
        [came] = alice.told("friend-connected")
        self.assertEqual(came.data, names | {"old_state": "PING?", "new_state": "CONNECTED"})
        [gone] = alice.told("friend-disconnected")
        self.assertEqual(gone.data, names | {"old_state": "CONNECTED", "new_state": "OFFLINE"})
        self.assertEqual(self.listed(alice)[0]["contact_status"], "offline")
        # who could not be called does not come and go each time
        self.clock.advance(3 * ROUND)
        self.assertEqual(len(alice.told("friend-disconnected")), 1)
        self.run_it(bob.node.transport.listen(bob.node.router.deliver))
        self.clock.advance(2 * ROUND)
        self.assertEqual(len(alice.told("friend-connected")), 2)
        self.assertEqual(self.listed(alice)[0]["contact_state"], "CONNECTED")

    def test_after_a_restart(self) -> None:
        alice, bob, _ = self.people
        self.call(alice, "friend_add", trusted_user_id=bob.id, alias="Bobby")
        service = alice.assembly.make(IdentityPropagate)
        self.run_it(service.stop())
        self.assertEqual(self.listed(alice)[0]["contact_state"], "OFFLINE")
        contact_list = ContactList(alice.node.events)
        again = Friends(alice.state_db, alice.node.resolver, contact_list, alice.node.events, alice.node.clock)
        self.run_it(again.load())
        self.assertEqual(contact_list.idurls, [bob.node.me.idurl])
        self.assertEqual([(friend.idurl, friend.alias) for friend in again], [(bob.node.me.idurl, "Bobby")])
        alice.node.resolver.known.clear()
        [friend] = again
        self.assertEqual(again.idurl(friend), bob.node.me.idurl)
        self.assertIs(again.named(bob.id), friend)
