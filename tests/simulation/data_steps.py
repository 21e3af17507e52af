"""The data of simulated changes, as the services prepare them: rows are found, files read and uploaded.

Only hashes stand for bytes. Must never decide which step comes next, nor what becomes of a change.
"""

import asyncio
import hashlib
import random

import msgspec

from journal.bucket.keys import object_blob
from journal.events import UPDATE, Column, Derivation, Erased, Object, Replacement
from journal.events import Read as VersionRead
from lakehouse.commit.node import Node
from lakehouse.domain.commands import (
    Command,
    CommitChangeSet,
    CommitStaged,
    EraseRows,
    IngestDataset,
    PinDataset,
    RefreshDataset,
    RestoreDataset,
    RewriteDataset,
    Rewritten,
    StoreObject,
    Table,
)
from lakehouse.domain.decision import DataStep
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.rows.commands import CompactDataset
from lakehouse.service.changes import mint
from lakehouse.service.ingest.source_history import with_source_history
from projections import catalog
from projections.fold import State
from projections.states.snapshots import BeyondHead
from tests.simulation.compactions import advanced, planned
from tests.simulation.record import Compacting, Deriving, Erasing, Past, Staging, Wanted
from tests.simulation.store import SimulatedBucket

ROWS = 5
"""Of each ingested object."""
SCHEMA = (Column("x", "int64"),)
FINGERPRINT = "0" * 64
"""Of all files and results."""


class DataSteps:
    """The steps of changes at one node."""

    def __init__(self, node: Node, bucket: SimulatedBucket, chance: random.Random) -> None:
        self._node = node
        self._bucket = bucket
        self._chance = chance

    async def command_for(self, wanted: Wanted) -> Command:
        """The command that a request becomes. Raises RefusedError where there is none now."""
        match wanted:
            case Past():
                return await _found(self._node, wanted)
            case Compacting():
                return await planned(self._node.state, wanted, self._chance, self._uploaded)
            case Staging():
                return await self._staged(wanted)
            case Erasing(name, part):
                return await self._erasure(name, sha256_of(part))
            case Deriving(name, mode, base):
                return self._derived(name, mode, base)
        return wanted

    async def advanced(self, command: Command, step: DataStep) -> Command:
        """As the services do it: the file read under the types of now, then its bytes uploaded."""
        if isinstance(command, StoreObject):
            return msgspec.structs.replace(command, blob=await self._uploaded(command.sha256))
        if isinstance(command, RewriteDataset):
            return await self._rewritten(command, step)
        if isinstance(command, RefreshDataset):
            return await self._refreshed(command, step)
        if isinstance(command, CompactDataset):
            return await advanced(command, step, self._uploaded)
        if isinstance(command, EraseRows):
            return await self._erasure(command.name, command.where_hash)
        if not isinstance(command, IngestDataset) or command.table is None:
            raise ValueError(f"{type(command).__name__} has no step {step}")
        if step is DataStep.FIND_SOURCES:
            return await with_source_history(self._node, command)
        if step is DataStep.READ_UNDER_CONTRACT:
            live = catalog.find(self._node.state.catalog, command.name)
            table = msgspec.structs.replace(command.table, uploaded=False)
            fingerprint = live.schema_fingerprint if live else None
            return msgspec.structs.replace(command, table=table, read_under=fingerprint)
        sha256 = command.table.objects[0].sha256
        blob = await self._uploaded(sha256)
        objects = (Object(blob, blob, 10, sha256, 5),)
        table = msgspec.structs.replace(command.table, objects=objects, uploaded=True)
        return msgspec.structs.replace(command, table=table)

    async def _rewritten(self, command: RewriteDataset, step: DataStep) -> RewriteDataset:
        """As the service does it: objects of the named part are rewritten, then uploaded."""
        if step is DataStep.FIND_ROWS:
            found = rows_found(self._node.state, command)
            if self._chance.random() < 0.6:
                await asyncio.sleep(self._chance.choice([5, 60]) * self._chance.random())
            return found
        work = command.rewritten
        if work is None:
            raise ValueError("rows are uploaded after they are found")
        replaced = [await self._written(each) for each in work.replaced]
        work = msgspec.structs.replace(work, replaced=tuple(replaced), uploaded=True)
        if self._chance.random() < 0.5:  # long enough for gc to mark what nothing refers to yet
            await asyncio.sleep(self._chance.choice([60, 300]) * self._chance.random())
        return msgspec.structs.replace(command, rewritten=work)

    async def _written(self, replaced: Replacement) -> Replacement:
        """With the object that takes the place; of some objects every row is gone."""
        was = replaced.blobs[0].removeprefix("objects/")[:64]
        sha256 = hashlib.sha256(f"{was} without".encode()).hexdigest()
        if replaced.rows_removed == ROWS and not replaced.rows_added:
            return replaced
        blob = await self._uploaded(sha256)
        rows = ROWS - replaced.rows_removed + replaced.rows_added
        return msgspec.structs.replace(replaced, by=(Object(blob, blob, 10, sha256, rows),))

    async def _erasure(self, name: str, sha256: str) -> EraseRows:
        """As the service does it: every object of the part, of whatever version, is rewritten.

        Where that was done before, no row is left the second time.
        """
        now, less = self._node.state.inventory, sha256_of(f"{sha256} erased")
        replaced: list[Erased] = []
        for _, stored in sorted(now.blobs.items()):
            if stored.key != stored.blob or stored.blob in now.marked:
                continue
            if stored.sha256 == sha256:
                blob = await self._uploaded(less)
                replaced.append(Erased(stored.blob, Object(blob, blob, 10, less, ROWS - 1), 1))
            elif stored.sha256 == less:
                replaced.append(Erased(stored.blob, None, ROWS - 1))
        if self._chance.random() < 0.3:
            await asyncio.sleep(self._chance.choice([5, 60]) * self._chance.random())
        return EraseRows(name, tuple(replaced), (), sha256, 1)

    async def _refreshed(self, command: RefreshDataset, step: DataStep) -> Command:
        """The statement run on what this node knows now, or its result one step further."""
        ingest, live = command.ingest, catalog.find(self._node.state.catalog, command.name)
        if step is DataStep.READ_FILE:
            if live is None or live.derivation is None:
                return command
            base = live.derivation.reads[0].name
            ingest = self._derived(command.name, "replace", base)
            if self._chance.random() < 0.9:  # the statement takes its time
                await asyncio.sleep(self._chance.choice([2, 10]) * self._chance.random())
            return RefreshDataset(command.name, None, ingest, live.seq)
        if ingest is None:
            raise ValueError(f"a refresh without a result has no step {step}")
        return msgspec.structs.replace(command, ingest=await self.advanced(ingest, step))

    def _derived(self, name: str, mode: str, base: str) -> IngestDataset:
        """A statement that was run, its result not uploaded yet. Raises RefusedError without its base."""
        known = self._node.state.catalog
        read, live = catalog.find(known, base), catalog.find(known, name)
        if read is None:
            raise RefusedError(Refused("bucket_unavailable", "it reads nothing; ask for another"))
        reads = (VersionRead(read.name, read.seq, read.dataset_id, None, read.erased),)
        sha256 = hashlib.sha256(repr((name, mode, reads)).encode()).hexdigest()
        blob = f"objects/{sha256}-0193aaaa-0-derived"
        objects = (Object(blob, blob, 10, sha256, 5),)
        table = Table(SCHEMA, FINGERPRINT, objects, 5, (), uploaded=False)
        under = live.schema_fingerprint if live else None
        derivation = Derivation("SELECT 1", None, None, reads)
        return IngestDataset(name, mode, None, table, under, derivation=derivation)

    async def _staged(self, wanted: Staging) -> CommitChangeSet:
        """The file uploaded, as a change set that commits it, now and then after it was collected."""
        ingest = await self.advanced(wanted.ingest, DataStep.UPLOAD)
        if not isinstance(ingest, IngestDataset):
            raise TypeError("an ingest became another command")
        if self._chance.random() < 0.3:
            await asyncio.sleep(self._chance.choice([1, 30, 300]) * self._chance.random())
        return CommitChangeSet((CommitStaged("staged", ingest), *wanted.changes))

    async def _uploaded(self, sha256: str) -> str:
        """A fresh blob's key. Whoever uploaded it may sleep for long before it is referred to."""
        blob = object_blob(sha256, mint(self._node))
        await self._bucket.put_blob(blob, b"bytes")
        if self._chance.random() < 0.1:
            await asyncio.sleep(self._chance.choice([5, 60, 200]) * self._chance.random())
        return blob


def sha256_of(text: str) -> str:
    """The hash that stands for the bytes of a part."""
    return hashlib.sha256(text.encode()).hexdigest()


def rows_found(state: State, command: RewriteDataset) -> RewriteDataset:
    """The objects with the bytes of the part that the condition names, of the dataset as it is."""
    live, statement = catalog.find(state.catalog, command.name), command.statement
    if live is None or statement is None or statement.where is None:
        return command
    part = hashlib.sha256(statement.where.encode()).hexdigest()
    updates = command.kind == UPDATE
    removed = 2 if updates or statement.where != "p" else ROWS
    replaced = tuple(
        Replacement((item.blob,), (), removed if updates else 0, removed)
        for item in live.objects
        if item.sha256 == part
    )
    examined = frozenset(item.blob for item in live.objects)
    work = Rewritten(state.head.seq, live.schema_fingerprint, examined, replaced, uploaded=False)
    return msgspec.structs.replace(command, rewritten=work)


async def _found(node: Node, wanted: Past) -> Command:
    """What the dataset was then. Raises RefusedError where it was not, or this node is not there yet."""
    try:
        then = await node.past.state_at(wanted.as_of_seq)
    except BeyondHead as error:
        raise RefusedError(Refused("bucket_unavailable", str(error))) from error
    was = catalog.find(then.catalog, wanted.name)
    if was is None:
        raise RefusedError(Refused("bucket_unavailable", "there was none; ask for another"))
    kind = PinDataset if wanted.pin else RestoreDataset
    return kind(wanted.as_of_seq, was)
