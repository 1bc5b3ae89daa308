from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from bitdust_node.api.chunks import CHUNK_LIMIT, ChunksApi
from bitdust_node.api.registry import Registry
from bitdust_node.paths import DataFolder
from bitdust_node.threads import InlineWorkers
from tests.clock import Clock

OUTSIDE = ("../state.db", "..", ".", "/etc/passwd", "a/../../config", "\0", "link/passwd", "x" * 5000)


class Chunks(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = DataFolder(Path(self.mktemp()))
        self.clock = Clock()
        self.chunks = ChunksApi(self.folder, InlineWorkers(), self.clock)
        self.registry = Registry()
        self.registry.add(self.chunks)

    def ask(self, name: str, **kwargs: Any) -> Any:
        done: Deferred[Any] = Deferred.fromCoroutine(self.registry.call(name, kwargs))
        return self.successResultOf(done)

    def test_there_and_back(self) -> None:
        data = os.urandom(200_000)
        path = ""
        for start in range(0, len(data), 50_000):
            part = data[start : start + 50_000].decode("latin-1")
            told = self.ask("chunk_write", data=part, **({"path": path} if path else {}))["result"]
            path = told["path"]
        self.assertEqual(told["stats"], {"path": path, "count": 4, "bytes": 200_000, "offset_last": 150_000})
        self.assertEqual(Path(path).parent, self.folder.temp)
        self.assertEqual(Path(path).read_bytes(), data)
        self.assertEqual(Path(path).stat().st_mode & 0o777, 0o600)
        got, completed = b"", False
        while not completed:
            told = self.ask("chunk_read", path=path, offset=len(got))["result"]
            got += told["chunk"].encode("latin-1")
            completed = told["completed"]
        self.assertEqual(got, data)

    def test_nothing_outside_is_touched(self) -> None:
        (self.folder.temp / "link").symlink_to("/etc")
        (self.folder.temp / "passwd").symlink_to("/etc/passwd")
        (self.folder.temp / "folder").mkdir()
        os.mkfifo(self.folder.temp / "pipe")
        before = sorted(self.folder.base.rglob("*"))
        for path in (*OUTSIDE, "passwd", "folder", "pipe", "missing"):
            self.assertEqual(self.ask("chunk_read", path=path, offset=0)["status"], "ERROR", path)
            self.assertEqual(self.ask("chunk_write", path=path, data="x")["status"], "ERROR", path)
        self.assertEqual(sorted(self.folder.base.rglob("*")), before)

    def test_limits(self) -> None:
        for wrong in ({"offset": -1}, {"offset": 0, "max_size": 0}, {"offset": 0, "max_size": CHUNK_LIMIT + 1}):
            self.assertEqual(self.ask("chunk_read", path="x", **wrong)["status"], "ERROR")
        self.assertEqual(self.ask("chunk_write", data="\u1234")["status"], "ERROR")
        self.assertEqual(self.ask("chunk_write", data="x" * (CHUNK_LIMIT + 1))["status"], "ERROR")
        self.assertEqual(list(self.folder.temp.iterdir()), [])

    def test_old_files_are_removed(self) -> None:
        old = Path(self.ask("chunk_write", data="x")["result"]["path"])
        os.utime(old, (0, 0))
        new = Path(self.ask("chunk_write", data="x")["result"]["path"])
        self.assertEqual(list(self.folder.temp.iterdir()), [new])

    def test_every_fifth_chunk_is_told(self) -> None:
        told: list[Any] = []
        written = next(model for model in self.chunks.models() if model.model == "chunk_write")
        undo = written.observe(told.append)
        path = self.ask("chunk_write", data="x")["result"]["path"]
        for _ in range(9):
            self.ask("chunk_write", data="x", path=path)
        self.assertEqual([(one.id, one.data["count"]) for one in told], [(path, 5), (path, 10)])
        undo()
