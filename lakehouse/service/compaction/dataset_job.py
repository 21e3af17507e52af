"""The compaction of one dataset on request: plan, merge one group, plan again, report.

Must never delay another change: what changed meanwhile is planned again, and after a few attempts left
to the next compaction.
"""

from collections import Counter

import msgspec

from journal.events import Object
from lakehouse.api.upkeep.compaction import ColumnChange, CompactedDataset, CompactRequest
from lakehouse.commit.node import Node
from lakehouse.domain.rules.schemas import TYPE, column_problems
from lakehouse.service.caller import Caller
from lakehouse.service.compaction.footers import ObjectFooter, footers_of, is_ours
from lakehouse.service.compaction.group_job import Group, GroupJob, Outdated, Written
from lakehouse.service.compaction.planner import MIB, Candidate, whole_groups
from lakehouse.service.objects import VerifiedObjects
from projections import catalog
from projections.catalog import Dataset

ROUNDS = 8
"""How often a dataset is planned again because other changes of it were faster."""
OVERTAKEN = f"other changes of the dataset were faster {ROUNDS} times"


def without_key(caller: Caller) -> Caller:
    """The same caller for the further events of a request, whose first has the idempotency key."""
    return msgspec.structs.replace(caller, idempotency_key=None)


class DatasetJob:
    """One dataset of one node; used once. `name` is that of a dataset that was live a moment ago."""

    def __init__(
        self,
        node: Node,
        objects: VerifiedObjects,
        job: GroupJob,
        name: str,
        request: CompactRequest,
        payload_sha256: str,
    ) -> None:
        self.seq = 0
        """The last event that was made."""
        self._node = node
        self._objects = objects
        self._job = job
        self._name = name
        self._payload_sha256 = payload_sha256
        self._dry_run = request.dry_run
        self._target_bytes = request.target_mb * MIB
        self._is_named = request.name is not None
        self._footers: dict[str, ObjectFooter] = {}
        self._read: list[Object] = []
        self._fewer = 0
        """By how many objects a dry run expects the dataset to shrink."""
        self._written: dict[str, Object] = {}
        self._left: set[str] = set()
        """Blobs that cannot be merged: they are not tried twice."""
        self._problems: dict[str, None] = {}

    async def run(self, caller: Caller) -> CompactedDataset | None:
        """Merge until nothing is left to do; what was done, or None if nothing was.

        Raises RefusedError as reads and commits do.
        """
        before = self._live()
        if before is None or (before.schema is None and not self._is_named):
            return None
        if self._dry_run:
            for group in await self._groups(before):
                self._read += group.items
                self._fewer += len(group.items) - 1
        else:
            await self._merge_all(caller)
        return self._report(before, self._live() or before)

    async def _merge_all(self, caller: Caller) -> None:
        outdated = 0
        while outdated < ROUNDS:
            live = self._live()
            groups = await self._groups(live) if live is not None else []
            if not groups:
                return
            try:
                self._note(groups[0], await self._job.run(caller, groups[0], self._payload_sha256))
                if self.seq:
                    caller = without_key(caller)
            except Outdated:
                outdated += 1
                await self._node.refresh()
        self._problems[OVERTAKEN] = None

    def _note(self, group: Group, written: Written) -> None:
        """Record what came of a group."""
        if written.settled is None:
            self._left |= {item.blob for item in group.items}
            self._problems[written.problem or ""] = None
            return
        self.seq = written.settled.seq
        # What was written here and merged again with more was not there before.
        self._read += [item for item in group.items if item.blob not in self._written]
        for item in group.items:
            self._written.pop(item.blob, None)
        types = {each.name: each.type for each in written.columns}
        for item in written.by:
            self._written[item.blob] = item
            self._footers[item.blob] = ObjectFooter(types, is_stale=False)

    def _live(self) -> Dataset | None:
        return catalog.find(self._node.state.catalog, self._name)

    async def _groups(self, dataset: Dataset) -> list[Group]:
        if self._is_named:
            unknown = [item for item in dataset.objects if item.blob not in self._footers]
            self._footers |= await footers_of(self._objects.read, dataset, unknown)
        counts = Counter(item.blob for item in dataset.objects)
        candidates = [self._candidate(item, counts[item.blob]) for item in dataset.objects]
        return [
            self._group(dataset, group) for group in whole_groups(candidates, self._target_bytes)
        ]

    def _candidate(self, item: Object, count: int) -> Candidate:
        footer = self._footers.get(item.blob)
        is_stale = self._is_named and (
            not is_ours(item) or (footer is not None and footer.is_stale)
        )
        # An event names objects by their blobs, and a blob that the dataset holds twice has two places.
        is_fixed = count > 1 or item.blob in self._left
        return Candidate(item.size_bytes, item.row_count, is_stale, is_fixed)

    def _group(self, dataset: Dataset, group: range) -> Group:
        items = dataset.objects[group.start : group.stop]
        inside = {item.blob for item in items}
        stored = {
            item.blob: self._footers[item.blob].types
            for item in dataset.objects
            if item.blob not in inside and item.blob in self._footers
        }
        return Group(dataset, items, self._target_bytes, self._is_named, stored)

    def _report(self, before: Dataset, after: Dataset) -> CompactedDataset | None:
        if not self._read and not self._problems:
            return None
        written = self._written.values()
        rows = [item.row_count for item in self._read]
        known = [each for each in rows if each is not None]
        return CompactedDataset(
            name=after.name,
            objects_before=len(before.objects),
            objects_after=len(after.objects) - self._fewer,
            objects_read=len(self._read),
            bytes_read=sum(item.size_bytes for item in self._read),
            bytes_written=None if self._dry_run else sum(item.size_bytes for item in written),
            rows=sum(known) if len(known) == len(rows) else None,
            columns=_retyped(before, after),
            problems=[*self._problems],
        )


def _retyped(before: Dataset, after: Dataset) -> list[ColumnChange]:
    problems = column_problems(before.schema or (), after.schema or (), {})
    return [
        ColumnChange(each.name, each.was or "", each.is_ or "")
        for each in problems
        if each.problem == TYPE
    ]
