"""
A DHT of 200 nodes with losses, deaths and newcomers.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.dht.ids import distance, in_layer, random_id
from tests.simulation.dht import World

COUNT = 200
FREE = {"type": "skip_validation"}


class ManyNodesTests(SynchronousTestCase):
    def test_the_network_holds(self) -> None:
        world = World(seed=23, loss=0.03)
        world.grow(COUNT, layers=lambda number: [3] if number % 10 == 1 else [])
        self.assertEqual({node.state for node in world.nodes}, {"joined"})

        # every lookup ends at the nodes that are really the nearest, on a short way
        right = 0
        for _ in range(20):
            target, seeker = random_id(world.random), world.random.choice(world.nodes)
            way = world.run(seeker.way(target))
            others = [node for node in world.nodes if node is not seeker]
            nearest = sorted(others, key=lambda node: distance(node.id, target))[:8]
            right += len({contact.id for contact in way.closest} & {node.id for node in nearest})
            self.assertLessEqual(way.hops, 5)
        self.assertGreater(right, 0.97 * 20 * 8)

        # values stay when a third of the network dies
        for number in range(20):
            writer = world.nodes[number]
            world.run(writer.put("skip_validation", f"k{number}", {**FREE, "n": number}))
        dead = world.random.sample(world.nodes[20:], COUNT // 3)
        for node in dead:
            world.kill(node)
        living = [node for node in world.nodes if node not in dead]
        found = [world.run(world.random.choice(living).get("skip_validation", f"k{number}")) for number in range(20)]
        self.assertGreaterEqual(sum(value is not None for value in found), 19)

        # after twenty minutes nobody names the dead, the suppliers are known, and newcomers get in
        world.clock.advance(1200)
        newcomer = world.node()
        world.start(newcomer, [world.address(living[1])])
        world.clock.advance(30)
        self.assertEqual(newcomer.state, "joined")
        gone = {node.id for node in dead}
        for _ in range(5):
            way = world.run(newcomer.way(random_id(world.random)))
            self.assertEqual(len(way.closest), 8)
            self.assertFalse(gone & {contact.id for contact in way.closest})
        users = world.run(newcomer.random_users(3, 5))
        self.assertEqual(len(users), 5)
        suppliers = [node for node in living if 3 in node.layers]
        for contact in newcomer.contacts(3):
            self.assertTrue(in_layer(contact.layers, 3))
        self.assertGreaterEqual(len(suppliers), 5)
        for node in living:
            world.run(node.stop())
