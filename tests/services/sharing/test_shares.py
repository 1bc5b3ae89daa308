"""
Shares: several people write and read, by their roles, with the suppliers of one of them.
"""

from __future__ import annotations

from bitdust_node.api.registry import ApiError
from bitdust_node.errors import BitDustError, Conflict, Corrupt, Full, Invalid, NotFound, Refused, Unavailable
from services.backup_db import BackupDb
from services.sharing.place import SharePlace
from services.sharing.share import Share
from services.sharing.shares import AGAIN, Shares
from tests.services.sharing.people import SharingCase
from tests.services.test_defects import DefectError


class ShareTest(SharingCase):
    def test_members_read_what_others_wrote(self) -> None:
        anna, ben, carl = self.people
        key_id = self.create(ben, carl)
        self.put(anna, f"{key_id}:from-anna.txt", b"a" * 100_000)
        self.put(ben, f"{key_id}:folder/from-ben.txt", b"b" * 300_000)
        names = ["folder", "folder/from-ben.txt", "from-anna.txt"]
        for person in self.people:
            self.until(lambda person=person: sorted(self.listed(person, key_id)) == names)
            self.assertEqual(self.get(person, f"{key_id}:from-anna.txt"), b"a" * 100_000)
            self.assertEqual(self.get(person, f"{key_id}:folder/from-ben.txt"), b"b" * 300_000)
        shown = self.run_now(carl.shared.share_info(key_id))
        self.assertEqual((shown["state"], shown["ecc_map"], len(shown["suppliers"])), ("CONNECTED", "ecc/4x4", 4))
        self.assertEqual({one["role"] for one in shown["members"]}, {"admin", "writer"})
        self.assertEqual(len(anna.events("share-connected")), 1)

    def test_one_that_can_not_be_taken_up_says_why_and_holds_up_no_other(self) -> None:
        anna = self.owner
        odd, good = self.create(), self.create()
        tries: list[BaseException] = []
        reason: list[BaseException] = []
        start = Share.start

        async def fail(share: Share) -> None:
            if reason and share.circle.alias == odd.split("$")[0]:
                tries.append(reason[0])
                raise reason[0]
            await start(share)

        self.patch(Share, "start", fail)
        for error, again in (
            (Full("no room left"), True),
            (OSError("it is not there"), True),
            (Corrupt("it is damaged"), False),
            (Conflict("a newer program"), False),
            (DefectError("what nobody expects"), False),
        ):
            with self.subTest(type(error).__name__):
                reason[:], tries[:] = [error], []
                self.die(anna)
                self.again(anna)
                shown = {one["key_id"]: one for one in self.run_now(anna.shared.shares_list())}
                self.assertEqual((shown[odd]["state"], shown[odd]["error"]), (None, str(error)))
                self.assertIsNotNone(shown[good]["state"])
                self.assertNotIn("error", shown[good])
                self.clock.advance(2 * AGAIN + 1)
                self.assertEqual(len(tries), 3 if again else 1)
        self.assertEqual(len(self.flushLoggedErrors(DefectError)), 1)
        reason.clear()
        self.run_now(anna.shared.share_open(odd))
        shown = self.run_now(anna.shared.share_info(odd))
        self.assertEqual((shown["state"], shown.get("error")), ("CONNECTED", None))
        # one can be rid of it without opening it
        reason[:] = [Corrupt("it is damaged")]
        self.die(anna)
        self.again(anna)
        shown = self.run_now(anna.shared.share_close(odd)).result
        self.assertEqual((shown["active"], shown["error"]), (False, "it is damaged"))
        self.run_now(anna.shared.share_delete(odd))
        self.assertEqual([one["key_id"] for one in self.run_now(anna.shared.shares_list())], [good])

    def test_two_write_at_the_same_time(self) -> None:
        anna, ben, _ = self.people
        key_id = self.create(ben)
        for number in range(3):
            for person in (anna, ben):
                self.run_now(person.get(BackupDb).file_create(f"{key_id}:{person.number}-{number}"))
        self.put(anna, f"{key_id}:both", b"from anna")
        self.put(ben, f"{key_id}:both", b"from ben")
        for person in (anna, ben):
            self.until(lambda person=person: len(self.listed(person, key_id)) == 7)
            info = self.run_now(person.get(BackupDb).file_info(f"{key_id}:both"))
            self.until(lambda person=person: self.versions(person, f"{key_id}:both") == 2)
            self.assertEqual(info["customer"], anna.id)
        self.assertEqual(self.get(anna, f"{key_id}:both"), b"from ben")

    def versions(self, person: object, remote: str) -> int:
        info = self.run_now(person.get(BackupDb).file_info(remote))  # type: ignore[attr-defined]
        return len(info["versions"])

    def test_deleting_reaches_all(self) -> None:
        anna, ben, _ = self.people
        key_id = self.create(ben)
        self.put(anna, f"{key_id}:gone", b"x" * 200_000)
        self.until(lambda: self.listed(ben, key_id) == ["gone"])
        self.run_now(ben.get(BackupDb).file_delete(f"{key_id}:gone"))
        self.until(lambda: self.listed(anna, key_id) == [])
        with self.assertRaises(NotFound):
            self.get(anna, f"{key_id}:gone")
        told = [(deed["action"], deed["user_id"]) for deed in self.run_now(anna.shared.share_history())]
        self.assertIn(("deleted", ben.id), told)
        self.assertIn(("stored", anna.id), told)
        self.assertIn(("granted", anna.id), told)

    def test_members_hear_within_seconds(self) -> None:
        anna, ben, carl = self.people
        key_id = self.create(ben, carl)
        self.put(anna, f"{key_id}:first", b"1")
        self.put(ben, f"{key_id}:second", b"2")
        self.clock.advance(70)
        self.put(ben, f"{key_id}:third", b"3")
        before = self.clock.seconds()
        for person in (anna, carl):
            self.until(lambda person=person: len(self.listed(person, key_id)) == 3)
        self.assertLess(self.clock.seconds() - before, 8)

    def test_a_reader_reads_and_does_not_write(self) -> None:
        anna, ben, _ = self.people
        key_id = self.create(ben, role="reader")
        self.put(anna, f"{key_id}:text", b"to read")
        self.until(lambda: self.listed(ben, key_id) == ["text"])
        self.assertEqual(self.get(ben, f"{key_id}:text"), b"to read")
        for attempt in (
            lambda: self.put(ben, f"{key_id}:mine", b"no"),
            lambda: self.put(ben, f"{key_id}:text", b"no"),
            lambda: self.run_now(ben.get(BackupDb).file_delete(f"{key_id}:text")),
        ):
            with self.assertRaises(Refused):
                attempt()
        self.assertEqual(self.listed(anna, key_id), ["text"])

    def test_who_is_removed_reads_nothing_that_comes_after(self) -> None:
        anna, ben, carl = self.people
        key_id = self.create(ben, carl)
        self.put(anna, f"{key_id}:before", b"before")
        self.until(lambda: self.listed(ben, key_id) == ["before"])
        self.run_now(anna.shared.share_revoke(key_id, ben.id))
        self.put(anna, f"{key_id}:after", b"after")
        self.until(lambda: len(self.listed(carl, key_id)) == 2)
        self.assertEqual(self.get(carl, f"{key_id}:after"), b"after")
        self.clock.advance(100)
        self.assertEqual(self.listed(ben, key_id), ["before"])
        with self.assertRaises(BitDustError):
            self.put(ben, f"{key_id}:mine", b"no")
        self.assertNotIn("mine", self.listed(carl, key_id))

    def test_it_survives_restarts_of_all(self) -> None:
        anna, ben, _ = self.people
        key_id = self.create(ben)
        self.put(ben, f"{key_id}:kept", b"k" * 70_000)
        for person in (anna, ben):
            self.up.remove(person)
            self.run_now(person.stop())
            person.make()
            self.begin(person)
        for person in (anna, ben):
            self.until(lambda person=person: self.share(person, key_id).connected)
            self.until(lambda person=person: self.listed(person, key_id) == ["kept"])
            self.assertEqual(self.get(person, f"{key_id}:kept"), b"k" * 70_000)

    def test_what_could_not_be_taken_up_on_a_full_disk_is_taken_up_later(self) -> None:
        key_id = self.create()
        self.put(self.owner, f"{key_id}:kept", b"k" * 70_000)
        self.up.remove(self.owner)
        self.run_now(self.owner.stop())
        self.owner.make()
        note_members = SharePlace.note_members

        async def full(place: SharePlace) -> None:
            raise Full("no room left on the disk")

        self.patch(SharePlace, "note_members", full)
        self.begin(self.owner)
        self.patch(SharePlace, "note_members", note_members)
        self.until(lambda: self.owner.get(Shares).opened(), seconds=400)
        self.until(lambda: self.share(self.owner, key_id).connected)
        self.assertEqual(self.get(self.owner, f"{key_id}:kept"), b"k" * 70_000)

    def test_connected_as_long_as_enough_suppliers_are_there(self) -> None:
        anna, ben, _ = self.people
        key_id = self.create(ben)
        self.put(anna, f"{key_id}:kept", b"k" * 70_000)
        self.until(lambda: self.listed(ben, key_id) == ["kept"])
        for supplier in self.suppliers[:2]:
            self.die(supplier)
        self.assertTrue(self.share(ben, key_id).connected)
        self.assertEqual(self.get(ben, f"{key_id}:kept"), b"k" * 70_000)
        self.die(self.suppliers[2])
        self.until(lambda: not self.share(ben, key_id).connected)
        self.assertEqual(len(ben.events("share-disconnected")), 1)
        # what is in the catalog can be read without anybody
        self.assertEqual(self.listed(ben, key_id), ["kept"])

    def test_closing_and_opening(self) -> None:
        anna, ben, _ = self.people
        key_id = self.create(ben)
        self.put(anna, f"{key_id}:text", b"text")
        closed = self.run_now(ben.shared.share_close(key_id))
        self.assertEqual(closed.result["state"], "CLOSED")
        with self.assertRaises(Unavailable):
            self.listed(ben, key_id)
        with self.assertRaises(NotFound):
            self.run_now(ben.shared.share_close(key_id))
        self.assertEqual(self.run_now(ben.shared.shares_list(only_active=True)), [])
        # a download opens it
        self.run_now(ben.shared.share_open(key_id))
        self.until(lambda: self.listed(ben, key_id) == ["text"])
        self.run_now(ben.shared.share_close(key_id))
        self.assertEqual(self.get(ben, f"{key_id}:text"), b"text")

    def test_deleting_a_share_frees_the_space(self) -> None:
        anna, ben, _ = self.people
        key_id = self.create(ben)
        self.put(anna, f"{key_id}:text", b"x" * 500_000)

        def kept() -> int:
            return sum(one.services[0].keeping.space.account(anna.node.node_id).used for one in self.suppliers)

        self.clock.advance(5)
        before = kept()
        self.run_now(anna.shared.share_delete(key_id))
        self.until(lambda: kept() < before - 900_000)
        self.assertEqual(self.run_now(anna.shared.shares_list()), [])
        with self.assertRaises(BitDustError):
            self.get(ben, f"{key_id}:text")

    def test_bad_input(self) -> None:
        anna, ben, carl = self.people
        key_id = self.create(ben)
        with self.assertRaises(Invalid):
            self.run_now(anna.shared.share_info("master"))
        with self.assertRaises((Invalid, NotFound)):
            self.run_now(anna.shared.share_grant(key_id, "nobody"))
        with self.assertRaises(Invalid):
            self.run_now(anna.shared.share_grant(key_id, ben.id, role="king"))
        with self.assertRaises(Refused):
            self.run_now(ben.shared.share_grant(key_id, carl.id))
        with self.assertRaises(NotFound):
            self.run_now(carl.shared.share_open(key_id))
        with self.assertRaises(NotFound):
            self.run_now(carl.get(BackupDb).file_info(f"{key_id}:text"))
        with self.assertRaises((ApiError, NotFound)):
            self.get(ben, f"{key_id}:nothing")
