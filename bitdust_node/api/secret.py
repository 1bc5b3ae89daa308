"""
The secret of the API: one token in two files, for clients of both editions.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from pathlib import Path

from twisted.logger import Logger

from bitdust_node.errors import Invalid
from bitdust_node.files import read_file, write_file

#: Characters of a token at most; an operator may write one of his own.
LENGTH_LIMIT = 1024


def new_token() -> str:
    """16 characters, base32 of 10 random bytes."""
    return base64.b32encode(secrets.token_bytes(10)).decode("ascii")


class Secret:
    """
    Read once when the node starts. A missing, empty or unreadable token is made anew, never taken as "open"; only the
    option switches the check off, and then both files are emptied.

    files: the first one that has a token wins.
    """

    log = Logger()

    def __init__(self, files: Sequence[Path], enabled: bool) -> None:
        self.enabled = enabled
        self.token = (self._read(files) or new_token()) if enabled else ""
        for file in files:
            self._keep(file)

    def fits(self, given: str | None) -> bool:
        """
        Whether a client may come in. Takes the same time for any wrong token.
        """
        if not self.enabled:
            return True
        shown = (given or "").strip().encode("utf-8", "replace")
        return hmac.compare_digest(shown, self.token.encode("utf-8"))

    def _read(self, files: Sequence[Path]) -> str:
        for file in files:
            try:
                token = read_file(file, LENGTH_LIMIT * 4).decode("utf-8").strip()
            except FileNotFoundError:
                continue
            except (OSError, Invalid, UnicodeDecodeError) as error:
                self.log.warn("the secret in {file} can not be used: {error}", file=str(file), error=str(error))
                continue
            if token and len(token) <= LENGTH_LIMIT and token.isprintable():
                return token
        return ""

    def _keep(self, file: Path) -> None:
        try:
            if file.stat().st_mode & 0o777 == 0o600 and file.read_text("utf-8").strip() == self.token:
                return
        except (FileNotFoundError, UnicodeDecodeError):
            pass
        write_file(file, self.token.encode("utf-8"))
