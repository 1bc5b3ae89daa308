"""
A private network of real processes on 127.0.0.1: an identity server, DHT seeds, suppliers and customers.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from bitdust_node.cli.devnet import roles
from bitdust_node.cli.devnet.nodes import FILE, DevnetNode, load_nodes, save_nodes
from bitdust_node.cli.devnet.ports import free_ports
from bitdust_node.cli.node import last_words, spawn
from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError, Closed, Conflict, Failed, NotFound, TimedOut
from bitdust_node.files import make_private_folder

T = TypeVar("T")

#: Seconds for one node to answer, for its services to be on, and for nodes to end before they are ended by force.
ANSWER_SECONDS = 60.0
READY_SECONDS = 120.0
STOP_SECONDS = 20.0
_POLL = 0.05
#: Nodes that start at the same time: more would only slow each other down.
STARTING = 4


class Devnet:
    """
    folder: gets a data folder for each node, and `devnet.json`.
    register_customers: false leaves the customers without identity.
    overrides: further options for all nodes.
    say: is told what is going on.

    `start` on a folder that was used before starts the same nodes again.
    """

    def __init__(
        self,
        folder: Path,
        suppliers: int = 4,
        customers: int = 2,
        seeds: int = 2,
        *,
        register_customers: bool = True,
        needed_space: str = "2 GB",
        donated_space: str = "8 GB",
        key_size: int = 2048,
        overrides: Mapping[str, object] | None = None,
        say: Callable[[str], object] = lambda text: None,
    ) -> None:
        self.folder = folder.expanduser().absolute()
        self.nodes = load_nodes(self.folder)
        self._counts = (suppliers, customers, seeds)
        self._register_customers = register_customers
        self._options: dict[str, object] = {
            "services/customer/needed-space": needed_space,
            "services/supplier/donated-space": donated_space,
            "personal/private-key-size": key_size,
            **(overrides or {}),
        }
        self._say = say
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._children: list[subprocess.Popen[bytes]] = []

    def host_of(self, name: str) -> str:
        """The address of a node."""
        return roles.HOST

    def node(self, name: str) -> DevnetNode:
        for node in self.nodes:
            if node.name == name:
                return node
        raise NotFound(f"there is no node {name} in {self.folder}")

    def of_role(self, *wanted: str) -> list[DevnetNode]:
        return [node for node in self.nodes if node.role in wanted]

    def start(self) -> None:
        """
        Start all, register their identities and wait until they are of use. Whatever goes wrong, or who interrupts,
        all processes that were started are stopped again.
        """
        if any(node.running for node in self.nodes):
            raise Conflict(f"the network in {self.folder} is already running")
        self._stopping.clear()
        make_private_folder(self.folder)
        if not self.nodes:
            self.nodes = self._plan()
        for node in self.nodes:
            node.pid = 0
        try:
            self._save()
            self._start_all()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """
        End all processes: in order, and by force those that do not end in time.
        """
        with self._lock:
            self._stopping.set()
        for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
            for node in self.nodes:
                node.signal(number)
            end = time.monotonic() + seconds
            while self._any_left() and time.monotonic() < end:
                time.sleep(_POLL)
        for child in self._children:
            # what was killed may take a moment to be gone
            with suppress(subprocess.TimeoutExpired):
                child.wait(STOP_SECONDS)
        self._reap()
        for node in self.nodes:
            node.pid = 0
        if (self.folder / FILE).exists():
            self._save()

    def kill(self, name: str) -> None:
        """End one process without warning."""
        node = self.node(name)
        node.signal(signal.SIGKILL)
        while node.running:
            self._reap()
            time.sleep(_POLL)
        node.pid = 0
        self._save()

    def revive(self, name: str) -> None:
        """Start one node again and wait until it is of use."""
        self._stopping.clear()
        node = self.node(name)
        self._launch(node)
        if node.global_id:
            self.await_service(node, roles.LAST_SERVICE[node.role])

    def status(self) -> list[dict[str, Any]]:
        """What each node is doing, for people."""
        return [
            {
                "name": node.name,
                "role": node.role,
                "pid": node.pid or "",
                "state": ("answers" if node.client.healthy() else "silent") if node.running else "stopped",
                "global_id": node.global_id,
                "api_url": f"http://127.0.0.1:{node.api_port}",
                "base": node.base,
            }
            for node in self.nodes
        ]

    def register(self, node: DevnetNode, username: str | None = None) -> None:
        """
        Give a node its identity, if it has none yet.
        """
        try:
            made = node.client.result("identity_get", 30)
        except Failed:
            made = node.client.result("identity_create", 180, username=username or node.name)
        node.global_id = made["global_id"]
        self._save()

    def await_service(self, node: DevnetNode, name: str) -> None:
        """Wait until a service of a node is ON."""
        self.until(
            lambda: node.client.result("service_info", 10, service_name=f"service_{name}")["state"] == "ON",
            f"service_{name} of {node.name} to be ON",
        )

    def await_hired(self, node: DevnetNode) -> None:
        """Wait until all suppliers of a customer are hired and connected."""

        def hired() -> bool:
            found = node.client.result("suppliers_list", 10)
            return bool(found) and all(one["supplier_state"] == "CONNECTED" for one in found)

        self.until(hired, f"{node.name} to hire suppliers")

    def until(self, true: Callable[[], bool], what: str, seconds: float = READY_SECONDS) -> None:
        """
        Ask again and again; errors of the node count as "not yet".
        """
        end = time.monotonic() + seconds
        reason = ""
        while not self._stopping.wait(_POLL):
            try:
                if true():
                    return
            except BitDustError as error:
                reason = f" ({error})"
            if time.monotonic() > end:
                raise TimedOut(f"waited {seconds:g} s for {what}{reason}")
        raise Closed("the network was stopped")

    def _plan(self) -> list[DevnetNode]:
        """
        The nodes with their ports, and their option files.
        """
        suppliers, customers, seeds = self._counts
        named = [(roles.IDENTITY_SERVER, roles.IDENTITY_SERVER)]
        named += [(f"seed-{number + 1}", roles.SEED) for number in range(seeds)]
        named += [(f"supplier-{number + 1}", roles.SUPPLIER) for number in range(suppliers)]
        named += [(roles.customer_name(number), roles.CUSTOMER) for number in range(customers)]
        ports = iter(free_ports(5 * len(named) + 1))
        web_port = next(ports)
        nodes: list[DevnetNode] = []
        dht_ports: list[str] = []
        for name, role in named:
            node = DevnetNode(name, role, str(self.folder / name), api_port=next(ports), ws_port=next(ports))
            dht_port, host = next(ports), self.host_of(name)
            options = roles.switches(role) | {
                "interface/api/rest-http-port": node.api_port,
                "interface/api/web-socket-port": node.ws_port,
                "services/network/interface": host,
                "services/entangled-dht/udp-port": dht_port,
                "services/entangled-dht/known-nodes": ", ".join(dht_ports) or "genesis",
                "services/tcp-connections/tcp-port": next(ports),
                "services/tcp-connections/upnp-enabled": False,
                # nothing of it goes over a line that others share
                "services/network/send-limit": 0,
                "services/network/receive-limit": 0,
                "services/udp-datagrams/udp-port": next(ports),
                "services/identity-server/host": host,
                "services/identity-server/web-port": web_port,
                "services/identity-propagate/known-servers": f"{self.host_of(roles.IDENTITY_SERVER)}:{web_port}",
                "services/identity-propagate/min-servers": 1,
                "services/customer/suppliers-number": roles.suppliers_number(suppliers),
            }
            if role == roles.SEED:
                dht_ports.append(f"{host}:{dht_port}")
            make_private_folder(Path(node.base))
            Config(make_private_folder(Path(node.base) / "config"), options | self._options, synced=False)
            nodes.append(node)
        return nodes

    def _start_all(self) -> None:
        first = self.of_role(roles.IDENTITY_SERVER, roles.SEED)
        others = self.of_role(roles.SUPPLIER, roles.CUSTOMER)
        self._say(f"starting {len(self.nodes)} nodes")
        self._each(self._launch, [*first, *others], STARTING)
        self._each(lambda node: self.await_service(node, roles.LAST_SERVICE[node.role]), first)
        wanted = [node for node in others if node.role == roles.SUPPLIER or self._register_customers]
        self._say(f"registering {len(wanted)} identities")
        self._each(self.register, wanted, STARTING)
        self._say("waiting for their services")
        self._each(lambda node: self.await_service(node, roles.LAST_SERVICE[node.role]), wanted)
        self._save()

    def _launch(self, node: DevnetNode) -> None:
        with self._lock:  # who stops the network must see every process that was started
            if self._stopping.is_set():
                raise Closed("the network was stopped")
            process = spawn(Path(node.base))
            self._children.append(process)
            node.pid = process.pid
        self._save()
        self.until(
            lambda: process.poll() is not None or node.client.healthy(), f"{node.name} to answer", ANSWER_SECONDS
        )
        if process.poll() is not None:
            raise Failed(f"{node.name} did not start: {last_words(Path(node.base)) or process.returncode}")
        self._save()  # the secret is known now

    def _each(self, act: Callable[[DevnetNode], object], nodes: Iterable[DevnetNode], at_once: int = 32) -> None:
        """
        Act on nodes side by side; the first error ends the waiting.
        """
        pool = ThreadPoolExecutor(at_once)
        try:
            running = [pool.submit(act, node) for node in nodes]
            for one in wait(running, return_when=FIRST_EXCEPTION).done:
                one.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _any_left(self) -> bool:
        self._reap()
        return any(node.running for node in self.nodes)

    def _reap(self) -> None:
        """Take note of those of our children that have ended; until then they count as processes."""
        self._children = [child for child in self._children if child.poll() is None]

    def _save(self) -> None:
        with self._lock:
            save_nodes(self.folder, self.nodes)
