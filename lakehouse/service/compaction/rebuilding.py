"""Objects that gc removed, rebuilt from what compaction made of them, so that an undo can go on.

Reads the dataset's own history. Must never decide whether a change can be undone.
"""

from collections.abc import Mapping, Set
from concurrent.futures import Executor
from pathlib import Path

import msgspec

from journal.events import COMPACT, DatasetRewritten, Lineage, Object
from lakehouse.api.upkeep.compaction import DEFAULT_TARGET_MB
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command, CommitChangeSet, RestoreDataset, UndoChange
from lakehouse.service.compaction.lineage import Rows, cut, traced, whole
from lakehouse.service.compaction.object_merger import ObjectMerger
from lakehouse.service.compaction.planner import MIB
from lakehouse.service.ingest.work_dir import WorkDir, work_dir
from projections import catalog, history, inventory
from projections.catalog import Dataset


class _Piece(msgspec.Struct, frozen=True):
    """Rows of an object that the dataset has now: those of adjacent objects that it had."""

    item: Object
    start: int
    stop: int


class Rebuilder:
    """Rebuilds objects of one node's datasets."""

    def __init__(self, node: Node, merger: ObjectMerger, pool: Executor, spool_dir: Path) -> None:
        self._node = node
        self._merger = merger
        self._pool = pool
        self._spool_dir = spool_dir

    async def rebuilt(self, command: UndoChange, *, dry_run: bool = False) -> UndoChange:
        """The undo with objects that exist, where compaction has kept their rows.

        A dry run uploads nothing. Raises RefusedError as reads do.
        """
        async with work_dir(self._spool_dir, self._pool) as place:
            inverse = await self._inverse(command.inverse, command.seq, place, dry_run)
        return msgspec.structs.replace(command, inverse=inverse, rebuilt=True)

    async def _inverse(self, inverse: Command, seq: int, place: WorkDir, dry_run: bool) -> Command:
        if isinstance(inverse, RestoreDataset):
            return await self._restore(inverse, seq, place, dry_run)
        if isinstance(inverse, CommitChangeSet):
            changes = [await self._inverse(each, seq, place, dry_run) for each in inverse.changes]
            return msgspec.structs.replace(inverse, changes=tuple(changes))
        return inverse

    async def _restore(
        self, command: RestoreDataset, seq: int, place: WorkDir, dry_run: bool
    ) -> RestoreDataset:
        state, was = self._node.state, command.was
        live = catalog.find(state.catalog, was.name)
        rows = await self._rows(live, seq) if live is not None else None
        if live is None or rows is None:
            return command
        lost = {
            item.blob
            for item in was.objects
            if inventory.lost_to(state.inventory, item.blob) is not None
        }
        objects: list[Object] = []
        lineage: list[Lineage] = []
        for piece in _pieces(was, live, rows, lost) or ():
            if isinstance(piece, Object):
                objects.append(piece)
                continue
            position = piece.start
            for item in await self._extracted(was, piece, place, dry_run):
                stop = position + (item.row_count or 0)
                objects.append(item)
                lineage.append(Lineage(item.blob, cut(rows[piece.item.blob], position, stop)))
                position = stop
        if sum(item.row_count or 0 for item in objects) != was.row_count:
            return command
        now = msgspec.structs.replace(was, objects=tuple(objects))
        return msgspec.structs.replace(command, was=now, lineage=tuple(lineage))

    async def _rows(self, live: Dataset, seq: int) -> dict[str, Rows] | None:
        """The rows of each object in the objects that the dataset had right after event `seq`.

        None if rows have changed since.
        """
        found = whole(live.objects)
        entity = history.dataset_entity(live.name)
        place = self._node.state.history.links.get(entity)
        while place is not None and place[1] > seq:
            _, event = await self._node.past.event_at(place)
            data = event.data
            if isinstance(data, DatasetRewritten):
                if data.kind != COMPACT:
                    return None
                for made in data.replaced:
                    found = {blob: traced(rows, made) for blob, rows in found.items()}
            place, entity = history.previous(event, entity)
        return found

    async def _extracted(
        self, was: Dataset, piece: _Piece, place: WorkDir, dry_run: bool
    ) -> tuple[Object, ...]:
        """The rows as objects: the whole object itself, or new ones; none if it cannot be read."""
        if piece.start == 0 and piece.stop == piece.item.row_count:
            return (piece.item,)
        merged = await self._merger.merge(
            (piece.item,),
            was.schema,
            DEFAULT_TARGET_MB * MIB,
            place,
            rows=(piece.start, piece.stop),
        )
        if merged.problem is not None:
            return ()
        return await self._merger.upload(was.name, merged, dry_run=dry_run)


def _pieces(
    was: Dataset, live: Dataset, rows: Mapping[str, Rows], lost: Set[str]
) -> list[Object | _Piece] | None:
    """What the dataset held, in order: objects that exist, and rows of those that it has now.

    None if some rows are nowhere.
    """
    held = _holders(live, rows, lost)
    found: list[Object | _Piece] = []
    for item in was.objects:
        if item.blob not in lost:
            found.append(item)
            continue
        pieces = held.get(item.blob, [])
        if (
            item.row_count is None
            or sum(each.stop - each.start for each in pieces) != item.row_count
        ):
            return None
        for piece in pieces:
            last = found[-1] if found else None
            if isinstance(last, _Piece) and (last.item, last.stop) == (piece.item, piece.start):
                found[-1] = _Piece(last.item, last.start, piece.stop)
            else:
                found.append(piece)
    return found


def _holders(live: Dataset, rows: Mapping[str, Rows], lost: Set[str]) -> dict[str, list[_Piece]]:
    """Where the rows of each lost object are now, in order."""
    found: dict[str, list[_Piece]] = {}
    for item in live.objects:
        position = 0
        for each in rows.get(item.blob, ()):
            stop = position + each.stop - each.start
            if each.blob in lost:
                found.setdefault(each.blob, []).append(_Piece(item, position, stop))
            position = stop
    return found
