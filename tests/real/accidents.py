"""
A private network of real processes to which things happen; what the tests of accidents have in common.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.cli.devnet.devnet import Devnet
from bitdust_node.cli.devnet.nodes import DevnetNode
from bitdust_node.errors import BitDustError
from tests.real.commands import processes_of

MEGABYTE = 1_000_000


class AccidentCase(SynchronousTestCase):
    """
    Four suppliers, of which two may be lost, and alice. Each supplier grants 64 MB, which is 128 MB of files.

    A whole network is slow to start, so that one test does many things to it, one after the other.
    """

    #: Suppliers that alice does not hire at first.
    spare = 0

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.addCleanup(self.sweep)
        self.network = Devnet(
            self.folder / "network", 4 + self.spare, 1, 1, needed_space="128 MB", donated_space="256 MB", key_size=1024
        )
        self.network.start()
        self.addCleanup(self.network.stop)
        self.network.await_hired(self.alice)

    def sweep(self) -> None:
        for pid in processes_of(self.folder):
            os.kill(pid, signal.SIGKILL)

    @property
    def alice(self) -> DevnetNode:
        return self.network.node("alice")

    def call(self, method: str, timeout: float | None = 60, /, **arguments: Any) -> Any:
        """The result of a method of alice."""
        return self.alice.client.result(method, timeout, **arguments)

    def refused(self, method: str, /, **arguments: Any) -> str:
        """The error of a method of alice."""
        told = self.alice.client.call(method, 60, **arguments)
        self.assertEqual(told["status"], "ERROR", f"{method} {arguments} {told}")
        return "; ".join(told["errors"])

    def ask(self, verb: str, path: str, body: bytes | None = None, **headers: str) -> dict[str, Any]:
        """Any HTTP request to alice, as it is."""
        secret = (Path(self.alice.base) / "apisecret").read_text()
        connection = HTTPConnection("127.0.0.1", self.alice.api_port, timeout=30)
        try:
            connection.request(verb, path, body, {"api_secret": secret} | headers)
            told: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return told

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Ask again and again, quickly; errors count as "not yet"."""
        end = time.monotonic() + 150
        while time.monotonic() < end:
            try:
                if true():
                    return
            except BitDustError:
                continue
        last = (Path(self.alice.base) / "logs" / "node.log").read_text().splitlines()[-20:]
        self.fail("\n".join([f"waited in vain for {what}; alice says:", *last]))

    # files

    def make_file(self, size: int, seed: int = 1) -> Path:
        path = self.folder / f"file-{seed}-{size}"
        if not path.exists():
            path.write_bytes(random.Random(seed).randbytes(size))
        return path

    def begin_upload(self, local: Path, remote: str) -> None:
        self.call("file_create", remote_path=remote, exist_ok=True)
        self.call("file_upload_start", local_path=str(local), remote_path=remote)

    def upload(self, local: Path, remote: str) -> None:
        self.call("file_create", remote_path=remote, exist_ok=True)
        self.call("file_upload_start", local_path=str(local), remote_path=remote, wait_result=True)

    def assert_comes_back(self, local: Path, remote: str, to: str) -> None:
        """Download, compare every byte, and look for anything else in the folder."""
        destination = self.folder / to
        self.call("file_download_start", remote_path=remote, destination_path=str(destination), wait_result=True)
        self.assert_same(local, remote, to)

    def assert_same(self, local: Path, remote: str, to: str) -> None:
        self.assertEqual((self.folder / to / remote).read_bytes(), local.read_bytes())
        self.assertEqual([path.name for path in (self.folder / to).iterdir()], [remote])

    def version(self, remote: str) -> dict[str, Any]:
        """The only version of a file."""
        (version,) = self.call("file_info", remote_path=remote)["versions"]
        found: dict[str, Any] = version
        return found

    def until_whole(self, remote: str) -> None:
        """Wait until all pieces are stored and none of them is known to be bad."""

        def whole() -> bool:
            version = self.version(remote)
            return version["delivered"] == "100%" and not version["bad"]

        self.until(whole, f"all pieces of {remote}")

    def until_moving(self, method: str) -> None:
        """Wait until the upload or download of alice has moved its first bytes, or (on a slow day) all of them."""

        def moving() -> bool:
            told = self.call(method)
            running = told["running"] if isinstance(told, dict) else told
            return all(one["bytes_processed"] > 0 for one in running)

        self.until(moving, f"{method} to move")

    # suppliers

    def holder(self, position: int) -> DevnetNode:
        """The supplier at a position of alice."""
        global_id = self.call("suppliers_list")[position]["global_id"]
        return next(node for node in self.network.nodes if node.global_id == global_id)

    def pieces(self, node: DevnetNode) -> list[Path]:
        """The files of pieces on the disk of a supplier, newest last."""
        found = {}
        for path in (Path(node.base) / "pieces").rglob("*"):
            # the supplier goes on: a file may be gone between the listing and the look at it
            with suppress(FileNotFoundError):
                if path.is_file():
                    found[path] = path.stat().st_mtime_ns
        return sorted(found, key=found.__getitem__)

    def assert_nobody_stumbled(self) -> None:
        """All processes answer, and no log tells of a defect."""
        for node in self.network.nodes:
            self.assertTrue(node.client.healthy(), node.name)
            self.assertNotIn("Traceback", (Path(node.base) / "logs" / "node.log").read_text(), node.name)
