"""
Virtual paths, numeric path ids and the names of versions.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from bitdust_node.errors import Invalid
from bitdust_node.identity.names import RemotePath

#: Folders inside one another.
DEPTH_LIMIT = 128

_PATH_ID = re.compile(r"\d{1,9}(/\d{1,9}){0,127}")
_VERSION = re.compile(r"F(\d{14})(AM|PM)(\d{0,9})")


def parse_remote(text: str, me_global_id: str) -> RemotePath:
    """
    Read a remote path as users write it; `Invalid` begins with the words that clients know.
    """
    try:
        found = RemotePath.parse(text, me_global_id)
    except Invalid as error:
        raise Invalid(f"invalid remote_path format: {error}") from None
    if found.path.count("/") >= DEPTH_LIMIT:
        raise Invalid(f"invalid remote_path format: more than {DEPTH_LIMIT} folders inside one another")
    return found


def is_path_id(text: str) -> bool:
    """
    True for numeric ids such as `0/3`.
    """
    return _PATH_ID.fullmatch(text) is not None


def split_backup_path(text: str) -> tuple[str, str | None]:
    """
    `0/3/F20261121035410PM` -> (`0/3`, `F20261121035410PM`); anything else -> (text, None).
    """
    head, slash, tail = text.rpartition("/")
    if slash and _VERSION.fullmatch(tail):
        return head, tail
    return text, None


def version_name(now: float, counter: int = 0) -> str:
    """
    The name of a version made at `now` (unix seconds, UTC): `F20261121035410PM`, with a counter if that is taken.
    """
    text = datetime.fromtimestamp(now, UTC).strftime("F%Y%m%d%I%M%S%p").upper()
    return f"{text}{counter}" if counter else text


def version_time(name: str) -> float:
    """
    The unix time in the name of a version; 0 if there is none.
    """
    match = _VERSION.fullmatch(name)
    if match is None:
        return 0.0
    try:
        return datetime.strptime(match[1] + match[2], "%Y%m%d%I%M%S%p").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def version_label(name: str) -> str:
    """
    The time in the name of a version as people read it: `2026-11-21 03:54:10 PM`.
    """
    return datetime.fromtimestamp(version_time(name), UTC).strftime("%Y-%m-%d %I:%M:%S %p")
