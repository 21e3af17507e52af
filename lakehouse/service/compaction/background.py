"""Compaction in the background: datasets with too many small objects, one group at a time.

Owns when a process compacts, and which datasets. Processes do not agree on it: the one that wrote the
journal's last slot goes first, the others wait, and whoever is late loses its work to the rules of
compaction. Must never delay a request: the work is done by a process of the lowest priority.
"""

from collections import Counter

import structlog

from journal.bucket.errors import BucketError
from journal.slot import Slot
from lakehouse.api.upkeep.compaction import DEFAULT_TARGET_MB
from lakehouse.commit.node import Node
from lakehouse.domain.errors import RefusedError
from lakehouse.service.caller import BACKGROUND, Caller
from lakehouse.service.compaction.group_job import Group, GroupJob, Outdated
from lakehouse.service.compaction.planner import (
    MIB,
    SETTLED_OBJECTS,
    Candidate,
    small_objects,
    tiered_groups,
)
from lakehouse.service.rows.turns import RowTurns
from projections import catalog
from projections.catalog import Dataset
from projections.fold import State

ACTOR = "lakehouse"
"""The actor of its events."""
CHECK_S = 1.0
PAUSE_S = 30.0
"""The pause after a failure."""
QUIET_S = 10.0
"""How long a compacted dataset must be unchanged before it is compacted to few objects."""
BEHIND_S = (5.0, 15.0)
"""How long other processes leave a dataset to the one that wrote the last slot."""
TARGET_BYTES = DEFAULT_TARGET_MB * MIB

log = structlog.get_logger()


class _Watched:
    """A dataset that has too many small objects, or had them a moment ago."""

    def __init__(self, seq: int, changed_s: float, not_before_s: float) -> None:
        self.seq = seq
        """Its last change of rows or schema, which was seen at `changed_s`."""
        self.changed_s = changed_s
        self.not_before_s = not_before_s


class BackgroundCompaction:
    """Compacts one node's datasets that have more than `allowed` small objects."""

    def __init__(self, node: Node, job: GroupJob, turns: RowTurns, allowed: int) -> None:
        self._node = node
        self._job = job
        self._turns = turns
        self._allowed = allowed
        self._settled = min(SETTLED_OBJECTS, allowed)
        self._watched: dict[str, _Watched] = {}
        self._left: set[str] = set()
        """Blobs that could not be merged: they are not tried twice."""
        self._wrote_last = True
        self._seen: State | None = None
        node.follower.listeners.append(self._note_slot)

    async def run(self) -> None:
        """Compact what is due, until cancelled."""
        clock, chance = self._node.clock, self._node.chance
        while True:
            await clock.sleep(CHECK_S * chance.uniform(0.5, 1.5))
            try:
                while await self.compact_one():
                    await clock.sleep(0)
            except (BucketError, RefusedError, OSError) as error:
                log.warning("not_compacted", kind=type(error).__name__, detail=str(error))
                await clock.sleep(PAUSE_S)

    async def compact_one(self) -> bool:
        """Merge one group of one dataset that is due now. False if none is.

        Raises what reads and commits raise.
        """
        now_s = self._node.clock.monotonic()
        self._watch(now_s)
        for name, watched in list(self._watched.items()):
            live = catalog.find(self._node.state.catalog, name)
            group = self._due(live, watched, now_s) if live is not None else None
            if group is not None:
                await self._merge(group)
                return True
        return False

    def _watch(self, now_s: float) -> None:
        """Note which datasets have too many objects, and when those that are noted last changed."""
        state = self._node.state
        if state is self._seen:
            return
        self._seen, datasets = state, state.catalog.datasets
        for name in self._watched.keys() - datasets.keys():
            del self._watched[name]
        for name, live in datasets.items():
            seq, watched = catalog.last_change(live), self._watched.get(name)
            if watched is not None:
                if watched.seq != seq:
                    watched.seq, watched.changed_s = seq, now_s
            elif self._has_too_many(live):
                wait_s = 0.0 if self._wrote_last else self._node.chance.uniform(*BEHIND_S)
                self._watched[name] = _Watched(seq, now_s, now_s + wait_s)

    def _has_too_many(self, live: Dataset) -> bool:
        if live.schema is None or len(live.objects) <= self._allowed:
            return False
        return small_objects(self._candidates(live), TARGET_BYTES) > self._allowed

    def _due(self, live: Dataset, watched: _Watched, now_s: float) -> Group | None:
        """The group of a watched dataset to merge now; a quiet one is watched until it has few objects."""
        if now_s < watched.not_before_s or self._turns.is_taken(live.name):
            return None
        candidates = self._candidates(live)
        count = small_objects(candidates, TARGET_BYTES)
        quiet = now_s - watched.changed_s >= QUIET_S
        if count <= self._allowed and not quiet:
            return None
        left = self._settled if quiet else max(1, self._allowed * 3 // 4)
        groups = tiered_groups(candidates, TARGET_BYTES, self._allowed, left)
        if count <= self._settled or not groups:
            del self._watched[live.name.lower()]
            return None
        items = live.objects[groups[0].start : groups[0].stop]
        return Group(live, items, TARGET_BYTES)

    def _candidates(self, live: Dataset) -> list[Candidate]:
        counts = Counter(item.blob for item in live.objects)
        return [
            Candidate(
                item.size_bytes,
                item.row_count,
                is_fixed=item.blob in self._left or counts[item.blob] > 1,
            )
            for item in live.objects
        ]

    async def _merge(self, group: Group) -> None:
        caller = Caller(ACTOR, self._node.clock.monotonic(), BACKGROUND, "compact")
        name = group.dataset.name
        try:
            written = await self._job.run(caller, group)
        except Outdated as error:
            log.info("compaction_outdated", dataset=name, detail=str(error))
            await self._node.refresh()
            return
        if written.settled is None:
            self._left |= {item.blob for item in group.items}
            log.warning("not_compacted", dataset=name, detail=written.problem)
            return
        log.info("compacted", dataset=name, objects=len(group.items), seq=written.settled.seq)

    def _note_slot(self, slot: Slot) -> None:
        self._wrote_last = slot.header.writer == self._node.writer.name
