"""
The command line as a client of the API of a running node. Standard library only, so that commands start quickly.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from bitdust_node.errors import Closed, Failed, Invalid, NotFound, TimedOut, Unavailable

DEFAULT_PORT = 8180


def running_pid(base: Path) -> int | None:
    """
    The process that holds a data folder, or None. A number left over by one that was killed does not count: the
    running one keeps the file locked.
    """
    try:
        with (base / "processid").open("r+", encoding="ascii") as file:
            text = file.read(32).strip()
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(text) if text.isdigit() else 0
    except (OSError, UnicodeDecodeError):
        return None
    return None


def option_text(base: Path, path: str) -> str:
    """The text of an option file, without quotes; "" if there is none."""
    try:
        return (base / "config" / path).read_text("utf-8").strip().strip('"')
    except OSError:
        return ""


def secret_of(base: Path) -> str:
    for file in (base / "metadata" / "apisecret", base / "apisecret"):
        try:
            text = file.read_text("utf-8").strip()
        except OSError:
            continue
        if text:
            return text
    return ""


def api_url(base: Path) -> str:
    return f"http://127.0.0.1:{_port(base)}"


def _port(base: Path) -> int:
    text = option_text(base, "interface/api/rest-http-port")
    return int(text) if text.isdigit() else DEFAULT_PORT


class ApiClient:
    """
    Calls methods of one node by name. Files of the node are read at each call: its port may change at its start.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self._methods: dict[str, dict[str, Any]] | None = None

    def request(self, verb: str, path: str, body: dict[str, Any] | None = None, timeout: float | None = None) -> Any:
        """
        One request; answers with the envelope. Raises Unavailable when the node does not answer.
        """
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", _port(self.base), timeout=timeout)
        try:
            data = None if body is None else json.dumps(body).encode("ascii")
            connection.request(verb, path, data, {"api_secret": secret_of(self.base)})
            return json.loads(connection.getresponse().read())
        except TimeoutError:
            raise TimedOut(f"the node did not answer in {timeout:g} s") from None
        except ConnectionRefusedError:
            raise Unavailable("the API of the node does not answer") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Closed(f"the node did not answer: {error}") from None
        finally:
            connection.close()

    def healthy(self, timeout: float = 2.0) -> bool:
        """Whether the API answers."""
        try:
            return bool(self.request("GET", "/process/health/v1", timeout=timeout).get("status") == "OK")
        except Unavailable:
            return False

    def methods(self) -> dict[str, dict[str, Any]]:
        """
        What the node can be asked, by name.
        """
        if self._methods is None:
            told = self.request("GET", "/api/list/v1", timeout=30)
            if told.get("status") != "OK":
                raise Failed("; ".join(told.get("errors", ["no answer"])))
            self._methods = {one["name"]: one for one in told["result"]}
        return self._methods

    def call(self, name: str, timeout: float | None = None, /, **arguments: Any) -> dict[str, Any]:
        """
        The envelope of any method.
        """
        try:
            described = self.methods()[name]
        except KeyError:
            raise NotFound("invalid api method name") from None
        known = {key for one in described["params"] for key in one["accept_keys"]}
        for key in arguments:
            if key not in known:
                raise Invalid(f"{name}() got an unexpected keyword argument {key!r}")
        if not described["routes"]:
            raise Invalid(f"{name}() is on WebSocket only")
        from urllib.parse import quote, urlencode

        verb, path = described["routes"][0].split(" ", 1)
        left = dict(arguments)
        for key in known:
            if f"{{{key}}}" in path:
                path = path.replace(f"{{{key}}}", quote(str(left.pop(key, "")), safe=""))
        body: dict[str, Any] | None = None
        if verb == "GET":
            query = {key: _shown(value) for key, value in left.items() if value is not None}
            path += f"?{urlencode(query)}" if query else ""
        else:
            body = left
        answer: dict[str, Any] = self.request(verb, path, body, timeout)
        return answer

    def result(self, name: str, timeout: float | None = None, /, **arguments: Any) -> Any:
        """
        The result of a method; an ERROR answer raises Failed with its texts.
        """
        told = self.call(name, timeout, **arguments)
        if told.get("status") != "OK":
            raise Failed("; ".join(str(text) for text in told.get("errors", [])) or "the node gave no reason")
        return told.get("result")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def alive(pid: int) -> bool:
    """Whether a process exists and has not ended."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError, OverflowError):
        return False
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text("utf-8", "replace")
    except OSError:
        return not Path("/proc/self").exists()
