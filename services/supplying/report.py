"""
The space of a supplier as the API shows it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bitdust_node.identity.names import NodeId
from bitdust_node.paths import DataFolder
from services.supplying.leases import Leases
from services.supplying.space import Space


def size_text(size: float) -> str:
    """
    Bytes for people: `1.5 MB`.
    """
    for unit in ("bytes", "KB", "MB", "GB"):
        if abs(size) < 1024:
            return f"{size:.0f} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"


def percent(part: float, whole: float) -> str:
    return f"{100.0 * part / whole:.2f}%" if whole else "0.00%"


def with_texts(numbers: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """
    Add a readable twin `<name>_str` for each of the names.
    """
    return numbers | {f"{name}_str": size_text(numbers[name]) for name in names}


def donated_space(
    space: Space, leases: Leases | None, real: dict[NodeId, int], idurls: dict[NodeId, str]
) -> dict[str, Any]:
    """
    real: bytes on the disk by customer. idurls: addresses of those who have pieces but no lease.
    """
    customers: list[dict[str, Any]] = []
    old: list[dict[str, Any]] = []
    known = {lease.customer: lease for lease in leases or ()}
    for customer, account in space.accounts.items():
        lease = known.get(customer)
        idurl = lease.idurl if lease else idurls.get(customer, "")
        entry: dict[str, Any] = {"idurl": idurl, "used": account.used, "real": real.get(customer, 0)}
        if lease is not None and lease.active:
            customers.append(entry | {"consumed": account.granted})
        else:
            old.append(entry)
    used = sum(entry["used"] for entry in customers)
    consumed = sum(entry["consumed"] for entry in customers)
    donated = space.donated
    result = {
        "customers_num": len(customers),
        "customers": customers,
        "old_customers": old,
        "consumed": consumed,
        "donated": donated,
        "real": sum(real.values()),
        "free": max(0, donated - space.claimed),
        "used": used,
        "old_customers_used": sum(entry["used"] for entry in old),
        "old_customers_real": sum(entry["real"] for entry in old),
        "used_percent": percent(used, donated),
        "consumed_percent": percent(consumed, donated),
    }
    sizes = ("consumed", "donated", "real", "free", "used", "old_customers_used", "old_customers_real")
    return with_texts(result, sizes)


def local_space(folder: DataFolder, pieces: Path) -> dict[str, Any]:
    """
    What the node takes on the disk. Walks through folders: run it in a worker.
    """
    customers = folder_size(pieces)
    total = folder_size(folder.base)
    if folder.base not in pieces.parents:
        total += customers
    disk = shutil.disk_usage(folder.base)
    numbers = {
        "backups": folder_size(folder.base / "backups"),
        "temp": folder_size(folder.outbox),
        "customers": customers,
        "total": total,
        "disktotal": disk.total,
        "diskfree": disk.free,
    }
    numbers = with_texts(numbers, tuple(numbers))
    return numbers | {
        "total_percent": percent(total, disk.total),
        "diskfree_percent": percent(disk.free, disk.total),
    }


def folder_size(folder: Path) -> int:
    """
    Bytes of all files below a folder; 0 when there is none.
    """
    size = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(os.path.join(path, name)).st_size
            except FileNotFoundError:
                continue  # it was removed meanwhile
    return size
