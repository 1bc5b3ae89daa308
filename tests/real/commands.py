"""
Runs the command line as people do: as processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import bitdust_node
from bitdust_node.cli.devnet.ports import free_ports
from bitdust_node.config.config import Config

ROOT = Path(bitdust_node.__file__).resolve().parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


def bitdust(base: Path, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "bitdust_node", "--appdir", str(base), *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env=ENVIRONMENT,
    )


def prepare(base: Path, **more: object) -> Config:
    """Option files of a node that keeps to this machine."""
    ports = free_ports(5)
    names = ("interface/api/rest-http-port", "interface/api/web-socket-port", "services/entangled-dht/udp-port",
             "services/tcp-connections/tcp-port", "services/udp-datagrams/udp-port")  # fmt: skip
    options = dict(zip(names, ports, strict=True)) | {
        "services/network/interface": "127.0.0.1",
        "services/tcp-connections/upnp-enabled": False,
        "services/entangled-dht/known-nodes": "genesis",
    }
    (base / "config").mkdir(parents=True)
    return Config(base / "config", options | more, synced=False)


def processes_of(folder: Path) -> list[int]:
    """Numbers of all processes whose command line names a folder, but for our own."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if str(folder).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found
