"""
Pieces in a bucket of an S3-compatible object store: for suppliers that outgrow one disk or one machine.

The same objects under the same names as in a folder. A piece becomes visible by one request, whole, as all clients of
such stores rely on: `PutObject`, or `CompleteMultipartUpload` behind parts that were sent as they came. What has come
of a part waits in a file without a name on the local disk, so that memory does not grow with pieces.
"""

from __future__ import annotations

import re
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from twisted.logger import Logger
from urllib3.exceptions import HTTPError

from bitdust_node.errors import BitDustError, Closed, Full, NotFound, Unavailable
from bitdust_node.identity.names import NodeId
from bitdust_node.pieces.hashtree import Buffer
from bitdust_node.pieces.layout import PIECE_BLOCK
from bitdust_node.pieces.object_file import FOOTER_BYTES, Footer, LeafHasher, object_name
from services.supplying.store import PieceWriter, S3Settings, full_disk

#: Bytes of a part of a multipart upload: this, and as much more behind each 1,000 parts, since 10,000 are allowed.
PART = 8 * 1024 * 1024
PARTS_LIMIT, PARTS_STEP = 10_000, 1_000
#: Seconds to connect, and to wait for any byte of an answer.
CONNECT_TIME, ANSWER_TIME = 10.0, 30.0
#: Times that a request is sent, with growing pauses (the library's own), and that a cut off answer is asked for again.
ATTEMPTS = 4
#: Requests at once.
LANES = 8
#: Uploads that are remembered because they could not be dropped.
LEFT_LIMIT = 10_000

_NAME = re.compile(r"[0-9a-f]{64}")
_TOTAL = re.compile(r"bytes \d+-\d+/(\d+)")
#: Codes of answers that mean that there is no room left.
_NO_ROOM = frozenset({"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull", "507", "EntityTooLarge"})


class _CutOffError(Unavailable):
    """An answer that began and is not whole; the library does not ask for these again."""


class S3Store:
    """
    Pieces by name in a bucket.

    spool: folder for what waits to be sent. answer_time, attempts: of one request.
    """

    log = Logger()

    def __init__(
        self, settings: S3Settings, spool: Path, answer_time: float = ANSWER_TIME, attempts: int = ATTEMPTS
    ) -> None:
        settings.check()
        self.bucket, self._prefix, self.spool = settings.bucket, settings.prefix, spool
        self._attempts = attempts
        self._closed, self._trouble = False, ""
        # uploads that were given up while the store did not answer, by key
        self._left: set[tuple[str, str]] = set()
        config = Config(
            connect_timeout=min(CONNECT_TIME, answer_time),
            read_timeout=answer_time,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=LANES,
            signature_version="s3v4",
            # stores of one's own mostly have no names of hosts for their buckets, and not all know newer checksums
            s3={"addressing_style": "path" if settings.endpoint else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        with self.asked():
            self.client: Any = Session(
                aws_access_key_id=settings.access_key,
                aws_secret_access_key=settings.secret_key,
                region_name=settings.region or "us-east-1",
            ).client("s3", endpoint_url=settings.endpoint or None, config=config)

    def close(self) -> None:
        """
        Close the connections. Calls that hang in a worker still are told with their next request: they must not undo
        what was stored after this store was opened anew.
        """
        self._closed = True
        self.client.close()

    def writer(self, owner: NodeId, version: bytes, index: int) -> PieceWriter:
        return _ObjectWriter(self, owner, version, index)

    def footer(self, name: str) -> Footer:
        return self._footer(name)[0]

    def leaves(self, name: str) -> bytes:
        footer, data = self._footer(name)
        leaves = self.read(name, footer.size, footer.leaves_bytes)
        footer.check(leaves, data)
        return leaves

    def read(self, name: str, offset: int, length: int) -> bytes:
        if length <= 0:
            return b""
        return self._get(name, f"bytes={offset}-{offset + length - 1}", length)[0]

    def delete(self, *names: str) -> None:
        for name in names:
            with self.asked():
                self.client.delete_object(Bucket=self.bucket, Key=self.key(name))

    def names(self) -> Iterator[str]:
        for entry in self._entries():
            name = entry["Key"].removeprefix(self._prefix)
            if _NAME.fullmatch(name):
                yield name

    def clean(self) -> int:
        removed = 0
        with self.asked():
            pages = self.client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self._prefix):
                for upload in page.get("Uploads", []):
                    self.abort(upload["Key"], upload["UploadId"])
                    removed += 1
        return removed

    def size(self) -> int:
        return sum(entry["Size"] for entry in self._entries())

    def trouble(self) -> str:
        return self._trouble

    def tidy(self) -> None:
        for key, upload in list(self._left):
            self.abort(key, upload)
            self._left.discard((key, upload))
        if self._trouble:
            next(self.names(), None)

    def give_up(self, key: str, upload: str) -> None:
        """
        Drop the parts of an upload, now or later; at the latest at the next start.
        """
        try:
            self.abort(key, upload)
        except BitDustError:
            if len(self._left) < LEFT_LIMIT:
                self._left.add((key, upload))

    def key(self, name: str) -> str:
        """
        The key of a name; anything that was not made by hashing is refused.
        """
        if not _NAME.fullmatch(name):
            raise NotFound("there is no such piece")
        return self._prefix + name

    def abort(self, key: str, upload: str) -> None:
        """
        Drop the parts of an upload; one that is gone already is no error.
        """
        with self.asked(), suppress(self.client.exceptions.NoSuchUpload):
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload)

    def is_from(self, key: str, token: str) -> bool:
        """
        Whether the object was written by the writer with this token.
        """
        with self.asked():
            told = self.client.head_object(Bucket=self.bucket, Key=key)
        return bool(told.get("Metadata", {}).get("writer") == token)

    @contextmanager
    def asked(self) -> Iterator[None]:
        """
        Errors of the library, as ours. Only the plain word that an object is not there means that: a bucket that is
        gone, or a key that is refused, says nothing about pieces.
        """
        if self._closed:
            raise Closed("the store of pieces was closed")
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code == "NoSuchKey":
                self._trouble = ""
                raise NotFound("there is no such piece") from error
            self.log.warn("the object store refuses: {error}", error=error)
            if code in _NO_ROOM:
                self._trouble = "the object store of the supplier has no room left"
                raise Full(self._trouble) from error
            self._trouble = f"the object store of the supplier refuses ({code[:50]})"
            raise Unavailable(self._trouble) from error
        except (BotoCoreError, HTTPError) as error:
            self.log.warn("the object store does not answer: {error}", error=error)
            self._trouble = f"the object store of the supplier does not answer ({type(error).__name__})"
            raise Unavailable(self._trouble) from error
        self._trouble = ""

    def _entries(self) -> Iterator[Any]:
        with self.asked():
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self._prefix):
                yield from page.get("Contents", [])

    def _footer(self, name: str) -> tuple[Footer, bytes]:
        data, total = self._get(name, f"bytes=-{FOOTER_BYTES}", FOOTER_BYTES)
        return Footer.parse(data, total), data

    def _get(self, name: str, wanted: str, most: int) -> tuple[bytes, int]:
        """Bytes of a range, none behind the end; and the size of the whole object, 0 if it is not known."""
        for _ in range(self._attempts - 1):
            with suppress(_CutOffError):
                return self._get_once(name, wanted, most)
        return self._get_once(name, wanted, most)

    def _get_once(self, name: str, wanted: str, most: int) -> tuple[bytes, int]:
        with self.asked():
            try:
                answer = self.client.get_object(Bucket=self.bucket, Key=self.key(name), Range=wanted)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == "InvalidRange":
                    return b"", 0
                raise
        total = _TOTAL.fullmatch(answer.get("ContentRange", ""))
        length = answer["ContentLength"]
        try:
            # more than was asked for is never read
            with self.asked(), answer["Body"] as body:
                data = body.read(most) if length <= most else b""
        except Unavailable as error:
            raise _CutOffError(str(error)) from error
        if total is None or len(data) != length:
            raise _CutOffError("the object store of the supplier answers something else than what it was asked")
        return data, int(total[1])


class _ObjectWriter:
    """
    A piece on its way to the bucket. Small ones go in one request, at `commit`.
    """

    def __init__(self, store: S3Store, owner: NodeId, version: bytes, index: int) -> None:
        self._store = store
        self._owner, self._version, self._index = owner, version, index
        self._hasher = LeafHasher(PIECE_BLOCK)
        self._spool: IO[bytes] | None = None
        self._spooled = 0
        self._upload = ""
        self._tags: list[str] = []
        self._token = secrets.token_hex(8)
        self._ended = False

    @cached_property
    def _key(self) -> str:
        return self._store.key(object_name(self._owner, self._version, self._index))

    @property
    def _place(self) -> dict[str, str]:
        return {"Bucket": self._store.bucket, "Key": self._key}

    def write(self, chunks: Sequence[Buffer]) -> None:
        for chunk in chunks:
            self._hasher.update(chunk)
        self._append(chunks)

    def finish(self) -> Footer:
        leaves, count, top = self._hasher.finish()
        footer = Footer(self._owner, self._version, self._index, PIECE_BLOCK, self._hasher.size, count, top)
        self._append([footer.pack(leaves)])
        return footer

    def commit(self) -> None:
        with self._or_discard():
            if self._upload and self._spooled:
                self._send_part()
            try:
                self._make_visible()
            except BitDustError:
                # maybe only the answer was lost
                if not self._is_visible():
                    raise
            self._upload = ""
        self.discard()

    def discard(self) -> None:
        self._ended = True
        if self._spool is not None:
            self._spool.close()
            self._spool = None
        upload, self._upload = self._upload, ""
        if upload:
            self._store.give_up(self._key, upload)

    def _append(self, chunks: Sequence[Buffer]) -> None:
        if self._ended:
            raise Closed("this piece was given up")
        with self._or_discard():
            for chunk in chunks:
                self._file().write(chunk)
                self._spooled += len(chunk)
            if self._spooled >= PART * (1 + len(self._tags) // PARTS_STEP):
                self._send_part()

    def _file(self) -> IO[bytes]:
        if self._spool is None:
            # it has no name: nothing is left of it when the process is killed
            self._spool = tempfile.TemporaryFile(dir=self._store.spool)  # noqa: SIM115 - closed by `discard`
        return self._spool

    def _send_part(self) -> None:
        if len(self._tags) == PARTS_LIMIT:
            raise Full("the object store of the supplier takes no pieces of this size")
        file, number = self._file(), len(self._tags) + 1
        file.seek(0)
        client = self._store.client
        with self._store.asked():
            if not self._upload:
                begun = client.create_multipart_upload(**self._place, Metadata={"writer": self._token})
                self._upload = begun["UploadId"]
            told = client.upload_part(**self._place, UploadId=self._upload, PartNumber=number, Body=file)
        if not told.get("ETag"):
            raise Unavailable("the object store of the supplier does not say what it has taken")
        self._tags.append(told["ETag"])
        file.seek(0)
        file.truncate()
        self._spooled = 0

    def _make_visible(self) -> None:
        client = self._store.client
        with self._store.asked():
            if self._upload:
                parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(self._tags, 1)]
                whole = {"Parts": parts}
                client.complete_multipart_upload(**self._place, UploadId=self._upload, MultipartUpload=whole)
            else:
                file = self._file()
                file.seek(0)
                client.put_object(**self._place, Body=file, Metadata={"writer": self._token})

    def _is_visible(self) -> bool:
        try:
            return self._store.is_from(self._key, self._token)
        except BitDustError:
            return False

    @contextmanager
    def _or_discard(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.discard()
            raise full_disk(error) from error
        except BitDustError:
            self.discard()
            raise
