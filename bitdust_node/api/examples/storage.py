"""
Examples of files, suppliers, customers and space.
"""

from __future__ import annotations

from bitdust_node.api.examples.example import LOCAL_FILE, SUPPLIER, Example, Refusal

_PATH = "papers/report.txt"
_NEW_PATH = "papers/2026.txt"
_NO_PATH = Refusal("there is no path", {"remote_path": ""}, "invalid remote_path format")
_UNKNOWN = Refusal(
    "the catalog has no such path",
    {"remote_path": "papers/no.txt"},
    "path 'papers/no.txt' was not found in the catalog",
)

FILES: tuple[Example, ...] = (
    Example(
        "file_create",
        {"remote_path": _PATH},
        refusals=(
            _NO_PATH,
            Refusal("it exists", {"remote_path": _PATH}, f"remote path '{_PATH}' already exists in the catalog"),
            Refusal(
                "what is above is a file", {"remote_path": f"{_PATH}/x"}, f"remote path '{_PATH}/x' can not be assigned"
            ),
        ),
    ),
    Example("file_exists", {"remote_path": _PATH}, refusals=(_NO_PATH,)),
    Example(
        "file_upload_start",
        {"local_path": LOCAL_FILE, "remote_path": _PATH, "wait_result": True},
        refusals=(
            Refusal(
                "there is no such file",
                {"local_path": "/home/alice/none.txt", "remote_path": _PATH},
                "local file or folder not exist",
            ),
            Refusal("there is no path", {"local_path": LOCAL_FILE, "remote_path": ""}, "invalid remote_path format"),
            Refusal(
                "the path was not created before",
                {"local_path": LOCAL_FILE, "remote_path": "papers/new.txt"},
                "path 'papers/new.txt' was not registered yet",
            ),
        ),
    ),
    Example("files_uploads"),
    Example(
        "file_upload_stop",
        {"remote_path": _PATH},
        answer=f"there are no running or pending tasks of {_PATH}",
        refusals=(_UNKNOWN, _NO_PATH),
    ),
    Example(
        "file_info",
        {"remote_path": _PATH},
        refusals=(
            _UNKNOWN,
            Refusal(
                "the owner shares nothing with this node",
                {"remote_path": "master$bob@127.0.0.1_8084:x"},
                "customer bob@127.0.0.1_8084 was not found",
            ),
        ),
    ),
    Example("files_list", {"remote_path": "papers"}),
    Example("files_sync"),
    Example(
        "file_download_start",
        {"remote_path": _PATH, "destination_path": "/home/alice/restored", "wait_result": True},
        refusals=(
            _UNKNOWN,
            Refusal(
                "nothing was stored", {"remote_path": "papers"}, "no remotely stored versions of papers were found"
            ),
        ),
    ),
    Example("files_downloads"),
    Example(
        "file_download_stop",
        {"remote_path": _PATH},
        refusals=(
            _UNKNOWN,
            Refusal(
                "nothing was stored", {"remote_path": "papers"}, "no remotely stored versions of papers were found"
            ),
        ),
    ),
    Example(
        "file_rename",
        {"remote_path": _PATH, "new_path": _NEW_PATH},
        refusals=(
            Refusal(
                "the catalog has no such path",
                {"remote_path": "papers/no.txt", "new_path": _NEW_PATH},
                "path 'papers/no.txt' was not found in the catalog",
            ),
            Refusal(
                "something has the new path",
                {"remote_path": "papers", "new_path": "papers"},
                "remote path 'papers' already exists in the catalog",
            ),
            Refusal(
                "a folder would be in itself",
                {"remote_path": "papers", "new_path": "papers/old"},
                "'papers' can not be moved into itself",
            ),
        ),
    ),
    Example("file_delete", {"remote_path": _NEW_PATH}, refusals=(_UNKNOWN, _NO_PATH)),
    Example("file_explore", {"local_path": "/home/alice/none"}, answer="local path not exist"),
    Example("chunk_write", {"data": "aGVsbG8="}),
    Example("chunk_read", {"path": "none", "offset": 0}, answer="file 'none' was not found"),
    Example("transfers_list"),
)

SUPPLIERS: tuple[Example, ...] = (
    Example("suppliers_list"),
    Example("suppliers_ping"),
    Example("suppliers_dht_lookup"),
    Example("suppliers_list_dht"),
    Example("space_consumed"),
    Example("space_local"),
    Example("space_donated", node=SUPPLIER),
    Example("customers_list", {"verbose": True}, node=SUPPLIER),
    Example("customers_ping", node=SUPPLIER),
    Example(
        "supplier_change",
        {"position": 0},
        refusals=(Refusal("there is no such position", {"position": 9}, "supplier was not found"),),
    ),
    Example(
        "customer_reject",
        {"customer_id": "bob@127.0.0.1_8084"},
        node=SUPPLIER,
        again="customer bob@127.0.0.1_8084 was not found",
        refusals=(
            Refusal(
                "nobody has this name",
                {"customer_id": "nobody@127.0.0.1_8084"},
                "customer nobody@127.0.0.1_8084 was not found",
            ),
        ),
    ),
)
