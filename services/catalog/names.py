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


def version_time(name: str) -> tuple[float, str]:
    """
    The time in the name of a version, in unix seconds and as people read it: `2026-11-21 03:54:10 PM`; that of the
    beginning of 1970 if there is none.
    """
    match = _VERSION.fullmatch(name)
    if match is not None:
        digits, half, _ = match.groups()
        day, hour, rest = digits[:8], int(digits[8:10]), digits[10:]
        try:
            # many times quicker than strptime and strftime: lists have thousands
            at = datetime.fromisoformat(f"{day}T{hour % 12 + 12 * (half == 'PM'):02}{rest}+00:00").timestamp()
        except ValueError:
            hour = 0
        if 1 <= hour <= 12:
            return at, f"{day[:4]}-{day[4:6]}-{day[6:]} {hour:02}:{rest[:2]}:{rest[2:]} {half}"
    return 0.0, "1970-01-01 12:00:00 AM"
