"""One erasure: finds the rows, rewrites objects, and commits, until no version holds such a row.

Owns the order of those steps. Must never keep the condition beyond its end. It may end at any point,
by a crash too: what was uploaded and not committed is unregistered, what was committed is done.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

import msgspec
import pyarrow as pa

from journal.events import Erased, RowsErased
from journal.threads import in_thread
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command, EraseRows
from lakehouse.domain.decision import DataStep
from lakehouse.domain.erasure.rules import holders
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.caller import Caller
from lakehouse.service.changes import settle
from lakehouse.service.erasure.search import RowSearcher
from lakehouse.service.erasure.successors import Successors
from lakehouse.service.erasure.unregistered import Unregistered
from lakehouse.service.erasure.versions import Candidate, Versions
from projections import inventory
from projections.fold import State

MAX_REPLACED = 4_000
"""How many objects one event replaces; for more, several events follow each other."""
PASSES = 64
"""Maximum number of consecutive erasure events: more means that another client keeps adding such rows."""

T = TypeVar("T")


async def in_present_state(node: Node, work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`; again on a later state where another process has collected an object that it reads.

    Raises what `work` does, `objects_collected` too where the state is the latest.
    """
    while True:
        seq = node.state.head.seq
        try:
            return await work()
        except RefusedError as error:
            if error.refused.code != "objects_collected":
                raise
            await node.refresh()
            if node.state.head.seq == seq:
                raise


class Tally(msgspec.Struct):
    """What was found, or erased. `rows` counts a row once for each object that holds it."""

    moments: int = 0
    objects: int = 0
    rows: int = 0
    names: tuple[str, ...] = ()
    seq: int = 0


class ErasureJob:
    """One erasure of one dataset's rows."""

    def __init__(
        self,
        node: Node,
        versions: Versions,
        searcher: RowSearcher,
        successors: Successors,
        unregistered: Unregistered,
        name: str,
        where_hash: str,
        pool: Executor,
    ) -> None:
        self._node = node
        self._versions = versions
        self._searcher = searcher
        self._successors = successors
        self._unregistered = unregistered
        self._name = name
        self._where_hash = where_hash
        self._pool = pool
        self._clean: set[str] = set()
        """Blobs without such rows: they never change."""
        self._made: dict[str, Erased] = {}
        """Blob → its successor, which is uploaded and which no event names yet."""
        self._abandoned: set[str] = set()
        """Successors that are not used: they may hold rows that were erased since."""
        self._moments: frozenset[int] = frozenset()

    async def find(self) -> Tally:
        """What an erasure would do now. Raises RefusedError."""
        state, rows = self._node.state, dict[str, int]()
        async for candidate, rows_found in self._found(state):
            if rows_found is not None:
                rows[candidate.blob] = len(rows_found)
        staged = await self._holding(state)
        moments = await self._moments_of(state, frozenset(rows))
        return Tally(
            len(moments),
            len(rows) + len(staged),
            sum(rows.values()) + sum(each.rows for each in staged),
            holders(state, self._name, rows.keys()),
            state.head.seq,
        )

    async def erase(self, caller: Caller, payload_sha256: str) -> Tally:
        """Erase the rows. Raises RefusedError."""
        tally, keyed = Tally(names=(self._name,)), caller
        for number in range(PASSES):
            command = await in_present_state(self._node, self._command)
            if number and not (command.replaced or command.staged):
                return tally
            settled = await settle(self._node, command, keyed, payload_sha256, self._advance)
            tally.seq = settled.seq
            data = settled.event.data if settled.event else None
            if not isinstance(data, RowsErased):
                return tally
            self._count(tally, data, settled.state)
            # A repeated request finds its event; then it erases what has come since.
            keyed = msgspec.structs.replace(caller, idempotency_key=None)
        detail = f"{PASSES} events erased rows of {self._name}, and such rows are still added"
        raise RefusedError(Refused("busy", detail, retry_after_s=60))

    async def _command(self) -> EraseRows:
        """The erasure of what is found in the present state, its successors uploaded."""
        state = self._node.state
        self._drop_outdated(state)
        async for candidate, rows_found in self._found(state):
            if rows_found is None:
                self._clean.add(candidate.blob)
                continue
            self._made[candidate.blob] = await self._successors.of(state, candidate, rows_found)
            if len(self._made) == MAX_REPLACED:
                break
        staged = await self._holding(state)
        self._moments |= await self._moments_of(state, frozenset(self._made))
        replaced, moments = tuple(self._made.values()), len(self._moments)
        return EraseRows(self._name, replaced, staged, self._where_hash, moments)

    async def _advance(self, command: Command, step: DataStep) -> Command:
        if step is not DataStep.FIND_ROWS:
            raise ValueError(f"an erasure has no step {step}")
        return await in_present_state(self._node, self._command)

    async def _found(self, state: State) -> AsyncIterator[tuple[Candidate, pa.Int64Array | None]]:
        """Each object whose rows are not known yet, with those that fulfil the condition."""
        await self._versions.extend(state)
        known = self._clean | self._made.keys()
        candidates = [each for each in self._versions.candidates(state) if each.blob not in known]
        async for each in self._searcher.rows(state, candidates):
            yield each

    async def _holding(self, state: State) -> tuple[Erased, ...]:
        """What no event names and is to be discarded; not what this erasure has just uploaded."""
        own = {erased.by.blob for erased in self._made.values() if erased.by is not None}
        found = await self._unregistered.holding(state, self._versions.names, self._searcher)
        now = state.inventory
        left = {
            blob: Erased(blob, None, 0)
            for blob in sorted(self._abandoned)
            if blob not in now.blobs and inventory.lost_to(now, blob) is None
        }
        return tuple((left | {each.blob: each for each in found if each.blob not in own}).values())

    def _drop_outdated(self, state: State) -> None:
        """Forget successors whose blobs were replaced or marked, or which were marked themselves."""
        now, made = state.inventory, self._made
        self._made = {
            blob: erased
            for blob, erased in made.items()
            if blob in now.blobs
            and blob not in now.marked
            and (erased.by is None or inventory.lost_to(now, erased.by.blob) is None)
        }
        dropped = (made[blob].by for blob in made.keys() - self._made.keys())
        self._abandoned |= {by.blob for by in dropped if by is not None}

    def _count(self, tally: Tally, data: RowsErased, state: State) -> None:
        """Add an event that this call has made, or found."""
        self._drop_outdated(state)
        tally.moments = max(tally.moments, data.moments)
        tally.objects += len(data.replaced)
        tally.rows += data.rows
        tally.names = tuple(dict.fromkeys(tally.names + data.names))

    async def _moments_of(self, state: State, blobs: frozenset[str]) -> frozenset[int]:
        work = partial(self._versions.moments, state, blobs)
        return await in_thread(self._pool, work) if blobs else frozenset()
