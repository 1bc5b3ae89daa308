"""
The nodes of a private network: where each lies, which process it is, and the file that remembers them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bitdust_node.cli.client import ApiClient, alive, secret_of
from bitdust_node.errors import Invalid
from bitdust_node.files import write_file

FILE = "devnet.json"


@dataclass
class DevnetNode:
    """
    One process of the network. pid is 0 before it was started; global_id "" before it was registered.
    """

    name: str
    role: str
    base: str
    api_port: int
    ws_port: int
    pid: int = 0
    global_id: str = ""

    @property
    def client(self) -> ApiClient:
        return ApiClient(Path(self.base))

    @property
    def running(self) -> bool:
        """Whether the process lives and is ours: numbers are given again to others."""
        return self.pid > 0 and alive(self.pid) and self.base in _command_line(self.pid)

    def signal(self, number: signal.Signals) -> None:
        if self.running:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def describe(self) -> dict[str, Any]:
        """What stands in `devnet.json`."""
        return asdict(self) | {
            "api_url": f"http://127.0.0.1:{self.api_port}",
            "ws_url": f"ws://127.0.0.1:{self.ws_port}",
            "secret": secret_of(Path(self.base)),
            "secret_file": str(Path(self.base) / "apisecret"),
            "logs": str(Path(self.base) / "logs"),
        }


def save_nodes(folder: Path, nodes: list[DevnetNode]) -> None:
    text = json.dumps({"nodes": [node.describe() for node in nodes]}, indent=2) + "\n"
    write_file(folder / FILE, text.encode())


def load_nodes(folder: Path) -> list[DevnetNode]:
    """
    The nodes that a folder remembers; none when there is no file. A file that is not ours raises Invalid.
    """
    try:
        told = json.loads((folder / FILE).read_text("utf-8"))
        names = tuple(DevnetNode.__dataclass_fields__)
        return [DevnetNode(**{name: one[name] for name in names}) for one in told["nodes"]]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid(f"{folder / FILE} can not be read: {error}") from None


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return shown.stdout
