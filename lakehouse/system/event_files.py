"""The files that hold the events of `lake.events` that a query needs, made from the journal.

Owns which parts of the journal are read for given bounds. Must never leave out an event within them.
"""

from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from journal.log import Journal
from journal.slot import JournalCorrupt
from journal.threads import in_thread
from lakehouse.commit.node import Node
from lakehouse.process.spool import full_disk_refused
from lakehouse.system.blocks import Block, blocks
from lakehouse.system.event_bounds import ALL_TIMES, EventBounds
from lakehouse.system.event_file import EventFile, Numbered
from lakehouse.system.files import Loan, Make
from lakehouse.system.lens import CLEAR, Lens
from projections import history
from projections.fold import State

GROUP_BYTES = 4 * 1024 * 1024
"""How much of the journal is converted to rows at once, in a thread."""
FEW = 64
"""Up to so many events of one dataset are read one by one; for more, whole blocks are read."""


class EventFiles:
    """The files of `lake.events` of one node."""

    def __init__(self, node: Node, pool: Executor) -> None:
        self._node = node
        self._pool = pool

    async def paths(
        self, loan: Loan, state: State, bounds: EventBounds, lens: Lens = CLEAR
    ) -> list[str]:
        """Files that hold at least the events of a state within `bounds`, none of them twice.

        Raises RefusedError `insufficient_storage`, and what reading the journal raises.
        """
        seqs = await self._seqs(state, bounds)
        if not seqs:
            return [await loan.path("events-0.parquet", self._maker([], None, CLEAR))]
        files = dict(await self._blocks(state, seqs, lens))
        if bounds.dataset and not all(map(loan.knows, files)):
            files = await self._linked(state, bounds.dataset, seqs, lens) or files
        return [await loan.path(name, make) for name, make in files.items()]

    async def _blocks(self, state: State, seqs: range, lens: Lens) -> list[tuple[str, Make]]:
        """The files of all events in a range of seqs."""
        first, last = await self._position(seqs[0]), state.head.position
        if seqs[-1] < state.head.seq:
            last = await self._position(seqs[-1])
        return [self._file("events", [block], state, lens) for block in blocks(first, last)]

    async def _linked(
        self, state: State, dataset: str, seqs: range, lens: Lens
    ) -> dict[str, Make] | None:
        """A file of the slots that hold a dataset's events; None if there are more than FEW.

        Costs one read per event, where a block also reads all slots between them.
        """
        entity = history.dataset_entity(dataset)
        place, places = state.history.links.get(entity), list[Block]()
        while place is not None and place[1] >= seqs.start:
            if len(places) == FEW:
                return None
            places.append(Block(place[0], place[0]))
            _, event = await self._node.past.event_at(place)
            place, earlier = history.previous(event, entity)
            if earlier != entity:
                # The link leads to another name; events of an earlier dataset of this name are not linked.
                return None
        if not places:
            return {"events-0.parquet": self._maker([], None, CLEAR)}
        distinct = list(dict.fromkeys(reversed(places)))
        return dict([self._file(f"events-{dataset.lower()}", distinct, state, lens)])

    def _file(self, name: str, parts: list[Block], state: State, lens: Lens) -> tuple[str, Make]:
        first, last = parts[0].first, parts[-1].last
        # A past state may end within its last slot.
        past = last == state.head.position and state.head.seq < self._node.state.head.seq
        through = state.head.seq if past else None
        file = lens.named(f"{name}-{first}-{last}-{through or 'all'}.parquet")
        return file, self._maker(parts, through, lens)

    async def _seqs(self, state: State, bounds: EventBounds) -> range:
        """A range of seqs of a state that includes every event within the bounds."""
        first, stop = max(bounds.seqs.start, 1), min(bounds.seqs.stop, state.head.seq + 1)
        if bounds.times.start > ALL_TIMES.start:
            first = max(first, await self._last_before(bounds.times.start) + 1)
        if bounds.times.stop < ALL_TIMES.stop:
            stop = min(stop, await self._last_before(bounds.times.stop) + 1)
        return range(first, stop)

    async def _last_before(self, microseconds: int) -> int:
        """The last event before a time, 0 when there is none."""
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds - 1)
        return await self._node.past.seq_at(at)

    async def _position(self, seq: int) -> int:
        """The position of the slot that holds event `seq`."""
        return (await self._node.past.slot_of(seq)).header.position if seq > 1 else 1

    def _maker(self, parts: list[Block], through_seq: int | None, lens: Lens) -> Make:
        journal = self._node.follower.journal

        async def make(path: Path) -> None:
            with full_disk_refused(), EventFile(path, journal.lake.lake, through_seq, lens) as file:
                for part in parts:
                    async for slots in _groups(journal, part):
                        await in_thread(self._pool, partial(file.add, slots))

        return make


async def _groups(journal: Journal, block: Block) -> AsyncIterator[list[Numbered]]:
    """The block's slots in groups of about GROUP_BYTES."""
    group: list[Numbered] = []
    position, size_bytes = block.first - 1, 0
    async with aclosing(journal.bodies(block.first, block.last)) as bodies:
        async for position, body in bodies:
            group.append((position, body))
            size_bytes += len(body)
            if size_bytes >= GROUP_BYTES:
                yield group
                group, size_bytes = [], 0
    if position != block.last:
        raise JournalCorrupt(position + 1, "it was read before and is absent now")
    if group:
        yield group
