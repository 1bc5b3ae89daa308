"""
People who share files, and the suppliers of one of them, in one process under a virtual clock.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.backup_db import BackupDb
from services.backups import Backups
from services.customer import Customer
from services.data_motion import DataMotion
from services.employer import Employer
from services.keys_registry import KeysRegistry
from services.list_files import ListFiles
from services.my_data import MyData
from services.rebuilding import Rebuilding
from services.restores import Restores
from services.shared_data import SharedData
from services.sharing.share import Share
from services.sharing.shares import Shares, circle_of
from services.supplier import Supplier
from tests.services.grouping.circle import GroupsCase, Person

WORK = (
    KeysRegistry,
    Customer,
    Employer,
    DataMotion,
    ListFiles,
    BackupDb,
    Rebuilding,
    Backups,
    Restores,
    MyData,
    SharedData,
)


class Sharer(Person):
    """Somebody with files, who may have no suppliers."""

    @property
    def shared(self) -> SharedData:
        return self.get(SharedData)

    async def stop(self) -> None:
        await super().stop()
        await self.catalog.close()


class SharingCase(GroupsCase):
    """
    `self.owner` has suppliers; the other `self.people` have none and need none.
    """

    suppliers_number = 4
    people_number = 3
    owner_classes = WORK
    person_classes = WORK
    keeper_classes = (Supplier,)
    person = Sharer

    def create(self, *members: Any, role: str = "writer") -> str:
        """A share of the owner that the members have opened: its key id."""
        key_id = str(self.run_now(self.owner.shared.share_create(label="common")).result["key_id"])
        self.run_now(self.owner.shared.share_open(key_id))
        for member in members:
            self.grant(key_id, member, role)
            self.run_now(member.shared.share_open(key_id))
        return key_id

    def grant(self, key_id: str, member: Any, role: str = "writer") -> None:
        self.run_now(self.owner.shared.share_grant(key_id, member.id, role=role))

    def share(self, person: Any, key_id: str) -> Share:
        shares = person.get(Shares)
        found = next(key for key in shares.known_keys() if key.key_id == key_id)
        share = shares.get(circle_of(found))
        assert share is not None
        return share  # type: ignore[no-any-return]

    def put(self, person: Any, remote: str, data: bytes) -> str:
        """Upload a file; answers the backup id."""
        local = self.tmp / f"local-{person.number}"
        local.write_bytes(data)
        self.run_now(person.get(BackupDb).file_create(remote, exist_ok=True))
        answer = self.run_now(person.get(Backups).file_upload_start(str(local), remote, wait_result=True))
        return str(answer.result["version"])

    def get(self, person: Any, remote: str) -> bytes:
        """Download a file."""
        to = self.tmp / f"out-{person.number}-{self.clock.seconds()}"
        answer = self.run_now(person.get(Restores).file_download_start(remote, str(to), wait_result=True))
        return Path(answer.result["local_path"]).read_bytes()

    def listed(self, person: Any, key_id: str) -> list[str]:
        answer = self.run_now(person.get(BackupDb).files_list(key_id=key_id))
        return [item["path"] for item in answer.result]
