"""
Registers an identity: the owner of the machine `automats.registration`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from automats.machine import Machine
from automats.registration import REGISTRATION, Input
from automats.registry import Automats
from bitdust_node.clock import Clock
from bitdust_node.errors import BitDustError, Conflict, Corrupt, Failed, TimedOut, Unavailable
from bitdust_node.identity.addresses import Addresses
from bitdust_node.identity.contacts import ContactsSource
from bitdust_node.identity.document import Document
from bitdust_node.identity.me import Me
from bitdust_node.identity.servers import IdentityServers, Server
from bitdust_node.identity.stamp import signed_now
from bitdust_node.keys.ring import KeyRing
from bitdust_node.tasks import Tasks
from bitdust_node.waiting import all_of

#: Servers asked at once.
PARALLEL = 8


class Registration:
    """
    One attempt; `run` answers with the published document or raises why there is none.

    A later attempt with the same name and key takes up what an interrupted one left on the servers.
    """

    log = Logger()

    def __init__(
        self,
        username: str,
        servers: Sequence[Server],
        bits: int,
        least: int,
        most: int,
        *,
        me: Me,
        ring: KeyRing,
        client: IdentityServers,
        addresses: Addresses,
        contacts: ContactsSource,
        clock: Clock,
        automats: Automats,
    ) -> None:
        self._username, self._bits, self._least, self._most = username, bits, least, most
        self._me, self._ring, self._client = me, ring, client
        self._addresses, self._contacts, self._clock = addresses, contacts, clock
        self._servers = list(servers)
        self._revision = 0
        self._document: Document | None = None
        self._reasons: list[str] = []
        self._broken: BitDustError | None = None
        self._tasks = Tasks("registration")
        self._done: Deferred[Document] = Deferred()
        self._machine = Machine(REGISTRATION, self, clock=clock, id=f"registration {username}", automats=automats)

    async def run(self) -> Document:
        """
        Go through all steps.
        """
        self._machine.feed(Input.START)
        try:
            return await self._done
        finally:
            self._machine.close()
            await self._tasks.stop()

    def ping_servers(self) -> None:
        self._spawn("ping identity servers", self._ping)

    def check_name(self) -> None:
        self._spawn("check the name", self._check)

    def detect_address(self) -> None:
        self._machine.feed(Input.ADDRESS if self._addresses.host() else Input.NO_ADDRESS)

    def generate_key(self) -> None:
        self._spawn("generate the key", self._generate)

    def upload(self) -> None:
        self._spawn("upload the identity", self._upload)

    def verify(self) -> None:
        self._spawn("read the identity back", self._verify)

    def save(self) -> None:
        self._spawn("save the identity", self._save)

    def report_done(self) -> None:
        # Later, so that `run` never ends the tasks from inside one of them.
        self._clock.callLater(0, self._finish, None)

    def report_no_servers(self) -> None:
        reasons = f": {'; '.join(self._reasons[:4])}" if self._reasons else ""
        self._fail(Unavailable(f"identity servers are not responding{reasons}"))

    def report_taken(self) -> None:
        self._fail(Conflict(f"user name {self._username} is already taken"))

    def report_no_address(self) -> None:
        self._fail(Unavailable("network connection error"))

    def report_different(self) -> None:
        self._fail(Corrupt("identity verification failed: what the servers give back is not what was published"))

    def report_timeout(self) -> None:
        step = str(self._machine.history[-1].state).lower()
        self._fail(TimedOut(f"registration of {self._username} hit its time out while {step}"))

    def report_broken(self) -> None:
        self._fail(self._broken or Failed("the registration failed"))

    async def _ping(self) -> Input:
        found = await all_of([self._client.ping(server) for server in self._servers], PARALLEL)
        answered = []
        for server, observed in zip(self._servers, found, strict=True):
            if isinstance(observed, Exception):
                self._note(server, observed)
                continue
            answered.append(server)
            if observed:
                self._addresses.observed(f"identity server {server}", observed)
        self._servers = answered
        return Input.SERVERS if len(answered) >= self._least else Input.TOO_FEW

    async def _check(self) -> Input:
        own = self._ring.master.public if self._ring.master else None
        found = await all_of([self._client.fetch(server.idurl(self._username)) for server in self._servers], PARALLEL)
        usable, taken = [], 0
        for server, document in zip(self._servers, found, strict=True):
            if isinstance(document, Unavailable):
                self._note(server, document)
            elif isinstance(document, Exception) or (document is not None and document.public != own):
                taken += 1
            else:
                usable.append(server)
                if document is not None:
                    self._revision = max(self._revision, document.revision + 1)
        self._servers = usable[: self._most]
        if len(usable) >= self._least:
            return Input.FREE
        return Input.TAKEN if taken else Input.TOO_FEW

    async def _generate(self) -> Input:
        await self._ring.generate_master(self._bits)
        return Input.KEY

    async def _upload(self) -> Input:
        master = self._ring.master
        if master is None or master.private is None:
            raise Failed("the identity key is gone")
        sources = [server.idurl(self._username) for server in self._servers]
        document = signed_now(master.private, sources, self._contacts.contacts(), self._revision, self._clock)
        found = await all_of([self._client.upload(source, document) for source in sources], PARALLEL)
        for server, error in zip(self._servers, found, strict=True):
            if error is not None:
                self._note(server, error)
        taken = any(isinstance(error, Conflict) for error in found)
        self._servers = [server for server, error in zip(self._servers, found, strict=True) if error is None]
        self._document, self._revision = document, self._revision + 1
        if len(self._servers) == len(sources):
            return Input.SENT
        if len(self._servers) >= self._least:
            return Input.PARTLY_SENT
        return Input.TAKEN if taken else Input.TOO_FEW

    async def _verify(self) -> Input:
        assert self._document is not None
        found = await all_of([self._client.fetch(source) for source in self._document.sources], PARALLEL)
        same = sum(document == self._document for document in found)
        lost = sum(isinstance(document, Unavailable) for document in found)
        if same + lost < len(found):
            return Input.DIFFERENT
        return Input.SAME if same >= self._least else Input.TOO_FEW

    async def _save(self) -> Input:
        assert self._document is not None
        await self._me.adopt(self._document)
        return Input.SAVED

    def _spawn(self, what: str, step: Callable[[], Awaitable[Input]]) -> None:
        self._tasks.spawn(what, self._step(what, step))

    async def _step(self, what: str, step: Callable[[], Awaitable[Input]]) -> None:
        try:
            outcome = await step()
        except CancelledError:
            raise
        except BitDustError as error:
            self._broken = error
            outcome = Input.BROKEN
        except OSError as error:
            self._broken = Failed(f"could not {what}: {error}")
            outcome = Input.BROKEN
        self._machine.feed(outcome)

    def _note(self, server: Server, error: object) -> None:
        self.log.warn("registration: {server}: {error}", server=str(server), error=str(error))
        self._reasons.append(str(error))

    def _fail(self, error: BitDustError) -> None:
        self._clock.callLater(0, self._finish, error)

    def _finish(self, error: BitDustError | None) -> None:
        if self._done.called:
            return
        if error is not None or self._document is None:
            self._done.errback(error or Failed("the registration failed"))
        else:
            self._done.callback(self._document)
