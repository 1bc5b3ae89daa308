"""
Nicknames in a simulated DHT, and the service that publishes the own one.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.api.registry import Registry
from bitdust_node.config.config import Config
from bitdust_node.dht.node import DhtNode
from bitdust_node.errors import Conflict, Invalid
from bitdust_node.waiting import started
from services.people.naming import AGAIN, OPTION, NicknameService
from services.people.nicknames import Nicknames, check_nickname
from tests.keys import test_key
from tests.simulation.dht import People, World


class Me:
    has_identity = True

    def __init__(self, number: int) -> None:
        self.idurl = f"http://id-a.example:8084/user-{number}.xml"
        self.callbacks: list[Any] = []

    def on_change(self, callback: Any) -> Any:
        self.callbacks.append(callback)
        return lambda: self.callbacks.remove(callback)


class NicknamesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.stop)
        self.world.grow(3)
        self.nodes = [self.person(number) for number in (1, 2, 3)]
        self.me = [Me(number) for number in (1, 2, 3)]
        self.names = [Nicknames(node, me) for node, me in zip(self.nodes, self.me, strict=True)]  # type: ignore[arg-type]

    def person(self, number: int) -> DhtNode:
        key = test_key(number)
        self.world.directory[f"user-{number}@id-a.example_8084"] = str(key.public.node_id)
        node = self.world.node(People(key, self.world.directory))
        self.world.start(node)
        self.world.clock.advance(10)
        return node

    def holders(self, of: int, nickname: str, attempts: int = 3) -> list[tuple[int, str]]:
        found = self.world.run(self.names[of].holders(nickname, attempts))
        return [(holder.position, holder.global_id.partition("@")[0]) for holder in found]


class NicknamesTests(NicknamesCase):
    def test_several_people_with_one_nickname(self) -> None:
        self.assertEqual(self.holders(0, "bobby"), [])
        for names in self.names:
            self.world.run(names.publish("bobby"))
        self.assertEqual(self.holders(2, "bobby"), [(0, "user-1"), (1, "user-2"), (2, "user-3")])
        self.assertEqual(self.holders(2, "Bobby"), [])
        # again: everybody stays where he is
        self.assertEqual(self.world.run(self.names[1].publish("bobby")).position, 1)

    def test_nobody_takes_the_place_of_the_first(self) -> None:
        self.world.run(self.names[0].publish("bobby"))
        value = {"idurl": self.me[1].idurl, "nickname": "bobby", "position": 0}
        with self.assertRaises(Conflict):
            self.world.run(self.nodes[1].put("nickname", "nickname:bobby:0", value))
        self.assertEqual(self.holders(2, "bobby"), [(0, "user-1")])

    def test_two_at_the_same_time(self) -> None:
        both = [started(names.publish("bobby")) for names in self.names[:2]]
        for one in both:
            self.world.run(one)
        self.assertEqual(sorted(user for _, user in self.holders(2, "bobby")), ["user-1", "user-2"])

    def test_two_firsts_after_a_split(self) -> None:
        parts = {node.host: at % 2 for at, node in enumerate(self.world.nodes)}  # type: ignore[attr-defined]
        self.world.fabric.tap = lambda data, sender, receiver: parts[sender[0]] == parts[receiver[0]]
        for names in self.names[:2]:
            self.assertEqual(self.world.run(names.publish("bobby")).position, 0)
        self.world.fabric.tap = None
        self.world.clock.advance(2 * 3600)
        self.assertEqual(sorted(self.holders(2, "bobby")), [(0, "user-1"), (0, "user-2")])

    def test_nobody_names_somebody_else(self) -> None:
        value = {"idurl": self.me[0].idurl, "nickname": "bobby", "position": 0}
        # who stores it may not know better, but no reader believes it, and it hides nobody
        self.world.run(self.nodes[1].put("nickname", "nickname:bobby:0", value))
        self.assertEqual(self.holders(2, "bobby"), [])
        self.assertEqual(self.world.run(self.names[0].publish("bobby")).position, 1)
        self.assertEqual(self.holders(2, "bobby", attempts=1), [(1, "user-1")])

    def test_another_nickname_replaces_the_first(self) -> None:
        self.world.run(self.names[0].publish("bobby"))
        self.world.run(self.names[0].publish("robert"))
        self.assertEqual(self.nodes[0].published("nickname"), ["nickname:robert:0"])
        self.world.run(self.names[0].withdraw())
        self.assertEqual(self.nodes[0].published("nickname"), [])

    def test_gaps(self) -> None:
        for position in (2, 5):
            value = {"idurl": self.me[0].idurl, "nickname": "bobby", "position": position}
            self.world.run(self.nodes[0].put("nickname", f"nickname:bobby:{position}", value))
        self.assertEqual(self.holders(1, "bobby", 2), [])
        self.assertEqual(self.holders(1, "bobby", 3), [(2, "user-1")])
        self.assertEqual(self.holders(1, "bobby", 99), [(2, "user-1")])

    def test_what_is_no_nickname(self) -> None:
        self.assertEqual(check_nickname(" a.b-C[1] "), "a.b-C[1]")
        for text, said in (
            ("", "required"),
            ("  ", "required"),
            ("ab", "invalid"),
            ("a" * 21, "invalid"),
            ("a b", "in"),
        ):
            with self.assertRaisesRegex(Invalid, said):
                check_nickname(text)


class ServiceTests(NicknamesCase):
    def setUp(self) -> None:
        super().setUp()
        self.config = Config(None, {})
        self.service = NicknameService(self.names[0], self.config, self.me[0], self.world.clock)  # type: ignore[arg-type]
        self.api = Registry(lambda name: True)
        self.api.add(self.service)
        self.addCleanup(lambda: self.world.run(self.service.stop()))

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        return self.world.run(self.api.call(name, arguments))

    def test_the_option_is_published(self) -> None:
        self.world.run(self.service.start())
        self.config.set(OPTION, "bobby")
        self.world.clock.advance(10)
        self.assertEqual(self.holders(1, "bobby"), [(0, "user-1")])
        self.config.set(OPTION, "robert")
        self.world.clock.advance(10)
        self.assertEqual(self.nodes[0].published("nickname"), ["nickname:robert:0"])
        self.config.set(OPTION, "no nickname!?")
        self.world.clock.advance(10)
        self.assertIn("invalid nickname", str(self.service.ready()))
        self.assertEqual(self.nodes[0].published("nickname"), [])
        self.config.set(OPTION, "")
        self.world.clock.advance(10)
        self.assertIsNone(self.service.ready())

    def test_a_nickname_of_an_earlier_life_is_taken_back(self) -> None:
        self.world.run(self.names[0].publish("bobby"))
        self.world.run(self.service.start())
        self.world.clock.advance(10)
        self.assertEqual(self.nodes[0].published("nickname"), [])

    def test_the_dht_comes_late(self) -> None:
        self.world.run(self.nodes[0].stop())
        self.config.set(OPTION, "bobby")
        self.world.run(self.service.start())
        self.world.clock.advance(60)
        self.assertIn("nickname: ", str(self.service.ready()))
        self.world.start(self.nodes[0])
        self.world.clock.advance(AGAIN + 60)
        self.assertEqual(self.holders(1, "bobby"), [(0, "user-1")])

    def test_search_and_observe(self) -> None:
        for names in self.names[1:]:
            self.world.run(names.publish("b.[1]"))
        found = self.call("user_search", nickname="b.[1]")["result"]
        self.assertEqual(
            found,
            {
                "result": "exist",
                "nickname": "b.[1]",
                "position": 0,
                "global_id": "user-2@id-a.example_8084",
                "idurl": self.me[1].idurl,
            },
        )
        listed = self.call("user_observe", nickname=" b.[1] ", attempts="1")["result"]
        self.assertEqual([one["position"] for one in listed], [0, 1])
        nobody = self.call("user_search", nickname="nobody", attempts=-5)
        self.assertEqual(
            (nobody["status"], nobody["result"]),
            ("OK", {"result": "not exist", "nickname": "nobody", "position": -1, "global_id": "", "idurl": ""}),
        )
        self.assertEqual(self.call("user_observe", nickname="nobody", attempts=10**9)["result"], [])
        for name in ("user_search", "user_observe"):
            self.assertEqual(self.call(name, nickname="a b")["errors"], ["invalid nickname"])
            self.assertEqual(self.call(name, nickname="")["errors"], ["nickname required"])

    def test_routes(self) -> None:
        for path in ("/user/search/bobby/v1", "/v1/user/search/bobby", "/us/s/bobby/"):
            found = self.api.route("GET", path)
            assert found is not None, path
            self.assertEqual((found[0].name, found[1]), ("user_search", {"nickname": "bobby"}))

    def test_gate(self) -> None:
        api = Registry(lambda name: False)
        api.add(self.service)
        answer = self.world.run(started(api.call("user_search", {"nickname": "bobby"})))
        self.assertEqual(answer["errors"], ["service_private_messages() is not started"])
