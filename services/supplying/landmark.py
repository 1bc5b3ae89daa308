"""
Whether a folder that the user has chosen for pieces is the one of before: a disk that is not mounted looks just like
one that has lost everything.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from bitdust_node.errors import Unavailable
from bitdust_node.files import write_file

#: The file that tells the folder, and the one in the data folder that tells which folder has it.
MARK, NOTE = "bitdust-pieces.txt", "pieces.place"
TEXT = b"A BitDust node keeps pieces of other people's files here. Without this file it does not use the folder.\n"


class Landmark:
    """
    A file in the folder, which is there as long as its disk is. All methods may block.

    data: the data folder of the node, which is on another disk.
    """

    def __init__(self, folder: Path, data: Path) -> None:
        self._folder, self._note = folder, data / NOTE
        self._marked = False

    def set_up(self) -> None:
        """
        Mark a folder that is used for the first time; one that can not be written to stays unmarked until the next
        start. Raises `Unavailable` if it was marked before and is not now.
        """
        self._marked = self._is_there() or self._noted() == str(self._folder)
        if missing := self.missing():
            raise Unavailable(missing)
        with suppress(OSError):
            if not self._marked:
                write_file(self._folder / MARK, TEXT)
                self._marked = True
            if self._noted() != str(self._folder):
                write_file(self._note, str(self._folder).encode())

    def missing(self) -> str:
        """
        Why the folder can not be used, and what is to be done; empty if it can.
        """
        if not self._marked or self._is_there():
            return ""
        return (
            f"{self._folder} is not the folder in which pieces were kept: {MARK} is missing. Is its disk mounted? If"
            f" all that was there is lost for good, remove {self._note}, and start the node again"
        )

    def _is_there(self) -> bool:
        return (self._folder / MARK).is_file()

    def _noted(self) -> str:
        try:
            return self._note.read_text("utf-8", "replace")
        except OSError:
            return ""
