"""
How the DHT grows: `python -m tests.simulation.dht_growth [nodes ...]` prints a table (default 1000 and 3000).
"""

from __future__ import annotations

import resource
import sys
import time

from bitdust_node.dht.ids import distance, random_id
from tests.simulation.dht import World

LOOKUPS = 50
FREE = {"type": "skip_validation"}


def measure(count: int) -> dict[str, str]:
    """
    Let a network of `count` nodes grow, one in ten a supplier, and measure what a user feels.
    """
    began = time.perf_counter()
    world = World(seed=count, loss=0.01)
    join = []
    while len(world.nodes) < count:
        before = world.fabric.carried
        step = min(50, count - len(world.nodes))
        world.grow(step, layers=lambda number: [3] if number % 10 == 0 else [], seconds=10.0)
        join.append((world.fabric.carried - before) / step)
    hops, asked, right, seconds = [], [], 0, []
    for _ in range(LOOKUPS):
        target, seeker = random_id(world.random), world.random.choice(world.nodes)
        before, at = world.fabric.carried, world.clock.seconds()
        way = world.run(seeker.way(target))
        seconds.append(world.clock.seconds() - at)
        asked.append(world.fabric.carried - before)
        hops.append(way.hops)
        others = (node for node in world.nodes if node is not seeker)
        nearest = sorted(others, key=lambda node: distance(node.id, target))[:8]
        right += len({contact.id for contact in way.closest} & {node.id for node in nearest})
    writer, reader = world.nodes[1], world.nodes[-1]
    world.run(writer.put("skip_validation", "k", FREE))
    read = world.run(reader.get("skip_validation", "k")) is not None
    users = len(set(world.run(reader.random_users(3, 10))))
    before, sent = world.fabric.carried, world.fabric.bytes
    idle = 1200 if count > 2000 else 3600
    world.clock.advance(idle)
    return {
        "nodes": f"{count}",
        "datagrams per join": f"{sum(join[-5:]) / len(join[-5:]):.0f}",
        "hops": f"{sum(hops) / LOOKUPS:.1f} (most {max(hops)})",
        "datagrams per lookup": f"{sum(asked) / LOOKUPS:.0f}",
        "seconds per lookup": f"{sum(seconds) / LOOKUPS:.2f}",
        "nearest found": f"{100 * right / (8 * LOOKUPS):.1f} %",
        "value read": str(read),
        "users of 10": f"{users}",
        "contacts": f"{sum(len(node.contacts()) for node in world.nodes) / count:.0f}",
        "idle datagrams/node/h": f"{(world.fabric.carried - before) / count * 3600 / idle:.0f}",
        "idle bytes/node/s": f"{(world.fabric.bytes - sent) / count / idle:.1f}",
        "simulated in": f"{time.perf_counter() - began:.0f} s",
        "memory": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB",
    }


def main() -> None:
    counts = [int(text) for text in sys.argv[1:]] or [1000, 3000]
    rows = [measure(count) for count in counts]
    for name in rows[0]:
        print(f"{name:24}" + "".join(f"{row[name]:>18}" for row in rows))


if __name__ == "__main__":
    main()
