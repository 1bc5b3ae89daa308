"""
The text on paper or a stick from which an identity or a key is brought back.
"""

from __future__ import annotations

import os
from pathlib import Path

from bitdust_node.errors import Failed, Invalid
from bitdust_node.identity.names import Locator

#: Bytes of a backup; longer ones are not read.
BACKUP_LIMIT = 10 * 1024


def backup_text(private: str, *idurls: str) -> str:
    """
    The identity URLs of whose key it is, one a line, then the private half as PEM.
    """
    return "".join(f"{idurl}\n" for idurl in idurls) + private.strip() + "\n"


def parse_backup(text: str) -> tuple[list[str], str]:
    """
    The identity URLs and the PEM of the private key in a text that `backup_text` made; raises `Invalid`.
    """
    head, mark, rest = text.partition("-----BEGIN ")
    if not mark:
        raise Invalid("this is not the backup of an identity: there is no private key in it")
    words = head.split()
    if len(words) > 100:
        raise Invalid("this is not the backup of an identity: too many lines before the key")
    return [Locator.of_idurl(word).idurl for word in words], mark + rest


def write_secret(path: Path, text: str) -> None:
    """
    Write a new file that nobody else may read; it is on the disk when this returns. One that exists is never
    overwritten, as it may hold somebody's only key, and a link is not followed. Raises `Failed`.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except (OSError, ValueError) as error:
        reason = "it exists already" if isinstance(error, FileExistsError) else getattr(error, "strerror", None)
        raise Failed(f"error writing to {path}: {reason or error}") from None
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise Failed(f"error writing to {path}: {error.strerror}") from None
