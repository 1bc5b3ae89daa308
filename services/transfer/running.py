"""
The transfers of a node that wait or run.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.transfer.download import Download
from services.transfer.upload import Upload


class Running:
    """
    Uploads and downloads by the number of their task, oldest first.
    """

    def __init__(self) -> None:
        self.uploads: dict[int, Upload] = {}
        self.downloads: dict[int, Download] = {}

    def uploads_of(self, item: int) -> list[Upload]:
        """
        The uploads of an item of the catalog.
        """
        return [upload for upload in self.uploads.values() if upload.item.id == item]

    def downloads_of(self, item: int) -> list[Download]:
        """
        The downloads of an item of the catalog.
        """
        return [download for download in self.downloads.values() if download.item.id == item]

    def below(self, alias: str, path: str) -> Iterator[Upload | Download]:
        """
        All transfers of an item and of what is below it.
        """
        transfers: list[Upload | Download] = [*self.uploads.values(), *self.downloads.values()]
        for transfer in transfers:
            item = transfer.item
            if item.alias == alias and (item.path == path or item.path.startswith(f"{path}/")):
                yield transfer
