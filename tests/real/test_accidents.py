"""
Bad input and accidents, on real processes: clear errors, nothing lost, the node goes on.
"""

from __future__ import annotations

import os
import signal
import socket
import ssl
from pathlib import Path

from bitdust_node.config.config import Config
from bitdust_node.errors import BitDustError
from bitdust_node.identity.device import DeviceKey, DeviceRecord
from bitdust_node.wire.frames import HEADER, FrameReader, Kind, encode
from bitdust_node.wire.packet import VERSION, Hello, pack
from tests.keys import test_document, test_key
from tests.real.accidents import MEGABYTE, AccidentCase


class BadInputTest(AccidentCase):
    """What clients, disks, strangers and slow suppliers do."""

    def test_one_after_the_other(self) -> None:
        kept = self.make_file(6 * MEGABYTE)
        self.upload(kept, "kept")
        self.bad_arguments()
        self.bad_requests()
        self.bad_paths(kept)
        self.hostile_strangers()
        self.assert_nobody_stumbled()
        self.damaged_pieces(kept)
        self.stalling_supplier()
        self.too_large()
        self.assert_comes_back(kept, "kept", "at the end")
        self.assert_nobody_stumbled()

    def bad_arguments(self) -> None:
        for path, body, text in (
            ("/config/set/v1", b"{", "invalid json input"),
            ("/config/set/v1", b"[1]", "invalid json input"),
            ("/config/set/v1", b"\xff\xfe", "invalid json input"),
            ("/config/set/v1", b"[" * 100_000, "invalid json input"),
            ("/config/set/v1", b'{"key": "logs/debug-level"}', "one of mandatory parameters missed: value"),
            ("/config/set/v1", b"", "mandatory json input missed"),
            ("/config/set/v1", b'{"key": "no/such", "value": 1}', "does not exist"),
            ("/config/set/v1", b'{"key": "logs/debug-level", "value": "many"}', "logs/debug-level"),
            ("/user/ping/v1", b'{"user_id": "x@y", "timeout": "soon"}', "must be a whole number"),
            ("/no/such/v1", b"{}", "was not found"),
        ):
            told = self.ask("POST", path, body)
            self.assertEqual(told["status"], "ERROR", (path, body[:60]))
            self.assertIn(text, told["errors"][0])
        self.assertIn("mandatory url query argument missed", self.ask("GET", "/file/info/v1")["errors"][0])

    def bad_requests(self) -> None:
        for headers in (
            {"api_secret": "WRONG"},
            {"api_secret": ""},
            {"Host": "evil.example"},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
        ):
            self.assertEqual(self.ask("GET", "/process/stop/v1", **headers)["errors"], ["access denied"], headers)
        told = self.ask("POST", "/event/send/x/v1", bytes(100 * MEGABYTE))
        self.assertIn("the body is larger", told["errors"][0])
        self.assertEqual(self.ask("GET", "/process/health/v1")["status"], "OK")

    def bad_paths(self, local: Path) -> None:
        for path in ("../x", "a/../../x", "a\0b", "x" * 5000, "/".join("a" * 3000), "a//b", "."):
            for method in ("file_create", "file_info", "file_delete", "file_download_start"):
                self.assertIn("invalid remote_path format", self.refused(method, remote_path=path))
            self.refused("file_upload_start", local_path=str(local), remote_path=path)
        for missing in ("/no/such/file", "", "a\0b", "x" * 5000):
            text = self.refused("file_upload_start", local_path=missing, remote_path="kept")
            self.assertIn("local file or folder not exist", text)
        self.assertIn("not found", self.refused("file_download_start", remote_path="nothing"))
        blocked = self.folder / "a file"
        blocked.touch()
        self.refused("file_download_start", remote_path="kept", destination_path=str(blocked), wait_result=True)
        self.assertEqual([item["path"] for item in self.call("files_list")], ["kept"])

    def hostile_strangers(self) -> None:
        """Lengths that are lies, and a hello that is signed by somebody else."""
        port = Config(Path(self.holder(0).base) / "config", synced=False).number("services/tcp-connections/tcp-port")
        device = DeviceKey.generate(0)
        document = test_document(1)
        forged = DeviceRecord.make(test_key(2), device.spki, "main", 2**33)
        other = DeviceRecord.make(test_key(1), DeviceKey.generate(0).spki, "main", 2**33)
        for said in (
            HEADER.pack(0xFFFFFFFF, Kind.HELLO, 0),
            HEADER.pack(0, Kind.HELLO, 0),
            HEADER.pack(8, 200, 0) + bytes(8),
            encode(Kind.MESSAGE, 0, b"before the hello"),
            encode(Kind.HELLO, 0, pack(Hello([VERSION], document.xml, forged))),
            encode(Kind.HELLO, 0, pack(Hello([VERSION], document.xml, other))),
            encode(Kind.HELLO, 0, pack(Hello([VERSION], document.xml.replace(b"tcp://", b"udp://"), forged))),
        ):
            frames = FrameReader().feed(self.talk(port, device, said))
            self.assertEqual([frame.kind for frame in frames], [Kind.HELLO, Kind.BYE], said[:20])

    def talk(self, port: int, device: DeviceKey, said: bytes) -> bytes:
        """All that the node answers in a TLS session until it hangs up."""
        pem = self.folder / "device.pem"
        pem.write_text(device.pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(pem)
        heard = b""
        with socket.create_connection(("127.0.0.1", port), 20) as raw, context.wrap_socket(raw) as session:
            session.sendall(said)
            while data := session.recv(65536):
                heard += data
        return heard

    def damaged_pieces(self, kept: Path) -> None:
        """The liars are named, the file is read from others, and what was damaged is made anew."""
        (first,), (second,) = self.pieces(self.holder(0)), self.pieces(self.holder(1))
        whole = first.read_bytes()
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 1
        first.write_bytes(changed)
        os.truncate(second, second.stat().st_size // 3)
        self.assert_comes_back(kept, "kept", "damaged")
        told = (Path(self.alice.base) / "logs" / "event.log").read_text()
        for position in (0, 1):
            name = self.holder(position).global_id
            self.assertIn(name.partition("@")[0] + ".xml gave a wrong piece", told)
        self.until_whole("kept")
        self.assertEqual(first.read_bytes(), whole)
        swapped = first.read_bytes(), second.read_bytes()
        second.write_bytes(swapped[0])
        first.write_bytes(swapped[1])
        self.assert_comes_back(kept, "kept", "swapped")
        self.until_whole("kept")
        self.assertEqual((first.read_bytes(), second.read_bytes()), swapped)

    def stalling_supplier(self) -> None:
        """It stands still in the middle of a download, and then takes nothing of an upload."""
        large = self.make_file(50 * MEGABYTE, 2)
        self.upload(large, "large")
        stalled = self.holder(0)
        self.call("file_download_start", remote_path="large", destination_path=str(self.folder / "stalled"))
        self.until_moving("files_downloads")
        stalled.signal(signal.SIGSTOP)
        try:
            self.until(lambda: self.call("files_downloads") == [], "the download to end")
            self.assert_same(large, "large", "stalled")
            small = self.make_file(100_000, 3)
            self.upload(small, "small")
            self.assertEqual(self.version("small")["delivered"], "75%")
            self.assert_comes_back(small, "small", "without it")
        finally:
            stalled.signal(signal.SIGCONT)
        self.until_whole("small")
        self.call("file_delete", remote_path="large")
        self.until(lambda: all(len(self.pieces(self.holder(at))) == 2 for at in range(4)), "the deletion")

    def too_large(self) -> None:
        """More than the suppliers have granted."""
        self.call("file_create", remote_path="too large")
        with self.assertRaises(BitDustError) as caught:
            local = self.folder / "too large"
            local.touch()
            os.truncate(local, 140 * MEGABYTE)
            self.call("file_upload_start", local_path=str(local), remote_path="too large", wait_result=True)
        self.assertRegex(str(caught.exception), "room|fit")
        self.call("file_delete", remote_path="too large")
