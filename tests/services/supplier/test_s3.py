"""
Pieces in an object store, with a real server and one that breaks.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from bitdust_node.config.config import Config
from bitdust_node.errors import Closed, Full, Invalid, NotFound, Unavailable
from bitdust_node.pieces.hashtree import HASH_BYTES, check_path, leaves_of, path_length
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.object_file import object_name
from bitdust_node.wire.storage import PIECE_AUDIT, PIECE_DELETE, PieceAudit, PieceDelete, PieceGet
from services.supplying import s3
from services.supplying.keeping import AGAIN
from services.supplying.moved import Moved
from services.supplying.s3 import S3Store
from services.supplying.store import LocalFolder, PieceStore, S3Settings
from services.supplying.stores import open_store
from tests.s3_server import ACCESS_KEY, BUCKET, MISSING, SECRET_KEY, Fault, Proxy, S3Server
from tests.services.supplier import test_exchange
from tests.services.supplier.customer import Grid, make_grid, make_version
from tests.services.supplier.stores import NAME, OWNER, VERSION, StoreSuite, written

#: Stores allow no smaller parts than this, but for the last one.
SMALLEST_PART = 5 * 1024 * 1024


class Server:
    """The server of this module, while its tests run, and the proxy before it."""

    one: ClassVar[Server | None] = None
    numbers: ClassVar[Any] = itertools.count()

    def __init__(self) -> None:
        self.inner = S3Server()
        self.proxy = Proxy(self.inner)
        #: To make a client takes longer than most tests.
        self._stores: dict[Any, S3Store] = {}

    @classmethod
    def get(cls) -> Server:
        if MISSING:
            raise SkipTest(MISSING)
        if cls.one is None:
            cls.one = cls()
        return cls.one

    def store(self, spool: Path, port: int, **options: Any) -> S3Store:
        """A store with a prefix of its own."""
        settings = self.inner.settings(f"test-{next(self.numbers)}/", port)
        made = self._stores.get((port, *options.items()))
        if made is None:
            made = self._stores[port, *options.items()] = S3Store(settings, spool, **options)
        made = copy(made)
        made._prefix, made.spool = settings.prefix, spool
        return made

    def stop(self) -> None:
        for store in self._stores.values():
            store.close()
        self.proxy.stop()
        self.inner.stop()


def tearDownModule() -> None:
    if Server.one is not None:
        Server.one.stop()
        Server.one = None


def make_store(test: Any, port: int | None = None, **options: Any) -> S3Store:
    spool = Path(test.mktemp())
    spool.mkdir()
    return Server.get().store(spool, port or Server.get().inner.port, **options)


def no_pauses(test: Any) -> None:
    """Those of the library between two tries are random and up to a second."""
    pauses = patch("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
    pauses.start()
    test.addCleanup(pauses.stop)


def unfinished(store: S3Store) -> int:
    listed = store.client.list_multipart_uploads(Bucket=BUCKET, Prefix=store.key(NAME)[: -len(NAME)])
    return len(listed.get("Uploads", [])) + len(list(store.spool.iterdir()))


class Bucket(StoreSuite, SynchronousTestCase):
    store: S3Store

    def setUp(self) -> None:
        self.store = make_store(self)

    def raw(self, name: str) -> bytes:
        answer = self.store.client.get_object(Bucket=BUCKET, Key=self.store.key(name))
        return bytes(answer["Body"].read())

    def set_raw(self, name: str, data: bytes) -> None:
        self.store.client.put_object(Bucket=BUCKET, Key=self.store.key(name), Body=data)

    def unfinished(self) -> int:
        return unfinished(self.store)

    def test_large_piece_goes_in_parts(self) -> None:
        data = os.urandom(2 * SMALLEST_PART + 300_000)
        with patch.object(s3, "PART", SMALLEST_PART):
            writer = written(self.store, [data[at : at + 1_000_000] for at in range(0, len(data), 1_000_000)])
            self.assertEqual(self.unfinished(), 1)
            self.assertEqual(list(self.store.names()), [])
            writer.commit()
        self.assertEqual(self.store.read(NAME, 0, len(data)), data)
        self.assertEqual(self.store.leaves(NAME), b"".join(leaves_of(data, PIECE_BLOCK)))
        self.assertEqual(self.unfinished(), 0)

    def test_unfinished_uploads_are_cleaned_away(self) -> None:
        with patch.object(s3, "PART", SMALLEST_PART):
            writer = written(self.store, [bytes(SMALLEST_PART)])
        with patch.object(self.store, "abort"):  # as if the process had been killed
            writer.discard()
        self.assertEqual(self.unfinished(), 1)
        self.assertEqual(self.store.clean(), 1)
        self.assertEqual((self.unfinished(), self.store.clean()), (0, 0))

    def test_uploads_of_others_are_left_alone(self) -> None:
        other = make_store(self)
        with patch.object(s3, "PART", SMALLEST_PART):
            writer = written(other, [bytes(SMALLEST_PART)])
        self.assertEqual(self.store.clean(), 0)
        writer.commit()
        self.assertEqual((list(other.names()), list(self.store.names())), ([NAME], []))

    def test_full_disk_of_the_spool(self) -> None:
        with patch.object(s3.tempfile, "TemporaryFile", side_effect=OSError(28, "No space left on device")):
            self.assertRaises(Full, written, self.store, [b"data"])
        self.assertEqual(list(self.store.names()), [])


class Wrong(SynchronousTestCase):
    """What is not set up is said in words, and is never taken for a piece that is not there."""

    def open(self, **others: str) -> S3Store:
        spool = Path(self.mktemp())
        spool.mkdir()
        store = S3Store(Server.get().inner.settings("wrong/", **others), spool, answer_time=5.0, attempts=1)
        self.addCleanup(store.close)
        return store

    def test_options(self) -> None:
        for name in ("bucket", "access_key", "secret_key"):
            with self.assertRaisesRegex(Invalid, f"s3-{name.replace('_', '-')} is empty"):
                self.open(**{name: ""})
        for endpoint in ("127.0.0.1:9000", "ftp://x", "http://", "http://a b", "http://h/path", "http://u@h"):
            with self.assertRaisesRegex(Invalid, "s3-endpoint"):
                self.open(endpoint=endpoint)

    def test_settings_that_are_none(self) -> None:
        """They are named, and nobody is asked: the library would say that nobody answers."""
        for name, wrong in (
            ("bucket", ("../x", "Bad Bucket!", "a", "a" * 256, "b\n")),
            ("region", ("bad region", "\x7f", "a/b")),
            ("endpoint", ("ftp://x", "http://[::1", "http://127.0.0.1:99999", "http://a:0", "http://a b", "host:9")),
            ("access-key", ("a b", "key\nline")),
            ("secret-key", ("a b", "\u2603")),
            ("prefix", ("x" * 1000, "\u00e4" * 500)),
        ):
            for value in wrong:
                settings = Server.get().inner.settings(**{name.replace("-", "_"): value})
                with self.assertRaisesRegex(Invalid, f"services/supplier/s3-{name} must be"):
                    settings.check()
        for good in ("http://[::1]:9000", "https://s3.example.org", "http://127.0.0.1:1/"):
            Server.get().inner.settings(endpoint=good).check()

    def test_secret_is_not_shown(self) -> None:
        self.assertNotIn("hidden", repr(S3Settings("", "b", "", "a", "hidden", "")))

    def test_bucket_and_keys(self) -> None:
        for others in ({"bucket": "none-such"}, {"secret_key": "wrong"}, {"access_key": "wrong"}):
            store = self.open(**others)
            for ask in (
                store.clean,
                lambda store=store: store.read(NAME, 0, 1),
                lambda store=store: list(store.names()),
                lambda store=store: written(store, [b"data"]).commit(),
            ):
                self.assertRaises(Unavailable, ask)

    def test_nobody_there(self) -> None:
        self.assertRaises(Unavailable, self.open(endpoint="http://127.0.0.1:1").clean)


class Breaking(SynchronousTestCase):
    """A server that answers 500, too much, too little, nothing, or goes away in the middle."""

    KINDS = ("refuse", "busy", "cut", "lost", "hang up")

    def setUp(self) -> None:
        self.proxy = Server.get().proxy
        self.addCleanup(self.well)
        self.store = make_store(self, self.proxy.port, attempts=2)
        no_pauses(self)

    def fault(self, kind: str, fits: Callable[[str, str], bool] = lambda *_: True, times: int = 1) -> None:
        self.proxy.fault = Fault(kind, fits, times)

    def well(self) -> None:
        self.proxy.fault = None

    def test_one_fault_is_not_noticed(self) -> None:
        data = os.urandom(200_000)
        for kind in self.KINDS:
            self.fault(kind, lambda method, path: method == "PUT")
            written(self.store, [data]).commit()
            self.fault(kind, lambda method, path: method == "GET")
            self.assertEqual(self.store.read(NAME, 0, len(data)), data)
            self.fault(kind, lambda method, path: method == "DELETE")
            self.store.delete(NAME)
            self.assertEqual(list(self.store.names()), [])
            self.well()
            self.assertEqual(unfinished(self.store), 0)

    def test_one_fault_in_each_request_of_a_large_piece(self) -> None:
        data = os.urandom(SMALLEST_PART + 100_000)
        for kind in ("refuse", "lost"):
            for number in range(4):
                requests = itertools.count()
                self.fault(kind, lambda method, path, count=requests, at=number: next(count) == at)
                with patch.object(s3, "PART", SMALLEST_PART):
                    written(self.store, [data]).commit()
                self.well()
                self.assertEqual(self.store.read(NAME, 0, len(data)), data)
                self.store.clean()
                self.store.delete(NAME)

    def test_broken_for_longer(self) -> None:
        written(self.store, [b"old"], 2).commit()
        old = next(self.store.names())
        for kind in self.KINDS:
            self.fault(kind, times=1000)
            if kind != "cut":  # there is nothing to cut from the answer
                self.assertRaises(Unavailable, lambda: written(self.store, [b"data"]).commit())
            self.assertRaises(Unavailable, self.store.read, old, 0, 3)
            self.assertRaises(Unavailable, self.store.leaves, old)
            self.assertRaises(Unavailable, lambda: list(self.store.names()))
            self.well()
            self.assertEqual(self.store.read(old, 0, 3), b"old")
            # what the server did nevertheless is a whole piece that nobody knows of
            for name in set(self.store.names()) - {old}:
                self.assertEqual((name, self.store.read(name, 0, 4)), (NAME, b"data"))
                self.store.delete(name)
            self.assertEqual(unfinished(self.store), 0)

    def test_broken_in_the_middle_of_a_large_piece(self) -> None:
        for kind in ("hang up",):
            for number in range(4):
                requests = itertools.count()
                self.fault(kind, lambda method, path, count=requests, at=number: next(count) >= at, 1000)
                with patch.object(s3, "PART", SMALLEST_PART), self.assertRaises(Unavailable):
                    written(self.store, [bytes(SMALLEST_PART + 100_000)]).commit()
                self.well()
                self.assertEqual(list(self.store.names()), [])
                self.store.clean()
                self.assertEqual(unfinished(self.store), 0)

    def test_server_that_does_not_answer(self) -> None:
        store = make_store(self, self.proxy.port, answer_time=0.2, attempts=1)
        self.fault("mute", times=1000)
        self.assertRaises(Unavailable, lambda: written(store, [b"data"]).commit())
        self.assertRaises(Unavailable, store.read, NAME, 0, 3)
        self.well()
        self.assertEqual((list(self.store.names()), unfinished(store)), ([], 0))

    def test_refused_reading_is_asked_for_no_more_often_than_all_else(self) -> None:
        written(self.store, [b"data"]).commit()
        for kind in ("refuse", "hang up", "cut"):
            self.fault(kind, lambda method, path: method == "GET", times=1000)
            before = len(self.proxy.seen)
            self.assertRaises(Unavailable, self.store.read, NAME, 0, 3)
            self.assertEqual(len(self.proxy.seen) - before, 2)

    def test_trouble_is_told_until_it_is_over(self) -> None:
        self.assertEqual(self.store.trouble(), "")
        both = Moved(self.store, LocalFolder(Path(self.mktemp())))
        for kind, word in (("refuse", "refuses (InternalError)"), ("hang up", "does not answer")):
            self.fault(kind, times=1000)
            self.assertRaises(Unavailable, self.store.read, NAME, 0, 3)
            self.assertIn(word, self.store.trouble())
            self.assertEqual(both.trouble(), self.store.trouble())
            self.well()
            self.assertRaises(NotFound, self.store.read, NAME, 0, 3)
            self.assertEqual(self.store.trouble(), "")

    def test_uploads_that_were_given_up_while_it_was_away_are_dropped_later(self) -> None:
        with patch.object(s3, "PART", SMALLEST_PART):
            writer = self.store.writer(OWNER, VERSION, 1)
            writer.write([bytes(SMALLEST_PART)])
        self.fault("refuse", times=1000)
        writer.discard()
        self.assertRaises(Unavailable, self.store.tidy)
        self.well()
        self.assertEqual((unfinished(self.store), self.store.trouble() != ""), (1, True))
        self.store.tidy()
        self.assertEqual((unfinished(self.store), self.store.trouble()), (0, ""))
        before = len(self.proxy.seen)
        self.store.tidy()
        self.assertEqual(len(self.proxy.seen), before)

    def test_closed_store_undoes_nothing(self) -> None:
        store = copy(self.store)
        writer = written(store, [b"data"])
        written(self.store, [b"data"]).commit()
        with patch.object(store.client, "close"):  # other tests use it too
            store.close()
        for act in (writer.commit, lambda: store.delete(NAME), store.clean, lambda: list(store.names())):
            self.assertRaises(Closed, act)
        self.assertEqual(self.store.read(NAME, 0, 4), b"data")

    def test_server_without_ranges_is_not_believed(self) -> None:
        written(self.store, [os.urandom(200_000)]).commit()
        whole = self.store.client.get_object(Bucket=BUCKET, Key=self.store.key(NAME))
        with patch.object(self.store.client, "get_object", return_value=whole):
            self.assertRaises(Unavailable, self.store.read, NAME, 0, 1000)


class KeepS3(test_exchange.Keep):
    """All that a supplier does with pieces, over the object store."""

    def make_grid(self) -> Grid:
        store = make_store(self)
        grid = make_grid(self, customers=2, store=store)
        grid.files = lambda: [*sorted(store.names()), *["unfinished"] * unfinished(store)]  # type: ignore[method-assign]
        return grid


class Supplying(TestCase):
    """A supplier whose object store breaks: customers hear why, the books stay true, and it goes on."""

    def setUp(self) -> None:
        self.proxy = Server.get().proxy
        self.addCleanup(self.well)
        self.store = make_store(self, self.proxy.port, attempts=2)
        no_pauses(self)
        self.grid = make_grid(self, store=self.store)
        self.grid.run(self.grid.lease())
        self.made = make_version(self.grid.key())

    def break_down(self, method: str = "", kind: str = "refuse") -> None:
        self.proxy.fault = Fault(kind, lambda verb, path: verb == method or not method, 1000)

    def well(self) -> None:
        self.proxy.fault = None

    def account(self) -> tuple[int, int]:
        account = self.grid.keeping.space.account(self.grid.nodes[1].node_id)
        return account.used, account.reserved

    def objects(self) -> tuple[set[str], set[str]]:
        return set(self.store.names()), self.grid.booked()

    def test_piece_that_can_not_be_stored(self) -> None:
        grid, made = self.grid, self.made
        for kind in ("refuse", "hang up"):
            self.break_down("PUT", kind)
            grid.fails(Unavailable, grid.store_piece(made))
            self.well()
            self.assertEqual((self.account(), self.objects()), ((0, 0), (set(), set())))
        grid.run(grid.store_piece(made))
        self.assertEqual(grid.run(grid.get(PieceGet(made.version, 0)))[1], made.pieces[0])

    def test_object_of_a_lost_answer_is_removed_later(self) -> None:
        grid = self.grid
        self.break_down("", "lost")
        grid.fails(Unavailable, grid.store_piece(self.made))
        self.assertEqual((self.account(), grid.booked()), ((0, 0), set()))
        self.well()
        grid.clock.advance(AGAIN)
        grid.clock.pump(10)
        self.assertEqual((self.objects(), unfinished(self.store)), ((set(), set()), 0))

    def test_object_that_is_stored_anew_is_not_removed_later(self) -> None:
        grid, made = self.grid, self.made
        self.break_down("", "lost")
        grid.fails(Unavailable, grid.store_piece(made))
        self.well()
        grid.run(grid.store_piece(made))
        grid.clock.advance(AGAIN)
        grid.clock.pump(10)
        self.assertEqual(grid.run(grid.get(PieceGet(made.version, 0)))[1], made.pieces[0])

    def test_reading(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.store_piece(made))
        self.break_down()
        grid.fails(Unavailable, grid.get(PieceGet(made.version, 0)))
        self.well()
        self.assertEqual(grid.run(grid.get(PieceGet(made.version, 0)))[1], made.pieces[0])

    def test_it_stops_in_the_middle_of_reading(self) -> None:
        grid, made = self.grid, make_version(self.grid.key(), 12_000_000, seed=3)
        grid.run(grid.store_piece(made))
        asked = itertools.count()
        # footer and first part come
        self.proxy.fault = Fault("hang up", lambda verb, path: verb == "GET" and next(asked) >= 2, 1000)
        grid.fails(Unavailable, grid.get(PieceGet(made.version, 0)))
        self.assertGreater(next(asked), 3)
        self.assertEqual(len(grid.keeping.transfers), 0)
        self.well()
        self.assertEqual(*self.objects())
        self.assertEqual(grid.run(grid.get(PieceGet(made.version, 0)))[1], made.pieces[0])

    def test_audits(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.store_piece(made))
        question = PieceAudit(made.version, 0, [1])

        async def proof() -> bytes:
            stream = await grid.nodes[1].router.open_stream(grid.supplier, PIECE_AUDIT, question)
            stream.finish()
            came = bytearray()
            while data := await stream.read():
                came += data
            return bytes(came)

        for kind in ("refuse", "hang up"):
            self.break_down("GET", kind)
            # the store does not answer: that does not mean that the piece is bad
            grid.fails(Unavailable, proof())
            self.assertEqual(len(grid.booked()), 1)
        self.well()
        came, leaves = grid.run(proof()), leaves_of(made.pieces[0], PIECE_BLOCK)
        hashes = HASH_BYTES * path_length(1, len(leaves))
        beside = [came[at : at + HASH_BYTES] for at in range(0, hashes, HASH_BYTES)]
        check_path(came[hashes:], 1, len(leaves), beside, made.manifest.roots[0])

    def test_deleted_while_the_store_is_away(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.store_piece(made))
        self.break_down("DELETE")
        self.assertEqual(grid.run(grid.ask(PIECE_DELETE, PieceDelete([made.version]))).deleted, 1)
        self.assertEqual((self.account(), self.objects()[1]), ((0, 0), set()))
        grid.clock.advance(AGAIN)
        grid.clock.pump(10)
        self.assertEqual(len(self.objects()[0]), 1)
        grid.run(grid.close())
        grid.run(grid.open())
        self.well()
        grid.clock.advance(AGAIN)
        grid.clock.pump(10)
        self.assertEqual(self.objects(), (set(), set()))

    def test_good_piece_stays_when_its_renewal_fails(self) -> None:
        grid, made = self.grid, self.made
        grid.run(grid.store_piece(made))
        for kind in ("refuse", "lost"):
            self.break_down("", kind)
            grid.fails(Unavailable, grid.store_piece(made))
            self.well()
            grid.clock.advance(AGAIN)
            grid.clock.pump(10)
            self.assertEqual(grid.run(grid.get(PieceGet(made.version, 0)))[1], made.pieces[0])


class Chosen(SynchronousTestCase):
    """The store that the options name; what lies in the other one is found while that is set up too."""

    def open(self, store: str, bucket: str = BUCKET) -> PieceStore:
        settings = Server.get().inner.settings()
        options = {
            "store": store, "s3-bucket": bucket, "s3-endpoint": settings.endpoint, "s3-access-key": ACCESS_KEY,
            "s3-secret-key": SECRET_KEY, "s3-prefix": self.prefix,
        }  # fmt: skip
        config = Config(overrides={f"services/supplier/{name}": value for name, value in options.items()})
        made = open_store(config, self.pieces, self.base, OWNER)
        self.addCleanup(made.close)
        return made

    def setUp(self) -> None:
        self.base = Path(self.mktemp())
        self.pieces = self.base / "pieces"
        self.pieces.mkdir(parents=True)
        self.prefix = f"test-{next(Server.numbers)}/"

    def test_folder_alone(self) -> None:
        self.assertIsInstance(self.open("folder", ""), LocalFolder)

    def test_from_the_folder_to_the_bucket_and_back(self) -> None:
        names = [object_name(OWNER, VERSION, index) for index in range(4)]
        written(self.open("folder", ""), [b"old"], 0).commit()
        both = self.open("s3")
        written(both, [b"new"], 1).commit()
        self.assertEqual([both.read(name, 0, 3) for name in names[:2]], [b"old", b"new"])
        self.assertEqual((sorted(both.names()), len(list(self.pieces.glob("*/*")))), (sorted(names[:2]), 1))
        written(both, [b"old"], 0).commit()
        self.assertEqual(list(self.pieces.glob("*/*")), [])
        self.assertIsInstance(self.open("s3"), S3Store)
        back = self.open("folder")
        self.assertEqual(back.footer(names[0]).size, 3)
        written(back, [b"back"], 2).commit()
        self.assertEqual([back.read(name, 0, 4)[:3] for name in names[:3]], [b"old", b"new", b"bac"])
        back.delete(*names)
        self.assertEqual((list(back.names()), back.clean()), ([], 0))
        self.assertRaises(NotFound, back.leaves, names[0])


class MovedFolders(StoreSuite, SynchronousTestCase):
    """All that is asked of a store, of two."""

    def setUp(self) -> None:
        self.folders = [Path(self.mktemp()) for _ in range(2)]
        for folder in self.folders:
            folder.mkdir()
        self.store = Moved(*(LocalFolder(folder, margin=0) for folder in self.folders))

    def raw(self, name: str) -> bytes:
        return (self.folders[0] / name[:2] / name).read_bytes()

    def set_raw(self, name: str, data: bytes) -> None:
        (self.folders[0] / name[:2] / name).write_bytes(data)

    def unfinished(self) -> int:
        return sum(not path.name.isalnum() for folder in self.folders for path in folder.glob("*/*"))
