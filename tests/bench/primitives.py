"""
The floor: what the parts of the main job cost on this machine, measured in the same run as the job itself.
"""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from mmap import mmap
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bitdust_node.pieces.erasure import Code
from bitdust_node.pieces.isal import library

MB = 1_000_000
BLOCK = 64 * 1024
ROUNDS = 5


@dataclass(frozen=True)
class Primitives:
    """
    Seconds that one megabyte (10^6 bytes) takes: of one core for `aes`, `sha`, `tls` (both ends), the erasure code,
    `load` (from a file in memory) and `store` (to a file, and its fsync); of the clock for `write`, the same as
    `store` with the time of the disk, and `fetch`, from the disk past the cache.
    """

    aes: float
    sha: float
    tls: float
    load: float
    store: float
    write: float
    fetch: float
    encode: dict[tuple[int, int], float]
    decode: dict[tuple[int, int], float]

    def floor_up(self, megabytes: float, k: int, m: int, cores: int) -> float:
        """
        Seconds below which an upload can not be done here: all of its computing shared evenly by the cores, or
        the disk's time for all pieces, whichever is longer (perfect overlap of the two).
        """
        spread = megabytes * m / k
        customer = megabytes * (self.load + self.aes + self.encode[k, m]) + spread * self.sha
        computing = customer + spread * (self.tls + self.sha + self.store)
        return max(computing / cores, spread * self.write)

    def floor_down(self, megabytes: float, k: int, m: int, cores: int, lost: bool = False) -> float:
        """
        The same for a download, which hashes nothing: the seal is its check. Pieces are on the disk and in no cache,
        and here it is one disk that they are read from and that the file is written to. `lost` when the first pieces
        are gone and must be computed from the others.
        """
        decoding = self.decode[k, m] if lost else 0.0
        computing = megabytes * (self.load + self.tls + decoding + self.aes + self.store)
        return max(computing / cores, megabytes * (self.fetch + self.write))


def measure(schemes: list[tuple[int, int]], folder: Path, megabytes: int = 64) -> Primitives:
    """
    Measure all parts on `megabytes` of data each, the middle of five, as jobs are measured; files are written below
    `folder`.
    """
    data = bytearray(os.urandom(megabytes * MB))
    cipher = AESGCM(os.urandom(32))
    view = memoryview(data)
    blocks = [view[at : at + BLOCK] for at in range(0, len(data) - BLOCK, BLOCK)]
    # into the same memory again and again: fresh memory would cost more than the cipher
    sealed = bytearray(BLOCK + 16)
    return Primitives(
        aes=_cpu(lambda: [cipher.encrypt_into(b"\0" * 12, block, None, sealed) for block in blocks]) / megabytes,
        sha=_cpu(lambda: [hashlib.sha256(block).digest() for block in blocks]) / megabytes,
        tls=_cpu(lambda: _through_tls(data)) / megabytes,
        load=_loading(folder, view) / megabytes,
        store=_cpu(lambda: _write(folder, view)) / megabytes,
        write=_wall(lambda: _write(folder, view)) / megabytes,
        fetch=_fetching(folder, view) / megabytes,
        encode={(k, m): _coding(blocks, k, m, range(k), range(k, m)) / megabytes for k, m in schemes},
        decode={(k, m): _coding(blocks, k, m, range(m - k, m), range(min(k, m - k))) / megabytes for k, m in schemes},
    )


def _cpu(action: Callable[[], object]) -> float:
    return statistics.median(_timed(action, time.process_time) for _ in range(ROUNDS))


def _wall(action: Callable[[], object]) -> float:
    return statistics.median(_timed(action, time.perf_counter) for _ in range(ROUNDS))


def _timed(action: Callable[[], object], clock: Callable[[], float]) -> float:
    begin = clock()
    action()
    return clock() - begin


def _coding(blocks: list[memoryview], k: int, m: int, given: range, made: range) -> float:
    """
    CPU seconds to make blocks `made` out of `given` for all of `blocks`, by what the node codes with.
    """
    code = Code(k, m, library())
    places = {index: memoryview(bytearray(BLOCK)) for index in made}

    def code_all() -> None:
        for at in range(0, len(blocks) - k + 1, k):
            code.make(dict(zip(given, blocks[at : at + k], strict=True)), places)

    return _cpu(code_all)


def _write(folder: Path, data: memoryview) -> None:
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for at in range(0, len(data), 1 << 20):
            file.write(data[at : at + (1 << 20)])
        file.flush()
        os.fsync(file.fileno())


def _loading(folder: Path, data: memoryview) -> float:
    room = bytearray(1 << 20)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(data)
        file.flush()
        return _cpu(lambda: [os.preadv(file.fileno(), [room], at) for at in range(0, len(data), len(room))])


def _fetching(folder: Path, data: memoryview) -> float:
    """
    Seconds of the clock to read `data` from the disk, a MiB at a time.
    """
    room = mmap(-1, 1 << 20)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        direct = os.open(file.name, os.O_RDONLY | getattr(os, "O_DIRECT", 0))
        try:
            return _wall(lambda: [os.preadv(direct, [room], at) for at in range(0, len(data), len(room))])
        finally:
            os.close(direct)


def _through_tls(data: bytearray) -> None:
    server, client = _contexts()
    listener = socket.create_server(("127.0.0.1", 0))

    def send() -> None:
        with (
            socket.create_connection(listener.getsockname()) as plain,
            client.wrap_socket(plain, server_hostname="bench") as secure,
        ):
            for at in range(0, len(data), BLOCK):
                secure.sendall(data[at : at + BLOCK])

    sender = threading.Thread(target=send)
    sender.start()
    plain, _ = listener.accept()
    left = len(data)
    with plain, server.wrap_socket(plain, server_side=True) as secure:
        while left and (chunk := secure.recv(BLOCK)):
            left -= len(chunk)
    sender.join()
    listener.close()
    if left:
        raise ConnectionError(f"{left} bytes did not arrive through TLS")


def _contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    pem = certificate + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.num_tickets = 0  # unread tickets would make the client's close a reset
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(pem)
        file.flush()
        server.load_cert_chain(file.name)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    for context in (server, client):
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    return server, client
