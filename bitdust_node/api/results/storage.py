"""
Results that tell of data: files, suppliers, customers, space, transfers. Sizes are in bytes, times in Unix seconds.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class FileExists(TypedDict):
    exist: bool
    path_id: str | None


class Version(TypedDict):
    """
    One stored version. `delivered`: how many percent of its pieces suppliers have acknowledged and were not found to
    lack since; `reliable`: the same without the pieces of suppliers that can not be reached now. All blocks of a
    version have the same.
    """

    backup_id: str
    label: str
    time: float
    size: int
    delivered: str
    reliable: str
    fragments: int
    weak_block: int
    max_block: int
    suppliers: list[dict[str, Any]]
    state: NotRequired[str]
    progress: NotRequired[str]


class File(TypedDict):
    """An entry of the catalog. `latest`: UTC, empty without a version."""

    remote_path: str
    global_id: str
    customer: str
    path_id: str
    path: str
    name: str
    type: str
    size: int
    latest: str
    key_id: str
    versions: list[Version]
    uploads: dict[str, Any]
    downloads: list[dict[str, Any]]
    local_path: NotRequired[str]
    revision: NotRequired[int]
    idurl: NotRequired[str]
    local_size: NotRequired[int]
    key_alias: NotRequired[str]
    childs: NotRequired[bool]


class FileCreated(TypedDict):
    path_id: str
    path: str
    remote_path: str
    global_id: str
    customer: str
    key_id: NotRequired[str]
    created: NotRequired[bool]
    type: NotRequired[str]


class FileRenamed(TypedDict):
    path_id: str
    path: str
    old_path: str
    remote_path: str
    global_id: str
    customer: str
    key_id: str
    type: str


class UploadRunning(TypedDict):
    version: str
    key_id: str
    source_path: str
    eccmap: str
    block_size: int
    block_number: int
    bytes_processed: int
    total_size: int
    progress: str
    bytes_per_second: int
    seconds_left: float
    pipe: str
    aborting: bool
    terminating: bool
    eof_state: bool
    reading: bool
    closed: bool
    work_blocks: int


class UploadPending(TypedDict):
    task_id: int
    path_id: str
    source_path: str
    created: str


class Uploads(TypedDict):
    running: list[UploadRunning]
    pending: list[UploadPending]


class UploadStarted(TypedDict):
    """`version` is known when the call has waited for the end."""

    remote_path: str
    key_id: str
    source_path: str
    path_id: str
    version: NotRequired[str]


class Download(TypedDict):
    backup_id: str
    creator_id: str
    path_id: str
    version: str
    block_number: int
    bytes_processed: int
    bytes_per_second: int
    seconds_left: float
    created: str
    aborted: bool
    done: bool
    eccmap: str
    key_id: str


class DownloadStarted(TypedDict):
    downloaded: bool
    key_id: str
    backup_id: str
    local_path: str
    path_id: str
    remote_path: str


class DownloadStopped(TypedDict):
    backup_id: str
    aborted: bool


class SupplierItem(TypedDict):
    """The supplier at a position; texts are empty while there is none."""

    position: int
    idurl: str
    global_id: str
    supplier_state: str | None
    connected: str | None
    contact_state: str
    contact_status: NotRequired[str]
    listfiles: NotRequired[str]
    fragments: NotRequired[dict[str, Any]]
    contract: NotRequired[dict[str, Any] | None]


class SuppliersPublished(TypedDict):
    """What a customer has published of its suppliers; `revision` 0: nothing."""

    suppliers: list[str]
    ecc_map: str | None
    customer_idurl: str
    revision: int
    publisher_idurl: str | None
    timestamp: int | None


class CustomerItem(TypedDict):
    position: int
    global_id: str
    idurl: str
    contact_state: str
    contact_status: NotRequired[str]
    customer_assistant_state: NotRequired[str]
    contract: NotRequired[dict[str, Any] | None]


class SpaceDonated(TypedDict):
    """`consumed`: promised, `real`: on disk. Each size has a twin in words, `<name>_str`."""

    customers_num: int
    customers: list[dict[str, Any]]
    old_customers: list[dict[str, Any]]
    consumed: int
    donated: int
    real: int
    free: int
    used: int
    old_customers_used: int
    old_customers_real: int
    used_percent: str
    consumed_percent: str


class SpaceConsumed(TypedDict):
    suppliers_num: int
    needed: int
    used: int
    available: int
    needed_per_supplier: int
    used_per_supplier: int
    available_per_supplier: int
    used_percent: str
    my_catalog_items: int
    my_files: int
    my_folders: int


class SpaceLocal(TypedDict):
    backups: int
    temp: int
    customers: int
    total: int
    disktotal: int
    diskfree: int
    total_percent: str
    diskfree_percent: str


class TransfersOfPeer(TypedDict):
    idurl: str
    global_id: str
    outgoing: list[dict[str, Any]]
    incoming: list[dict[str, Any]]


class PacketItem(TypedDict):
    """A message under way. `direction`: incoming or outgoing."""

    direction: str
    label: str
    target: str
