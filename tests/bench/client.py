"""
The smallest client of a node's API, and what the operating system says about its process.
"""

from __future__ import annotations

import http.client
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Peer:
    """One node of a devnet, as `devnet.json` lists it."""

    name: str
    role: str
    pid: int
    api_url: str
    secret: str

    def call(self, verb: str, path: str, timeout: float = 600.0, **arguments: object) -> dict[str, object]:
        """
        Call one method and answer its whole envelope; raises RuntimeError with its errors.
        """
        url = urlsplit(self.api_url)
        connection = http.client.HTTPConnection(url.hostname or "127.0.0.1", url.port, timeout=timeout)
        query = f"?{urlencode(arguments)}" if verb == "GET" and arguments else ""
        body = None if verb == "GET" else json.dumps(arguments)
        connection.request(verb, f"/{path}/v1{query}", body, {"api_secret": self.secret})
        envelope: dict[str, object] = json.loads(connection.getresponse().read())
        connection.close()
        if envelope["status"] != "OK":
            raise RuntimeError(f"{self.name}: {path}: {envelope['errors']}")
        return envelope

    def cpu(self) -> float:
        """CPU seconds, user and system, since the process began."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def forget_peak(self) -> None:
        """Begin a new measurement of the peak of resident memory."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def memory(self, field: str = "VmHWM") -> float:
        """Resident memory in MB: `VmHWM` the peak, `VmRSS` now."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024 / 1e6
        raise ValueError(field)


def peers(devnet: Path) -> list[Peer]:
    """
    The nodes of the devnet in this folder.
    """
    nodes = json.loads((devnet / "devnet.json").read_text())["nodes"]
    return [Peer(node["name"], node["role"], node["pid"], node["api_url"], node["secret"]) for node in nodes]


def wait_for(what: str, condition: object, seconds: float = 60.0) -> None:
    """
    Ask `condition()` ten times a second until it is true; TimeoutError otherwise.
    """
    assert callable(condition)
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.1)
