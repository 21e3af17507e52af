"""One group of adjacent objects, written as few and committed as one event.

A crash leaves at most objects that no event names, which gc removes. Must never commit over another
change of the objects: that raises Outdated, and what was uploaded is deleted.
"""

from concurrent.futures import Executor
from pathlib import Path

import msgspec

from journal.events import Column, Object
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command
from lakehouse.domain.decision import DataStep
from lakehouse.domain.errors import RefusedError
from lakehouse.domain.rows.commands import CompactDataset, Retyped
from lakehouse.formats.schema import fingerprint
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256, Settled, settle
from lakehouse.service.compaction.footers import StoredTypes, retyped
from lakehouse.service.compaction.object_merger import MergedObjects, ObjectMerger
from lakehouse.service.ingest.work_dir import work_dir
from projections.catalog import Dataset


class Outdated(Exception):
    """Another change of the dataset was faster; the message says which object or schema changed."""


class Group(msgspec.Struct, frozen=True):
    """What to merge: `items` are adjacent objects of `dataset`, as it is when this is planned.

    `portable`: write types that other engines read. `stored`: the types of the objects outside the
    group, by blob, as far as they are known.
    """

    dataset: Dataset
    items: tuple[Object, ...]
    target_bytes: int
    portable: bool = False
    stored: dict[str, StoredTypes] = {}


class Written(msgspec.Struct, frozen=True):
    """A group that was committed, or the problem because of which its objects stay."""

    settled: Settled | None
    by: tuple[Object, ...] = ()
    columns: tuple[Column, ...] = ()
    problem: str | None = None


class GroupJob:
    """Merges groups of one node's datasets."""

    def __init__(self, node: Node, merger: ObjectMerger, pool: Executor, spool_dir: Path) -> None:
        self._node = node
        self._merger = merger
        self._pool = pool
        self._spool_dir = spool_dir
        self.done = 0
        """How many groups were committed."""
        self.lost = 0
        """How many were merged and discarded, because another change was faster."""

    async def run(
        self, caller: Caller, group: Group, payload_sha256: str = NOTHING_SHA256
    ) -> Written:
        """Merge and commit one group. Raises Outdated, and RefusedError as reads and `settle` do."""
        try:
            written = await self._run(caller, group, payload_sha256)
        except Outdated:
            self.lost += 1
            raise
        self.done += written.settled is not None
        return written

    async def _run(self, caller: Caller, group: Group, payload_sha256: str) -> Written:
        async with work_dir(self._spool_dir, self._pool) as place:
            try:
                merged = await self._merger.merge(
                    group.items,
                    group.dataset.schema,
                    group.target_bytes,
                    place,
                    portable=group.portable,
                )
            except RefusedError as error:
                if error.refused.code == "objects_collected":
                    raise Outdated(error.refused.detail) from error
                raise
            if merged.problem is not None:
                return Written(None, problem=merged.problem)
            return await self._committed(caller, group, merged, payload_sha256)

    async def _committed(
        self, caller: Caller, group: Group, merged: MergedObjects, payload_sha256: str
    ) -> Written:
        """The event, once the files are in the bucket; uploaded again where gc has marked them."""
        name, by = group.dataset.name, await self._merger.upload(group.dataset.name, merged)

        async def advance(command: Command, step: DataStep) -> Command:
            nonlocal by
            if not isinstance(command, CompactDataset):
                raise TypeError(f"a compaction does not advance {type(command).__name__}")
            if step is DataStep.PLAN_AGAIN:
                raise Outdated(f"{name} has changed")
            if step is not DataStep.UPLOAD_AGAIN:
                raise ValueError(f"a compaction has no step {step}")
            by = await self._merger.upload(name, merged)
            return msgspec.structs.replace(command, by=by)

        command = CompactDataset(
            name,
            group.dataset.schema_fingerprint,
            tuple(item.blob for item in group.items),
            merged.rows,
            by,
            _retyped(group, merged),
        )
        try:
            settled = await settle(self._node, command, caller, payload_sha256, advance)
            if not settled.fresh:
                raise Outdated("another process made an event of the same request")
        except Outdated:
            # Certainly not committed. If this were left to gc, rows that were erased meanwhile would
            # stay a day.
            await self._node.bucket.delete_blobs([item.blob for item in by])
            raise
        return Written(settled, by, merged.columns)


def _retyped(group: Group, merged: MergedObjects) -> Retyped | None:
    """The dataset's schema with portable types, if the types of all other objects are known."""
    if not group.portable or group.dataset.schema is None:
        return None
    ours = {each.name: each.type for each in merged.columns}
    columns = retyped(group.dataset.schema, [*group.stored.values(), ours])
    if columns == group.dataset.schema:
        return None
    return Retyped(columns, fingerprint(columns), frozenset(group.stored))
