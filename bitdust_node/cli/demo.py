"""
The main job on a private network: store a file or folder, lose half of those who keep it, get it back.
"""

from __future__ import annotations

import os
import random
import shutil
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from bitdust_node.cli.context import Context, pass_context
from bitdust_node.cli.devnet import roles
from bitdust_node.cli.devnet.commands import interrupted_by_signals
from bitdust_node.cli.devnet.devnet import Devnet
from bitdust_node.cli.devnet.nodes import DevnetNode
from bitdust_node.cli.output import Output, size_text
from bitdust_node.cli.progress import download_bytes, upload_bytes, watched
from bitdust_node.cli.trees import differences, tree_bytes, tree_files
from bitdust_node.errors import BitDustError

T = TypeVar("T")

SUPPLIERS = 4
VICTIMS = 2
#: Seconds that one direction of the job may take at most.
JOB_SECONDS = 1800.0


@dataclass
class Report:
    """What was done and how long it took."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def add(self, what: str, told: str) -> None:
        self.lines.append((what, told))

    def show(self, output: Output) -> None:
        rows = [{"what": what, "told": told} for what, told in self.lines]
        if output.terminal or output.as_json:
            output.table(rows, [("", "what"), ("", "told")], title="what the demo did")
            return
        for what, told in self.lines:
            output.line(f"{what:<22} {told}")


@click.command()
@click.option("--file", "source", type=click.Path(path_type=Path), help="File or folder to store.")
@click.option("--keep", is_flag=True, help="Leave the network up.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Folder of the network; it must not exist.")
@pass_context
def demo(context: Context, source: Path | None, keep: bool, folder: Path | None) -> None:
    """Store a file on four suppliers, kill two of them, get it back and compare every byte."""
    interrupted_by_signals()
    if folder is not None and folder.exists():
        context.fail(f"{folder} exists already")
    if source is not None and not os.path.lexists(source.expanduser()):
        context.fail(f"path {source} not exists")
    folder = folder.expanduser().absolute() if folder else Path(tempfile.mkdtemp(prefix="bitdust-demo-"))
    source = Path(os.path.abspath(source.expanduser())) if source else standard_library(folder)
    network = Devnet(
        folder / "network", SUPPLIERS, **_spaces(source), register_customers=False, say=context.output.line
    )
    failure = ""
    try:
        failure = Demo(context.output, network, source, folder / "restored").run()
    except BitDustError as error:
        failure = str(error)
    except KeyboardInterrupt:
        failure, keep = "interrupted", False
    finally:
        if not keep:
            network.stop()
    if keep and network.nodes:
        tell_where(context.output, network)
    elif not failure:
        shutil.rmtree(folder, ignore_errors=True)
    if failure:
        context.fail(f"the demo FAILED: {failure} (logs are in {folder})")
    context.output.line("all of it is true: the demo succeeded")


def standard_library(folder: Path) -> Path:
    """
    A real tree that is on every machine with Python: its standard library, without its tests and what was
    installed into it.

    It is copied first: the very nodes of the demo may add compiled modules to the original meanwhile.
    """
    original = Path(sysconfig.get_paths()["stdlib"])
    copy = folder / original.name
    left_out = shutil.ignore_patterns("site-packages", "dist-packages", "test")
    shutil.copytree(original, copy, symlinks=True, ignore=left_out)
    return copy


def _spaces(source: Path) -> dict[str, Any]:
    """Space for three times the source, and not less than a fresh node asks for."""
    wanted = max(3 * tree_bytes(source), 256 * 2**20) // 2**20 + 1
    return {"needed_space": f"{wanted} MB", "donated_space": f"{2 * wanted} MB"}


class Demo:
    """
    One run. `run` answers with what went wrong, "" when all is true.
    """

    def __init__(self, output: Output, network: Devnet, source: Path, destination: Path) -> None:
        self._output, self._network = output, network
        self._source, self._destination = source, destination
        self._report = Report()

    def run(self) -> str:
        self._timed("network", self._network.start, "real processes on 127.0.0.1")
        alice, bob = (self._network.node(name) for name in ("alice", "bob"))
        self._timed("identities", lambda: self._register(alice, bob), f"{alice.name} and {bob.name}")
        self._timed("suppliers hired", lambda: self._network.await_hired(alice), f"{SUPPLIERS} by alice")
        size, files = tree_bytes(self._source), tree_files(self._source)
        self._report.add("what was stored", f"{self._source} ({files} files, {size_text(size)})")
        self._upload(alice, size)
        victims = self._kill_some()
        self._download(alice, size)
        found = self._timed("every byte compared", lambda: differences(self._source, self._restored()))
        self._report.add("who was killed", f"{' and '.join(victims)}, by kill -9 after the upload")
        self._report.add("differences", "; ".join(found[:5]) if found else "none")
        self._report.show(self._output)
        return f"{len(found)} differences: {'; '.join(found[:5])}" if found else ""

    def _register(self, *customers: DevnetNode) -> None:
        for customer in customers:
            self._network.register(customer)
            self._output.line(f"registered {customer.global_id}")
        for customer in customers:
            self._network.await_service(customer, roles.LAST_SERVICE[roles.CUSTOMER])

    def _upload(self, alice: DevnetNode, size: int) -> None:
        client, name = alice.client, self._source.name
        client.result("file_create", 60, remote_path=name, as_folder=self._source.is_dir(), exist_ok=True)

        def act() -> Any:
            return client.result(
                "file_upload_start", JOB_SECONDS, local_path=str(self._source), remote_path=name, wait_result=True
            )

        show = self._output.terminal
        title = f"uploading {name}"
        self._moved("uploaded", size, lambda: watched(client, title, size, upload_bytes(str(self._source)), act, show))
        stored = sum(self._stored(node) for node in self._network.of_role(roles.SUPPLIER))
        self._report.add(
            "bytes stored", f"{size_text(stored)} on {SUPPLIERS} suppliers ({stored / max(size, 1):.2f} x)"
        )

    def _stored(self, supplier: DevnetNode) -> int:
        return int(supplier.client.result("space_donated", 30)["used"])

    def _kill_some(self) -> list[str]:
        names = [node.name for node in self._network.of_role(roles.SUPPLIER)]
        victims = sorted(random.SystemRandom().sample(names, VICTIMS))
        for name in victims:
            self._network.kill(name)
            self._output.line(f"killed {name} without warning (kill -9)")
        return victims

    def _download(self, alice: DevnetNode, size: int) -> None:
        client, name = alice.client, self._source.name
        self._destination.mkdir(parents=True)

        def act() -> Any:
            return client.result(
                "file_download_start",
                JOB_SECONDS,
                remote_path=name,
                destination_path=str(self._destination),
                wait_result=True,
            )

        show = self._output.terminal
        self._moved("downloaded", size, lambda: watched(client, f"downloading {name}", size, download_bytes, act, show))

    def _restored(self) -> Path:
        return self._destination / self._source.name

    def _moved(self, what: str, size: int, act: Callable[[], T]) -> T:
        begun = time.monotonic()
        result = act()
        seconds = time.monotonic() - begun
        self._report.add(what, f"{seconds:.2f} s, {size / 1e6 / max(seconds, 1e-6):.1f} MB/s")
        self._output.line(f"{what} in {seconds:.2f} s")
        return result

    def _timed(self, what: str, act: Callable[[], T], told: str = "") -> T:
        begun = time.monotonic()
        result = act()
        seconds = time.monotonic() - begun
        self._report.add(what, f"{told}{', ' if told else ''}{seconds:.2f} s")
        return result


def tell_where(output: Output, network: Devnet) -> None:
    """What a person needs to play with a network that stays up."""
    output.line(f"the network is up; stop it with: bitdust devnet stop --dir {network.folder}")
    output.table(
        [node.describe() for node in network.nodes],
        [("node", "name"), ("API", "api_url"), ("secret", "secret_file"), ("logs", "logs")],
    )
