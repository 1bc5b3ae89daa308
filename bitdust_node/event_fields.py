"""
The events of the contract and what each tells. Whoever publishes keeps to it; the tests compare.

Clients may send any other event with `event_send`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: What a field may hold: a class, several (`str | None`), or anything (`object`).
Kind = Any


@dataclass(frozen=True)
class Fields:
    """
    needed, further: name and kind of each field that the data always, and that it may have.
    free: what else it has is not listed, e.g. a whole identity.
    """

    needed: Mapping[str, Kind]
    further: Mapping[str, Kind]
    free: bool = False

    def check(self, data: Mapping[str, Any]) -> list[str]:
        """
        What is wrong with the data of an event; nothing if it is as declared.
        """
        wrong = [f"lacks {name}" for name in self.needed.keys() - data.keys()]
        known = {**self.needed, **self.further}
        for name, value in data.items():
            if name not in known:
                wrong.extend([] if self.free else [f"has {name}, which is not declared"])
            elif not isinstance(value, known[name]):
                wrong.append(f"has {name}={value!r}, which is no {known[name]}")
        return wrong


def _has(**needed: Kind) -> Fields:
    return Fields(needed, {})


_NOTHING = _has()
_PROFILE = Fields({"idurl": str, "global_id": str}, {}, free=True)
_TASK = {
    "number": int,
    "created": float | int,
    "backup_id": str | None,
    "key_id": str,
    "path_id": str,
    "customer_id": str,
    "path": str,
    "local_path": str | None,
    "remote_path": str,
}
_AGREED = _has(
    idurl=str,
    allocated_bytes=int,
    ecc_map=str | None,
    position=int | None,
    key_id=str | None,
    family_snapshot=list | None,
    contract=dict | None,
)
_MOVED = {"old_state": str, "new_state": str}
_USER = _has(global_id=str, idurl=str, **_MOVED)
_KEY = _has(key_id=str, label=str, key_size=str | int)
_SHARED = {"global_id": str, "remote_idurl": str}
_ROTATED = _has(old_idurls=list, new_idurls=list, old_revision=int, new_revision=int)
_URL_CHANGED = _has(old_idurl=str, new_idurl=str, old_revision=int, new_revision=int)
_SHARE = Fields({"key_id": str}, {}, free=True)
_GROUP = _has(group_key_id=str, member_id=str, queue_id=str)
_CONTRACT = _has(contract=dict)
_PACKET = {
    "packet_id": str, "command": str, "creator_id": str, "date": str, "size": int, "remote_id": str,
}  # fmt: skip
_DEVICE = Fields({}, {}, free=True)

FIELDS: Mapping[str, Fields] = {
    # uploads and downloads
    "backup-started": _has(backup_id=str),
    "backup-done": _has(backup_id=str, source_path=str),
    "backup-aborted": _has(backup_id=str, source_path=str),
    "backup-raidmake-failed": _has(backup_id=str),
    "backup-task-created": Fields(_TASK, {}),
    "backup-task-failed": _has(path_id=str, message=str),
    "backup-task-finished": Fields(_TASK | {"message": str | None}, {}),
    "restore-started": _has(backup_id=str),
    "restore-done": _has(backup_id=str, output_location=str),
    "restore-failed": Fields(
        {"backup_id": str, "reason": str},
        {"output_location": str, "error": str, "block_number": int, "args": list},
    ),
    # suppliers and customers
    "new-customer-accepted": _AGREED,
    "existing-customer-accepted": _AGREED,
    "new-customer-denied": _has(idurl=str),
    "existing-customer-denied": _has(idurl=str),
    "existing-customer-terminated": _has(idurl=str, ecc_map=str | None),
    "customer-lease-lapsing": _has(idurl=str, expires=int),
    "customer-pieces-removed": _has(idurl=str, bytes=int, lapsed=int),
    "supplier-lease-lapsing": _has(supplier_idurl=str, expires=int),
    "supplier-connected": _has(supplier_idurl=str, customer_idurl=str, needed_bytes=int, key_id=str | None),
    "supplier-modified": _has(
        new_idurl=str | None, old_idurl=str | None, position=int, ecc_map=str | None, family_snapshot=list
    ),
    "supplier-file-modified": _has(
        action=str, remote_path=str, key_alias=str, authorized_idurl=str, customer_idurl=str, supplier_idurl=str
    ),
    "my-suppliers-all-hired": _NOTHING,
    "my-suppliers-yet-not-hired": _NOTHING,
    "storage-contract-started": _CONTRACT,
    "storage-contract-changed": _CONTRACT,
    "storage-contract-completed": _CONTRACT,
    "storage-contract-cancelled": _CONTRACT,
    "storage-contract-paid": _CONTRACT,
    # the own data
    "my-storage-ready": _NOTHING,
    "my-storage-not-ready-yet": _NOTHING,
    "my-list-files-refreshed": Fields({"customer_idurl": str}, {"unknown": int}),
    "my-backup-index-synchronized": _NOTHING,
    "my-backup-index-out-of-sync": _NOTHING,
    "my-keys-synchronized": _NOTHING,
    "my-keys-out-of-sync": _NOTHING,
    "my-keys-synchronize-failed": _has(error=str),
    # people
    "contacts-changed": _has(old_contacts=list, new_contacts=list),
    "friend-added": _has(idurl=str, global_id=str, alias=str),
    "friend-removed": _has(idurl=str, global_id=str),
    "friend-connected": _USER,
    "friend-disconnected": _USER,
    "node-connected": _USER,
    "node-disconnected": _USER,
    # the network
    "dht-layer-connected": _has(layer_id=int),
    "gateway-transport-initialized": _has(proto=str, rpc_url=str),
    "gateway-receiving-started": _has(proto=str, host=str, options=dict),
    "gateway-receiving-failed": _has(proto=str, error=str),
    "gateway-disconnected": _has(proto=str, result=str),
    "my-external-ip-changed": _has(old=str, new=str),
    "inbox-packet-recevied": Fields(_PACKET, {}),  # sic
    "outbox-packet-finished": Fields(_PACKET | {"description": str}, {}),
    # the identity and the keys
    "local-identity-set": _PROFILE,
    "local-identity-modified": _has(old=dict, new=dict),
    "local-identity-written": _has(idurl=str, filename=str),
    "local-identity-cleaned": _NOTHING,
    "local-identity-erased": _NOTHING,
    "identity-rotated": _ROTATED,
    "my-identity-rotated": _ROTATED,
    "identity-url-changed": _URL_CHANGED,
    "my-identity-url-changed": _URL_CHANGED,
    "my-identity-rotate-complete": _NOTHING,
    "key-loaded": _KEY,
    "key-generated": _KEY,
    "key-signed": _KEY,
    "key-registered": Fields({**_KEY.needed, "local_key_id": int}, {}),
    "key-erased": _has(key_id=str, local_key_id=int, is_private=bool),
    "key-renamed": _has(old_key_id=str, new_key_id=str, is_private=bool),
    "private-key-shared": _has(key_id=str, **_SHARED),
    "private-key-share-failed": _has(key_id=str, reason=str, **_SHARED),
    "group-key-shared": _has(group_key_id=str, **_SHARED),
    "group-key-share-failed": _has(group_key_id=str, reason=str, **_SHARED),
    # shares and groups
    "share-connected": _SHARE,
    "share-disconnected": _SHARE,
    "shared-list-files-received": _has(customer_idurl=str, new_items=int),
    "group-connected": _GROUP,
    "group-disconnected": _GROUP,
    "group-synchronized": _GROUP,
    # messages
    "message-state-changed": _has(
        message_id=str,
        conversation_id=str,
        sender=str,
        recipient=str,
        direction=str,
        **_MOVED,
    ),
    # the node
    "service-started": _has(name=str),
    "service-stopped": _has(name=str),
    "state-changed": _has(index=int, id=str, name=str, newstate=str, oldstate=str, event=str),
    "web-socket-connected": _has(peer=str),
    "web-socket-disconnected": Fields({"peer": str}, {"reason": str}),
    "web-socket-access-denied": _NOTHING,
    "web-socket-handshake-started": _DEVICE,
    "web-socket-handshake-proceeding": _DEVICE,
    "web-socket-handshake-failed": _DEVICE,
    "source-code-fetched": _NOTHING,
    "source-code-up-to-date": _NOTHING,
    "source-code-update-error": _has(result=str),
    "blockchain-transaction-received": Fields({}, {}, free=True),
}
