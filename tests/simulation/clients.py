"""Clients: what users ask for, how they retry, and what they remember of the answers."""

import asyncio
import hashlib
import random

from journal.events import DELETE, UPDATE, Object, RowStatement, Source
from lakehouse.domain.access.commands import (
    AccessCommand,
    AnyAccessCommand,
    DropGrant,
    DropPrincipal,
    IssueToken,
    PutGrant,
    PutPrincipal,
    RevokeToken,
)
from lakehouse.domain.commands import (
    Command,
    CommitChangeSet,
    DropDataset,
    DropProfile,
    DropView,
    ForgetObject,
    IngestDataset,
    PutProfile,
    PutView,
    RefreshDataset,
    RegisterDataset,
    RenameDataset,
    RewriteDataset,
    StoreObject,
    SwapDatasets,
    Table,
)
from lakehouse.domain.errors import Refused
from lakehouse.domain.sources.commands import DropSource, PutSource
from lakehouse.service.changes import Settled
from tests.simulation.data_steps import FINGERPRINT, SCHEMA
from tests.simulation.hosts import WriterHost
from tests.simulation.record import (
    Compacting,
    Crashed,
    Deriving,
    Erasing,
    Past,
    Record,
    Request,
    Staging,
    Wanted,
)

REGISTERED, INGESTED, DERIVED = ("a", "A", "b"), ("t", "u"), ("d", "e")
KEYS, PARTS = ("k/1", "k/2", "k/3"), ("p", "q", "r")
ATTEMPTS = 6


class Client:
    """One user: does a few changes one after the other, each until the answer is certain or not."""

    def __init__(
        self,
        name: str,
        hosts: list[WriterHost],
        record: Record,
        chance: random.Random,
        changes: int,
        erases: bool,
    ) -> None:
        self.name = name
        self._hosts = hosts
        self._record = record
        self._chance = chance
        self._changes = changes
        self._erases = erases
        self._asked = 0
        self._keys = 0
        self._used: list[tuple[str, Wanted]] = []
        """Keys and what was asked under them, to be sent again much later."""

    async def live(self) -> None:
        for _ in range(self._changes):
            await asyncio.sleep(self._chance.expovariate(1 / 2.0))
            await self._change()

    async def _change(self) -> None:
        key, command = self._next()
        seq = 0
        for _ in range(ATTEMPTS):
            answers = await self._ask(key, command)
            seq = max([seq, *(each.seq for each in answers if isinstance(each, Settled))])
            if all(map(_final, answers)) or (key is None and any(map(_doubtful, answers))):
                break
            if self._chance.random() < 0.1:
                break
            await asyncio.sleep(self._chance.choice([0.1, 1.0, 30.0]) * self._chance.random())
        if seq and self._chance.random() < 0.3:
            await self._read(seq)

    def _next(self) -> tuple[str | None, Wanted]:
        draw = self._chance.random()
        if self._used and draw < 0.12:
            return self._chance.choice(self._used)
        command = self._wanted()
        if self._used and draw < 0.15:
            return self._used[-1][0], command
        if draw < 0.5:
            return None, command
        self._keys += 1
        self._used.append((f"key{self._keys}", command))
        return self._used[-1]

    def _wanted(self) -> Wanted:
        """A change; sometimes one that refers to the past, as of an acknowledged event."""
        acknowledged = [
            each.answer.seq for each in self._record.requests if isinstance(each.answer, Settled)
        ]
        if acknowledged and self._chance.random() < 0.15:
            name = self._chance.choice(REGISTERED + INGESTED)
            pin = self._chance.random() < 0.3
            return Past(name, self._chance.choice(acknowledged), pin)
        if self._chance.random() < 0.15:
            return Compacting(self._chance.choice(INGESTED), self._chance.randrange(60))
        if self._chance.random() < 0.15:
            return random_set(self._chance, f"{self.name}{self._asked}")
        if self._chance.random() < 0.2:
            return random_derivation(self._chance)
        if self._erases and self._chance.random() < 0.15:
            return Erasing(self._chance.choice(INGESTED), self._chance.choice(PARTS))
        return random_command(self._chance, f"{self.name}{self._asked}")

    async def _ask(self, key: str | None, command: Wanted) -> list[Settled | Refused | Crashed]:
        """At one node; under a key now and then at two at once, like a proxy that hedges."""
        up = [host for host in self._hosts if host.up]
        if not up:
            return [Refused("bucket_unavailable", "no node is up")]
        twice = key is not None and self._chance.random() < 0.2
        hosts = [self._chance.choice(up) for _ in range(1 + twice)]
        requests = [self._request(host.name, key, command) for host in hosts]
        await asyncio.gather(
            *(host.change(each) for host, each in zip(hosts, requests, strict=True))
        )
        return [each.answer for each in requests if each.answer is not None]

    def _request(self, host: str, key: str | None, command: Wanted) -> Request:
        self._asked += 1
        payload = hashlib.sha256(repr(command).encode()).hexdigest()
        now = self._hosts[0].loop.time()
        request = Request(f"{self.name}-{self._asked}", self.name, key, payload, command, host, now)
        self._record.requests.append(request)
        self._hosts[0].trace.add(
            request.id, f"asks {host} {'as ' + key if key else ''} {brief(command)}"
        )
        return request

    async def _read(self, seq: int) -> None:
        up = [host for host in self._hosts if host.up]
        if up and (read := await self._chance.choice(up).read(seq)) is not None:
            self._record.reads.append(read)


def random_command(chance: random.Random, mark: str) -> Command:
    """Any change; `mark` makes its blob one that no other has."""
    part = chance.choice(PARTS)
    draw = chance.random()
    if draw < 0.25:
        return _ingest(chance, "append", _blob(part, mark))
    if draw < 0.32:
        return _ingest(chance, "replace", _blob(part, mark))
    if draw < 0.42:
        return RewriteDataset(
            chance.choice(INGESTED), chance.choice([DELETE, UPDATE]), RowStatement(where=part)
        )
    if draw < 0.6:
        key, once = chance.choice(KEYS), chance.random() < 0.2
        return StoreObject(key, 10, _sha(part), "text/plain", None, once)
    if draw < 0.75:
        keys = tuple(chance.sample(KEYS, chance.choice([0, 1, 1, 2])))
        fingerprint = chance.choice(["f", "f", "f", "g"])
        return RegisterDataset(
            chance.choice(REGISTERED), fingerprint, keys, chance.choice([None, 1])
        )
    if draw < 0.9:
        return naming_command(chance)
    return ForgetObject(chance.choice(KEYS))


def random_derivation(chance: random.Random) -> Wanted:
    """A statement is run for a dataset, or run again; now and then it reads its own result."""
    name, draw = chance.choice(DERIVED), chance.random()
    if draw < 0.45:
        return RefreshDataset(name)
    if draw < 0.52:
        return DropDataset(name)
    mode = chance.choice(["replace", "replace", "replace", "append"])
    return Deriving(name, mode, chance.choice(INGESTED + INGESTED + DERIVED))


def naming_command(chance: random.Random) -> Command:
    """A drop, a rename or a swap."""
    draw = chance.random()
    name, other = chance.choice(REGISTERED + INGESTED), chance.choice(REGISTERED + INGESTED)
    if draw < 0.2:
        return definition_command(chance, name, other)
    if draw < 0.3:
        return access_command(chance)
    if draw < 0.6:
        return DropDataset(name)
    return RenameDataset(name, other) if draw < 0.8 else SwapDatasets(name, other)


def definition_command(chance: random.Random, name: str, other: str) -> Command:
    """A view, profile or source is put or dropped; views are asked for under the names of datasets."""
    draw = chance.random()
    if draw < 0.4:
        reads = (other.lower(),) if chance.random() < 0.7 else ()
        return PutView(name, f"SELECT {chance.choice('12')}", None, None, (), reads)
    if draw < 0.7:
        return DropView(name)
    if draw < 0.78:
        return PutProfile("p", (), chance.choice(["visible", "hidden"]))
    if draw < 0.83:
        return PutSource("s", "/in", "*", other, "append", (), chance.choice([5, 60]))
    if draw < 0.87:
        return DropSource("s")
    return DropProfile("p")


def access_command(chance: random.Random) -> AnyAccessCommand:
    """A principal, a token or a grant is put, dropped, issued or revoked."""
    name, admin = chance.choice(["ana", "bo"]), chance.random() < 0.5
    return chance.choice(
        [
            PutPrincipal(name, "user", admin=admin, first=chance.random() < 0.2),
            PutPrincipal(name, "service", admin=admin, disabled=chance.random() < 0.2),
            DropPrincipal(name),
            IssueToken(chance.choice("123"), name, "0" * 64, None, None),
            RevokeToken(chance.choice("123")),
            PutGrant(name, chance.choice(["a", "t*"]), (chance.choice(["read", "write"]),)),
            DropGrant(name, chance.choice(["a", "t*"])),
        ]
    )


def random_set(chance: random.Random, mark: str) -> Wanted:
    """Several changes at once, now and then with a staged file among them, or with expectations."""
    changes = tuple(_set_part(chance) for _ in range(chance.choice([1, 2, 2, 3])))
    if chance.random() < 0.4:
        return Staging(_ingest(chance, "append", _blob(chance.choice(PARTS), mark)), changes)
    name, seq = chance.choice(REGISTERED + INGESTED), chance.choice([None, None, 1, 2])
    return CommitChangeSet(changes, ((name, seq),) if chance.random() < 0.3 else ())


def _set_part(chance: random.Random) -> Command:
    if chance.random() < 0.7:
        return naming_command(chance)
    return RegisterDataset(chance.choice(REGISTERED), "f", (), chance.choice([None, 1]))


def brief(command: Wanted) -> str:
    """A command in a few words."""
    if isinstance(command, CommitChangeSet | Staging):
        return f"{type(command).__name__} of {', '.join(map(brief, command.changes))}"
    if isinstance(command, SwapDatasets):
        return f"SwapDatasets {command.a} {command.b}"
    if isinstance(command, AccessCommand):
        return repr(command)
    what = command.key if isinstance(command, StoreObject | ForgetObject) else command.name
    return f"{type(command).__name__} {what}"


def _ingest(chance: random.Random, mode: str, blob: str) -> IngestDataset:
    name, source = chance.choice(INGESTED), chance.choice(PARTS)
    table = Table(
        SCHEMA, FINGERPRINT, (Object(blob, blob, 10, blob[8:72], 5),), 5, (), uploaded=False
    )
    return IngestDataset(
        name, mode, Source(_sha(source), 100, ()), table, None, dedupe=chance.random() < 0.2
    )


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _blob(part: str, mark: str) -> str:
    return f"objects/{_sha(part)}-0193aaaa-0-{mark}"


def _doubtful(answer: Settled | Refused | Crashed) -> bool:
    return isinstance(answer, Crashed) or (
        isinstance(answer, Refused) and answer.code == "outcome_unknown"
    )


def _final(answer: Settled | Refused | Crashed) -> bool:
    retryable = ("not_committed", "clock_skew", "busy", "bucket_unavailable", "bucket_refused")
    return not _doubtful(answer) and not (isinstance(answer, Refused) and answer.code in retryable)
